#include "domains/publication.h"

#include "base/log.h"
#include "base/memory.h"
#include "domains/dns_update.h"
#include "net/dns_ask.h"
#include "net/dns_message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

enum { QUESTION_MAX = 512, CHANGES_MOST = 200 };

struct look { /* at one record, as the server has it */
    struct dns_ask ask;
    struct buf message;
    struct publication *publication;
    const struct own_record *wanted;
};

struct publication {
    struct publication_config config;
    struct arena arena;
    struct look *looks;
    size_t looks_len, open;
    struct dns_update_step steps[OWN_RECORDS_MOST];
    size_t steps_len;
    struct dns_update_key key;
    struct dns_update update;
    struct dns_ask sending;
    struct slice changes[CHANGES_MOST];
    size_t changes_len;
    struct loop_timer soon;
    enum status status;
    struct fault why;
};

/* Always from the loop. */
static void on_soon(struct loop_timer *t)
{
    struct publication *p = CONTAINER_OF(t, struct publication, soon);

    p->config.done(p);
}

static void finish(struct publication *p, enum status st)
{
    p->status = st;
    loop_timer_set(p->config.loop, &p->soon, 0);
}

/* -- sending ------------------------------------------------------------------------------------------------ */

static void on_sent(struct dns_ask *ask)
{
    struct publication *p = CONTAINER_OF(ask, struct publication, sending);
    enum status st = ask->status;

    if (st == OK)
        st = dns_update_judge(&p->key, &p->update, ask->answer, &p->why);
    else
        p->why = ask->why;
    log_info(NULL, st == OK ? "records were published" : "records could not be published",
             LOG_STR("domain", inspection_domain(p->config.inspection)),
             LOG_STR("zone", inspection_zone(p->config.inspection)), LOG_INT("changes", p->changes_len),
             LOG_CSTR("why", st == OK ? "" : p->why.text));
    finish(p, st);
}

static void send_update(struct publication *p)
{
    const struct config_dns_update *c = p->config.server;
    enum status st = dns_update_secret(c->secret_file, &p->arena, &p->key.secret, &p->why);

    p->key.name = c->key_name;
    p->key.algorithm = c->algorithm;
    if (st == OK)
        st = dns_update_write(&p->key, inspection_zone(p->config.inspection), p->steps, p->steps_len, &p->arena,
                              &p->update, &p->why);
    if (st != OK) {
        finish(p, st);
        return;
    }
    p->sending =
        (struct dns_ask){ .done = on_sent, .server = c->address, .message = p->update.message, .by_tcp = true };
    dns_ask_start(&p->sending, p->config.loop);
}

/* -- planning ----------------------------------------------------------------------------------------------- */

static void note(struct publication *p, const char *verb, const struct own_record *r, struct slice value,
                 int64_t ttl_s)
{
    if (p->changes_len < CHANGES_MOST)
        p->changes[p->changes_len++] =
            arena_printf(&p->arena, "%s %.*s. %" PRId64 " IN %s %.*s", verb, SLICE_FMT(r->owner), ttl_s,
                         own_record_type_name(r->type), SLICE_FMT(own_record_value_text(r->type, value, &p->arena)));
}

static void note_removed(struct publication *p, const struct own_record *r, const struct own_record_change *c,
                         const struct dns_answer *seen)
{
    for (size_t i = 0; i < c->remove_len; i++) {
        for (size_t k = 0; k < seen->records_len; k++) {
            if (own_record_rdata(&seen->records[k]).ptr == c->remove[i].ptr)
                note(p, "remove", r, seen->records[k].bytes, seen->ttl_s);
        }
    }
}

static enum status plan(struct publication *p, const struct look *l)
{
    struct dns_update_step *s = &p->steps[p->steps_len];
    struct dns_answer seen = { .outcome = DNS_FAILED };

