/* `sternpost config check`: reads the configuration file as the daemon would, and looks at what it names. */
#include "cli/config_check.h"

#include "base/log.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/privilege.h"
#include "settings/config.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

enum { EXPIRY_WARNING_DAYS = 14 };

struct findings {
    const char *file;
    json_t *listeners, *warnings, *errors;
    struct arena arena;
};

static void PRINTF_LIKE(2, 3) find(json_t *list, const char *fmt, ...)
{
    char text[sizeof(struct fault)];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_array_append_new(list, json_string(text));
}

static X509 *read_leaf(const char *file)
{
    BIO *bio = BIO_new_file(file, "r");
    X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return leaf;
}

/* A key under a pass phrase cannot be used by a daemon: no phrase is asked for. */
static int no_phrase(char *out, int size, int is_writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)ctx;
    return -1;
}

static EVP_PKEY *read_key(const char *file)
{
    BIO *bio = BIO_new_file(file, "r");
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_phrase, NULL);

    BIO_free(bio);
    return key;
}

static void check_expiry(struct findings *f, const char *file, const X509 *leaf)
{
    int days = 0, seconds = 0;
    struct tm end;
    char text[32] = "";

    if (!ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) ||
        !ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)))
        return;
    (void)strftime(text, sizeof text, "%Y-%m-%d", &end);
    if (days < 0 || seconds < 0)
        find(f->warnings, "certificate '%s' expired on %s; put a new one in its place, it is taken up by itself", file,
             text);
    else if (days < EXPIRY_WARNING_DAYS)
        find(f->warnings, "certificate '%s' expires on %s, in %d days", file, text, days);
}

static void check_certificate(struct findings *f, const struct tls_server_certificate *c)
{
    X509 *leaf = read_leaf(c->chain_file);
    EVP_PKEY *key = read_key(c->key_file);

    if (leaf == NULL)
        find(f->errors, "certificate '%s' cannot be read as PEM; check the path and who may read it", c->chain_file);
    if (key == NULL)
        find(f->errors, "key '%s' cannot be read as PEM without a pass phrase; check the path and who may read it",
             c->key_file);
    if (leaf != NULL && key != NULL && X509_check_private_key(leaf, key) != 1)
        find(f->errors, "key '%s' does not belong to the certificate '%s'", c->key_file, c->chain_file);
    if (leaf != NULL)
        check_expiry(f, c->chain_file, leaf);
    X509_free(leaf);
    EVP_PKEY_free(key);
}

/* What only the daemon's own eyes see: a key too weak for the profile, a chain that is torn. */
static void check_tls(struct findings *f, const char *what, const struct tls_server_config *config)
{
    struct tls_server *tls = NULL;
    struct fault why;

    if (tls_server_new(config, &tls, &why) != OK)
        find(f->errors, "%s: %s", what, why.text);
    tls_server_free(tls);
}

static void check_certificates(struct findings *f, const char *what, const struct tls_server_config *config)
{
    size_t before = json_array_size(f->errors);

    for (size_t i = 0; i < config->certificates_len; i++)
        check_certificate(f, &config->certificates[i]);
    if (json_array_size(f->errors) == before)
        check_tls(f, what, config);
}

static void check_listener(struct findings *f, const struct config_listener *l)
{
    const char *what = arena_printf(&f->arena, "listener '%s'", l->name).ptr;

    if (l->role == ROLE_RELAY && l->networks_len == 0)
        find(f->warnings, "listener '%s' of role relay has no networks: nobody may relay through it", l->name);
    if (l->role == ROLE_SUBMISSION && l->tls == LISTENER_CLEAR)
        find(f->warnings, "listener '%s' of role submission has no TLS: nobody can sign in", l->name);
    if (l->role == ROLE_MX && l->tls == LISTENER_CLEAR)
        find(f->warnings, "listener '%s' has no TLS: mail from the internet arrives in clear text", l->name);
    if (l->tls != LISTENER_CLEAR)
        check_certificates(f, what, &l->tls_config);
}

