#include "cli/demo_certificates.h"

#include "cli/demo_place.h"
#include "net/minica.h"
#include "net/tls_dane.h"

#include <openssl/pem.h>
#include <stdio.h>

enum { DAY_S = 86400, DOMAINS_MOST = 32 };

const char *demo_file(struct arena *arena, const char *folder, const char *name, const char *ending)
{
    return arena_printf(arena, "%s/%s%s", folder, name, ending).ptr;
}

struct issuing {
    struct arena arena;
    const char *folder;
    const struct minica *ca;
    struct fault *why;
};

static enum status issue(struct issuing *i, const struct minica *ca, const char *file, const struct minica_leaf *leaf)
{
    return minica_issue(ca, leaf, demo_file(&i->arena, i->folder, file, ".pem"),
                        demo_file(&i->arena, i->folder, file, ".key"), i->why);
}

static enum status issue_to_server(struct issuing *i, const struct demo_server *s)
{
    static const char *const another = "another.renamed.test";
    struct minica_leaf leaf = { .names = s->certificate == DEMO_MISNAMED ? &another : &s->name, .names_len = 1 };

    if (s->certificate == DEMO_NONE)
        return OK;
    if (s->certificate == DEMO_EXPIRED) {
        leaf.valid_from_s = -10 * DAY_S;
        leaf.valid_for_s = 9 * DAY_S;
    }
    return issue(i, s->certificate == DEMO_SELF_SIGNED ? NULL : i->ca, s->name, &leaf);
}

static enum status issue_to_policy_host(struct issuing *i)
{
    const char *names[DOMAINS_MOST];
    struct minica_leaf leaf = { .names = names };
    const struct demo_domain *domains;
    size_t len = demo_domains(&domains);

    for (size_t d = 0; d < len && leaf.names_len < DOMAINS_MOST; d++)
        if (domains[d].policy != NULL)
            names[leaf.names_len++] = arena_printf(&i->arena, "mta-sts.%s", domains[d].name).ptr;
    return issue(i, i->ca, DEMO_POLICY_HOST, &leaf);
}

enum status demo_certificates_make(const char *folder, struct fault *why)
{
    static const char *const gateway = DEMO_GATEWAY;
    struct minica *ca = minica_new("sternpost demo CA");
    struct issuing i = { .folder = folder, .ca = ca, .why = why };
    const struct demo_server *servers;
    size_t len = demo_servers(&servers);
    enum status st = minica_write_root(ca, demo_file(&i.arena, folder, "ca", ".pem"), why);

    if (st == OK)
        st = issue(&i, ca, gateway, &(struct minica_leaf){ .names = &gateway, .names_len = 1 });
    if (st == OK)
        st = issue_to_policy_host(&i);
    for (size_t s = 0; s < len && st == OK; s++)
        st = issue_to_server(&i, &servers[s]);
    arena_release(&i.arena);
    minica_free(ca);
    return st;
}

static X509 *read_leaf(const char *chain_file)
{
    FILE *file = fopen(chain_file, "re");
    X509 *leaf = NULL;

    if (file == NULL)
        return NULL;
    leaf = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    return leaf;
}

enum status demo_tlsa(const char *chain_file, struct arena *arena, const char **out, struct fault *why)
{
    X509 *leaf = read_leaf(chain_file);

    if (leaf == NULL)
        return fault_set(why, ERR_SYNTAX, "cannot read the certificate '%s'", chain_file);
    *out = tls_dane_record(leaf, arena).ptr;
    X509_free(leaf);
    return OK;
}