    if (l->ask.status != OK) {
        p->why = l->ask.why;
        return ERR_TEMPORARY;
    }
    dns_message_read(l->ask.answer, l->wanted->type, &p->arena, &seen);
    if (seen.outcome == DNS_FAILED)
        return fault_set(&p->why, ERR_PERMANENT, "the name server for updates does not tell what it has: %s",
                         seen.why);
    *s = (struct dns_update_step){ .owner = l->wanted->owner, .type = l->wanted->type };
    own_record_plan(l->wanted, &seen, &p->arena, &s->change);
    if (s->change.add.len == 0 && s->change.remove_len == 0)
        return OK;
    note_removed(p, l->wanted, &s->change, &seen);
    if (s->change.add.len > 0)
        note(p, "add", l->wanted, l->wanted->value, s->change.ttl_s);
    p->steps_len++;
    return OK;
}

static void plan_all(struct publication *p)
{
    enum status st = OK;

    for (size_t i = 0; i < p->looks_len && st == OK; i++)
        st = plan(p, &p->looks[i]);
    if (st != OK || p->steps_len == 0)
        finish(p, st);
    else
        send_update(p);
}

static void on_look(struct dns_ask *ask)
{
    struct publication *p = CONTAINER_OF(ask, struct look, ask)->publication;

    if (--p->open == 0)
        plan_all(p);
}

/* -- life --------------------------------------------------------------------------------------------------- */

static void look_at(struct publication *p, const struct own_record *wanted)
{
    struct look *l = &p->looks[p->looks_len++];
    uint16_t id = 0;

    (void)!getrandom(&id, sizeof id, 0);
    l->publication = p;
    l->wanted = wanted;
    buf_init(&l->message, QUESTION_MAX);
    l->ask = (struct dns_ask){ .done = on_look, .server = p->config.server->address };
    if (!dns_question_write(wanted->owner, wanted->type, id, &l->message)) {
        p->looks_len--;
        buf_release(&l->message);
        return;
    }
    l->ask.message = buf_slice(&l->message);
    p->open++;
    dns_ask_start(&l->ask, p->config.loop);
}

static bool may_change(const struct config_dns_update *c, struct slice zone)
{
    for (size_t i = 0; i < c->zones_len; i++) {
        struct slice allowed = slice_str(c->zones[i]);

        if (allowed.len > 0 && allowed.ptr[allowed.len - 1] == '.')
            allowed.len--;
        if (slice_eq_case(zone, allowed))
            return true;
    }
    return c->zones_len == 0;
}

struct publication *publication_start(const struct publication_config *config)
{
    struct publication *p = NEW(struct publication);
    const struct inspected_record *records;
    size_t len = inspection_records(config->inspection, &records);
    struct slice zone = inspection_zone(config->inspection);

    p->config = *config;
    p->soon.fire = on_soon;
    p->looks = mem_new(len + 1, sizeof *p->looks);
    if (zone.len == 0) {
        finish(p, fault_set(&p->why, ERR_TEMPORARY, "DNS does not tell which zone the domain lies in"));
        return p;
    }
    if (!may_change(config->server, zone)) {
        finish(p, fault_set(&p->why, ERR_PERMANENT,
                            "the zone %.*s is none of those that dns-update may change; add it to zones",
                            SLICE_FMT(zone)));
        return p;
    }
    for (size_t i = 0; i < len; i++) {
        if (config->leaves_policy_id && slice_starts(records[i].wanted.owner, SLICE_LIT("_mta-sts.")))
            continue;
        if (records[i].wanted.is_sent && records[i].wanted.value.len > 0)
            look_at(p, &records[i].wanted);
    }
    if (p->open == 0)
        finish(p, OK);
    return p;
}

void publication_free(struct publication *p)
{
    if (p == NULL)
        return;
    loop_timer_clear(p->config.loop, &p->soon);
    for (size_t i = 0; i < p->looks_len; i++) {
        dns_ask_release(&p->looks[i].ask);
        buf_release(&p->looks[i].message);
    }
    dns_ask_release(&p->sending);
    free(p->looks);
    arena_release(&p->arena);
    free(p);
}

void *publication_ctx(const struct publication *p)
{
    return p->config.ctx;
}

enum status publication_result(const struct publication *p, struct fault *why)
{
    *why = p->why;
    return p->status;
}

size_t publication_changes(const struct publication *p, const struct slice **out)
{
    *out = p->changes;
    return p->changes_len;
}
