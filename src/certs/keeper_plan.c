#include "base/log.h"
#include "base/memory.h"
#include "certs/keeper_private.h"
#include "net/tls_setup.h"

#include <openssl/evp.h>

/* One listener's plan while it is made. */
struct planning {
    struct cert_keeper *k;
    const struct config_listener *listener;
    struct kept **kept; /* who takes part */
    struct rotation_candidate *c;
    size_t len;
    const struct rotation_edition *editions;
    size_t editions_len;
    struct arena arena;
};

static bool is_files_of(const struct cert_source *s, const struct tls_server_certificate *f)
{
    return slice_eq(s->setting.chain_file, slice_str(f->chain_file)) &&
           slice_eq(s->setting.key_file, slice_str(f->key_file));
}

static bool is_of_listener(const struct cert_source *s, const struct config_listener *l)
{
    for (size_t i = 0; i < l->tls_config.certificates_len; i++) {
        if (is_files_of(s, &l->tls_config.certificates[i]))
            return true;
    }
    return false;
}

bool kept_serves(const struct kept *kept, const struct config_listener *l)
{
    if (l->tls == LISTENER_CLEAR)
        return false;
    return kept->source->is_config ? is_of_listener(kept->source, l) : cert_source_serves(kept->source, l);
}

static bool is_among(const struct certificate_setting *s, struct slice node)
{
    for (size_t i = 0; i < s->nodes_len; i++)
        if (slice_eq(s->nodes[i], node))
            return true;
    return false;
}

static void add(struct planning *p, struct kept *kept)
{
    const struct cert_source *s = kept->source;
    const struct certificate_setting *setting = &s->setting;

    if (s->now == NULL)
        return;
    p->kept[p->len] = kept;
    p->c[p->len++] = (struct rotation_candidate){
        .valid_from_s = s->is_config ? INT64_MIN : setting->valid_from_s,
        .take_over_s = s->is_config ? INT64_MIN : setting->take_over_s,
        .retire_s = s->is_config ? INT64_MAX : setting->retire_s,
        .not_before_s = s->is_config ? INT64_MIN : certificate_not_before_s(s->now->certificate.leaf),
        .not_after_s = certificate_not_after_s(s->now->certificate.leaf),
        .share = setting->share,
        .is_held = kept->guard.verdict != GUARD_FREE,
        .kind = (int)s->now->certificate.kind,
        .names = s->now->certificate.names,
        .names_len = s->now->certificate.names_len,
    };
    if (setting->nodes_len > 0)
        rotation_by_node(&p->c[p->len - 1], is_among(setting, p->k->config.config->hostname));
}

/* The configuration's in the order in which the listener names them. */
static void gather(struct planning *p)
{
    struct cert_keeper *k = p->k;
    const struct tls_server_config *files = &p->listener->tls_config;

    p->kept = ARENA_ARRAY(&p->arena, struct kept *, k->len + files->certificates_len);
    p->c = ARENA_ARRAY(&p->arena, struct rotation_candidate, k->len + files->certificates_len);
    for (size_t f = 0; f < files->certificates_len; f++) {
        for (size_t i = 0; i < k->config_len; i++) {
            if (is_files_of(k->all[i]->source, &files->certificates[f]))
                add(p, k->all[i]);
        }
    }
    for (size_t i = k->config_len; i < k->len; i++) {
        if (kept_serves(k->all[i], p->listener))
            add(p, k->all[i]);
    }
}

/* Who asks for no name, or one we do not have, gets what serves our hostname when a setting brought that; else what
 * serves the listener's first certificate of the configuration. */
static struct slice fallback_of(const struct planning *p)
{
    struct slice hostname = p->k->config.config->hostname;
    const struct cert_copy *first = NULL;

    for (size_t i = 0; i < p->len; i++) {
        const struct cert_source *s = p->kept[i]->source;

        if (!s->is_config && set_covers(&s->now->certificate, hostname))
            return hostname;
        if (s->is_config && first == NULL)
            first = s->now;
    }
    return first != NULL && first->certificate.names_len > 0 ? first->certificate.names[0] : hostname;
}

static void add_number(EVP_MD_CTX *all, size_t number)
{
    tls_must(EVP_DigestUpdate(all, &number, sizeof number));
}

static void add_text(EVP_MD_CTX *all, struct slice text)
{
    add_number(all, text.len);
    tls_must(EVP_DigestUpdate(all, text.ptr, text.len));
}

static void add_kept(EVP_MD_CTX *all, const struct kept *kept)
{
    const struct cert_copy *copy = kept->source->now;

    add_text(all, kept->source->setting.name);
    add_text(all, slice_str(copy->whole));
    add_number(all, copy->certificate.names_len);
    for (size_t n = 0; n < copy->certificate.names_len; n++)
        add_text(all, copy->certificate.names[n]);
}