static void show_listener(struct findings *f, const struct config_listener *l)
{
    json_t *j = json_object(), *addresses = json_array(), *certificates = json_array();
    char text[NET_ADDRESS_TEXT];

    for (size_t i = 0; i < l->addresses_len; i++)
        json_array_append_new(addresses, json_string(net_address_text(&l->addresses[i], text)));
    for (size_t i = 0; i < l->tls_config.certificates_len; i++)
        json_array_append_new(certificates, json_string(l->tls_config.certificates[i].chain_file));
    json_object_set_new(j, "name", json_string(l->name));
    json_object_set_new(j, "role", json_string(listener_role_name(l->role)));
    json_object_set_new(j, "addresses", addresses);
    json_object_set_new(j, "certificates", certificates);
    json_array_append_new(f->listeners, j);
}

static void check_store(struct findings *f, const char *url)
{
    struct slice path = slice_from(slice_str(url), slice_find(slice_str(url), ':') + 1);
    size_t slash = slice_find_last(path, '/');
    const char *folder = slash == SIZE_MAX ? "." : arena_copy(&f->arena, slice_first(path, slash + 1)).ptr;

    if (access(folder, F_OK) != 0)
        find(f->errors, "folder '%s' of the store is not there; make it and give it to the daemon's user", folder);
}

static void check_process(struct findings *f, const struct config *config)
{
    if (config->user != NULL && !privilege_user_exists(config->user))
        find(f->errors, "user '%s' does not exist; make it with: useradd --system %s", config->user, config->user);
    if (config->has_admin && net_address_is_global(&config->admin))
        find(f->warnings, "the admin listener has a public address: everyone can read the metrics");
    check_store(f, config->store);
}

static void print_list(const char *title, const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item) {
        (void)printf("%s: %s\n", title, json_string_value(item));
    }
}

static void print_findings(const struct findings *f)
{
    const json_t *l, *item;
    size_t i, k;

    json_array_foreach(f->listeners, i, l) {
        (void)printf("listener %s (%s):", json_string_value(json_object_get(l, "name")),
                     json_string_value(json_object_get(l, "role")));
        json_array_foreach(json_object_get(l, "addresses"), k, item) {
            (void)printf(" %s", json_string_value(item));
        }
        (void)fputc('\n', stdout);
        json_array_foreach(json_object_get(l, "certificates"), k, item) {
            (void)printf("  certificate %s\n", json_string_value(item));
        }
    }
    print_list("warning", f->warnings);
    print_list("error", f->errors);
    if (json_array_size(f->errors) == 0)
        (void)printf("%s: good\n", f->file);
}

static void look_at(struct findings *f, const struct config *config)
{
    log_configure(LOG_LEVEL_ERROR, config->log_format); /* what loading warns of is found here in better words */
    f->listeners = json_array();
    f->warnings = json_array();
    f->errors = json_array();
    check_process(f, config);
    for (size_t i = 0; i < config->listeners_len; i++) {
        show_listener(f, &config->listeners[i]);
        check_listener(f, &config->listeners[i]);
    }
    if (config->policy_host.addresses_len > 0)
        check_certificates(f, "policy-host", &config->policy_host.tls_config);
}

static bool is_good(const struct findings *f)
{
    return json_array_size(f->errors) == 0;
}

static void forget(struct findings *f)
{
    json_decref(f->listeners);
    json_decref(f->warnings);
    json_decref(f->errors);
    arena_release(&f->arena);
}

int config_exit_code(const struct config *config)
{
    struct findings f = { .file = NULL };
    int code;

    look_at(&f, config);
    code = is_good(&f) ? EXIT_NEGATIVE : EXIT_USAGE;
    forget(&f);
    return code;
}

int run_config_check(const struct invocation *inv)
{
    struct findings f = { .file = inv->args_len > 0 ? inv->args[0] : invocation_option(inv, "config") };
    struct config *config;
    struct fault why;
    int code;

    if (f.file == NULL)
        return complain(EXIT_USAGE, "say which file: sternpost config check FILE");
    if (config_load(f.file, &config, &why) != OK)
        return complain(EXIT_USAGE, "%s", why.text);
    look_at(&f, config);
    if (invocation_has(inv, "json"))
        print_json(json_pack("{s:b, s:O, s:O, s:O}", "good", is_good(&f), "listeners", f.listeners, "warnings",
                             f.warnings, "errors", f.errors));
    else
        print_findings(&f);
    code = is_good(&f) ? EXIT_DONE : EXIT_USAGE;
    forget(&f);
    config_free(config);
    return code;
}
