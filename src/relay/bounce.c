#include "relay/bounce.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "mail/address.h"
#include "mail/redact.h"
#include "mail/scan.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

/* A report with its original stays within what is kept in one row. */
enum { RETURNED_MAX_BYTES = STORE_INLINE_MAX / 2, MINUTE_MS = 60000, MOST_DOMAINS = 10000, DOMAIN_MAX = 255 };

/* -- who is told ------------------------------------------------------------------------------------------------- */

static const unsigned notify_bits[] = {
    [MAIL_DSN_FAILED] = SMTP_NOTIFY_FAILURE,
    [MAIL_DSN_DELAYED] = SMTP_NOTIFY_DELAY,
    [MAIL_DSN_DELIVERED] = SMTP_NOTIFY_SUCCESS,
    [MAIL_DSN_RELAYED] = SMTP_NOTIFY_SUCCESS,
    [MAIL_DSN_EXPANDED] = SMTP_NOTIFY_SUCCESS,
};

bool bounce_is_wanted(const struct stored_message *m, const struct stored_rcpt *rcpt, enum mail_dsn_action action)
{
    unsigned notify = rcpt->rcpt.notify;

    if (m->mail.address.len == 0)
        return false; /* RFC 5321 section 4.5.5 */
    if (notify == 0)
        notify = SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY;
    return (notify & notify_bits[action]) != 0;
}

/* -- how many ------------------------------------------------------------------------------------------------------ */

struct bucket {
    int64_t  since_ms;
    unsigned used;
};

struct bounce_cap {
    pthread_mutex_t lock;
    struct map      buckets;
    unsigned        per_minute;
};

struct bounce_cap *bounce_cap_new(unsigned per_minute)
{
    struct bounce_cap *c = NEW(struct bounce_cap);

    pthread_mutex_init(&c->lock, NULL);
    map_init(&c->buckets);
    c->per_minute = per_minute;
    return c;
}

static void forget_all(struct bounce_cap *c)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *bucket;

    while (map_next(&c->buckets, &at, &key, &bucket)) {
        (void)map_remove(&c->buckets, key);
        free(bucket);
    }
}

void bounce_cap_free(struct bounce_cap *c)
{
    if (c == NULL)
        return;
    forget_all(c);
    map_release(&c->buckets);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* Under the lock. */
static struct bucket *bucket_of(struct bounce_cap *c, struct slice domain, int64_t now_ms)
{
    struct bucket *b = map_get(&c->buckets, domain);

    if (b == NULL) {
        if (map_count(&c->buckets) >= MOST_DOMAINS)
            forget_all(c);
        b = NEW(struct bucket);
        b->since_ms = now_ms;
        (void)map_put(&c->buckets, domain, b);
    }
    if (now_ms - b->since_ms >= MINUTE_MS) {
        b->since_ms = now_ms;
        b->used = 0;
    }
    return b;
}

bool bounce_cap_allows(struct bounce_cap *c, struct slice domain, int64_t now_ms)
{
    char lower[DOMAIN_MAX];
    struct bucket *b;
    bool is_allowed;

    domain = slice_lower(slice_first(domain, sizeof lower), lower); /* one domain is one bucket, however it is written */
    pthread_mutex_lock(&c->lock);
    b = bucket_of(c, domain, now_ms);
    is_allowed = b->used < c->per_minute;
    b->used += is_allowed;
    pthread_mutex_unlock(&c->lock);
    return is_allowed;
}

/* -- the message ----------------------------------------------------------------------------------------------------- */

static enum status address_it(const struct stored_message *original, struct arena *arena, struct stored_message *out,
                              struct fault *why)
{
    struct mail_address to;
    struct stored_rcpt *rcpt = ARENA_NEW(arena, struct stored_rcpt);
    enum status st = mail_address_parse(arena, original->mail.address, &to, why);

    if (st != OK)
        return st;
    rcpt->rcpt.address = original->mail.address;
    rcpt->rcpt.notify = SMTP_NOTIFY_NEVER;
    rcpt->domain = to.domain;
    rcpt->due_s = out->received_s;
    out->rcpts = rcpt;
    out->rcpts_len = 1;
    return OK;
}

/* Where the body begins, as far as the content at hand shows it. */
static size_t header_bytes(struct slice content)
{
    struct mail_scan *scan = mail_scan_new();
    size_t bytes;

    mail_scan_feed(scan, content);
    mail_scan_end(scan);
    bytes = mail_scan_header_bytes(scan);
    mail_scan_free(scan);
    return bytes;
}

static enum status write_text(const struct mail_dsn *dsn, struct arena *arena, struct stored_message *out,
                              struct fault *why)
{
    struct buf text;
    bool is_8bit = false;
    enum status st;

    buf_init(&text, STORE_INLINE_MAX);
    st = mail_dsn_write(dsn, &text, &is_8bit);
    if (st == OK) {
        out->body = arena_copy(arena, buf_slice(&text));
        out->mail.size = out->body.len;
        out->mail.is_utf8 = dsn->is_utf8;
        out->mail.body = is_8bit ? SMTP_BODY_8BITMIME : SMTP_BODY_7BIT;
    } else {
        (void)fault_set(why, st, "it does not fit, or its sender is no mailbox");
    }
    buf_release(&text);
    return st;
}

enum status bounce_write(const struct config *config, const struct stored_message *original, struct slice content,
                         bool is_whole, const struct mail_dsn_rcpt *recipients, size_t recipients_len,
                         struct arena *arena, struct stored_message *out, struct fault *why)
{
    char id[MESSAGE_ID_TEXT];
    enum status st;
    struct mail_dsn dsn = {
        .to = original->mail.address,
        .hostname = config->hostname,
        .id = slice_str(message_id_text(original->id, id)),
        .envid = original->mail.envid,
        .arrival_s = original->received_s,
        .now_s = clock_wall_s(),
        .rcpts = recipients,
        .rcpts_len = recipients_len,
        .content = content,
        .header_bytes = header_bytes(content),
        .ret = original->mail.ret,
        .full_max_bytes = is_whole ? RETURNED_MAX_BYTES : 0,
        .is_utf8 = original->mail.is_utf8,
    };

    if (original->mail.requires_tls) {
        /* Its way back may be less safe than REQUIRETLS asks: nothing to be read goes with it (RTL-03). */
        dsn.content = mail_redact(content, arena);
        dsn.header_bytes = dsn.content.len;
        dsn.ret = SMTP_RET_HDRS;
    }

    (void)!getrandom(dsn.random, sizeof dsn.random, 0);
    *out = (struct stored_message){ .id = message_id_new(), .received_s = dsn.now_s, .origin = ORIGIN_LOCAL };
    st = address_it(original, arena, out, why);
    return st == OK ? write_text(&dsn, arena, out, why) : st;
}