/* The plan in short: it is handed out again only when this changes. A round makes it anew, and there may be many
 * names. */
static char *signature(const struct planning *p)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *all = EVP_MD_CTX_new();
    char *out = mem_new(2 * sizeof digest + 1, 1);
    unsigned len = 0;

    tls_must(all != NULL && EVP_DigestInit_ex(all, EVP_sha256(), NULL));
    for (size_t e = 0; e < p->editions_len; e++) {
        add_number(all, p->editions[e].until);
        add_number(all, p->editions[e].order_len);
        for (size_t i = 0; i < p->editions[e].order_len; i++)
            add_kept(all, p->kept[p->editions[e].order[i]]);
    }
    tls_must(EVP_DigestFinal_ex(all, digest, &len));
    EVP_MD_CTX_free(all);
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return out;
}

static enum status hand_out(struct planning *p, struct tls_server *server, struct fault *why)
{
    struct tls_edition *out = ARENA_ARRAY(&p->arena, struct tls_edition, p->editions_len);

    for (size_t e = 0; e < p->editions_len; e++) {
        const struct rotation_edition *from = &p->editions[e];
        const struct tls_certificate **order = ARENA_ARRAY(&p->arena, const struct tls_certificate *, from->order_len);

        for (size_t i = 0; i < from->order_len; i++)
            order[i] = &p->kept[from->order[i]]->source->now->certificate;
        out[e] = (struct tls_edition){ .certificates = order,
                                       .certificates_len = from->order_len,
                                       .fallback = fallback_of(p),
                                       .until = from->until };
    }
    return tls_server_use(server, out, p->editions_len, why);
}

static struct tls_server *server_of(const struct cert_keeper *k, size_t at)
{
    return at < k->config.config->listeners_len ? k->config.servers[at] : k->config.policy_host;
}

static void plan_listener(struct cert_keeper *k, size_t at)
{
    struct planning p = { .k = k, .listener = keeper_listener(k, at) };
    struct fault why;
    char *plan;

    gather(&p);
    rotation_plan(p.c, p.len, keeper_now_s(k), &p.arena, &p.editions, &p.editions_len);
    plan = signature(&p);
    if (p.len > 0 && (k->plans[at] == NULL || strcmp(plan, k->plans[at]) != 0)) {
        if (hand_out(&p, server_of(k, at), &why) != OK)
            log_error(NULL, "keeping the old certificates: the new ones cannot be used",
                      LOG_CSTR("listener", p.listener->name), LOG_CSTR("why", why.text));
        free(k->plans[at]);
        k->plans[at] = plan;
        k->is_changed = true;
        plan = NULL;
    }
    for (size_t i = 0; i < p.len; i++) {
        p.kept[i]->stage = p.c[i].stage;
        if (p.c[i].percent > p.kept[i]->percent)
            p.kept[i]->percent = p.c[i].percent;
        if (p.c[i].least < p.kept[i]->least)
            p.kept[i]->least = p.c[i].least;
    }
    free(plan);
    arena_release(&p.arena);
}

static enum kept_state state_of(const struct kept *kept)
{
    static const enum kept_state by_stage[] = {
        [ROTATION_WAITS] = KEPT_WAITS,
        [ROTATION_ROLLS] = KEPT_ROLLS,
        [ROTATION_LEADS] = KEPT_SERVES,
        [ROTATION_RETIRED] = KEPT_RETIRED,
    };

    if (kept->source->now == NULL)
        return KEPT_REFUSED;
    if (kept->stage == ROTATION_WAITS && kept->guard.verdict != GUARD_FREE)
        return KEPT_HELD;
    return kept->stage == ROTATION_LEADS && kept->percent == 0 ? KEPT_SUPERSEDED : by_stage[kept->stage];
}

void keeper_plan(struct cert_keeper *k)
{
    for (size_t i = 0; i < k->len; i++) {
        k->all[i]->percent = 0;
        k->all[i]->least = 100;
        k->all[i]->stage = ROTATION_WAITS;
    }
    for (size_t i = 0; i < keeper_listeners(k); i++) {
        if (server_of(k, i) != NULL)
            plan_listener(k, i);
    }
    for (size_t i = 0; i < k->len; i++) {
        struct kept *kept = k->all[i];

        bool serves = kept->percent > 0 && kept->stage != ROTATION_WAITS;

        if (kept->is_in_service != serves) {
            kept->is_in_service = serves;
            kept->since_s = keeper_now_s(k);
            k->is_to_save = true;
        }
        kept->state = state_of(kept);
    }
}
