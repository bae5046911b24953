#include "certs/protocols.h"

#include "base/memory.h"
#include "net/tls_setup.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/random.h>

enum { READ_BYTES = 4096, MS = 1000 };

/* The last thing that is done: the caller may free everything then. */
static void finish(struct protocols *p)
{
    loop_timer_clear(p->loop, &p->end);
    loop_timer_clear(p->loop, &p->timer);
    p->done(p);
}

static void hang_up(struct protocols *p)
{
    if (!p->is_asking)
        return;
    p->is_asking = false;
    loop_timer_clear(p->loop, &p->timer);
    loop_unwatch(p->loop, &p->io);
    approach_release(&p->approach);
    hello_reader_release(&p->reader);
}

static int64_t pause_ms(const struct protocols *p)
{
    if (p->target.pause_ms == 0)
        return PROTOCOLS_PAUSE_MS;
    return p->target.pause_ms > 0 ? p->target.pause_ms : 0;
}

/* RSA as key exchange is as strong as the key in the certificate. */
static unsigned key_bits(const struct hello_reader *r)
{
    struct slice der = r->answer.certs_len > 0 ? hello_cert(r, 0) : SLICE_LIT("");
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *cert = d2i_X509(NULL, &at, (long)der.len);
    EVP_PKEY *key = cert == NULL ? NULL : X509_get0_pubkey(cert);
    unsigned bits = key != NULL && EVP_PKEY_is_a(key, "RSA") ? (unsigned)EVP_PKEY_get_bits(key) : 0;

    X509_free(cert);
    ERR_clear_error();
    return bits;
}

static void take(struct protocols *p, enum protocol_outcome_kind kind)
{
    const struct protocol_outcome o = {
        .kind = p->reader.answer.has_choice ? PROTOCOL_ANSWER : kind,
        .answer = &p->reader.answer,
        .key_bits = key_bits(&p->reader),
        .text = p->approach.text,
        .is_unwanted = p->approach.is_unwanted,
    };

    protocol_plan_take(&p->plan, &o);
}

static void say_goodbye(struct protocols *p)
{
    uint8_t alert[7];
    size_t put;

    if (p->reader.state == HELLO_ANSWERED && p->reader.answer.version != WIRE_SSL2)
        (void)stream_write(&p->approach.stream, hello_goodbye(p->reader.answer.version, alert), &put);
}

static void on_turn(struct loop_timer *t);

static void conclude(struct protocols *p, enum protocol_outcome_kind kind)
{
    say_goodbye(p);
    take(p, kind);
    hang_up(p);
    if (protocol_plan_next(&p->plan) == NULL) {
        finish(p);
        return;
    }
    p->timer.fire = on_turn;
    loop_timer_set(p->loop, &p->timer, pause_ms(p));
}

static void on_silence(struct loop_timer *t)
{
    conclude(CONTAINER_OF(t, struct protocols, timer), PROTOCOL_SILENT);
}

/* False: the question is over. */
static bool flush(struct protocols *p)
{
    while (p->unsent.len > 0) {
        size_t put;
        enum stream_result r = stream_write(&p->approach.stream, p->unsent, &put);

        if (r == STREAM_AGAIN)
            return true;
        if (r != STREAM_OK) {
            conclude(p, PROTOCOL_CLOSED);
            return false;
        }
        p->unsent = slice_from(p->unsent, put);
    }
    loop_watch(p->loop, &p->io, p->approach.stream.fd, LOOP_READ);
    return true;
}

static void on_io(struct loop_io *io, unsigned events)
{
    struct protocols *p = CONTAINER_OF(io, struct protocols, io);
    char bytes[READ_BYTES];

    (void)events;
    if (!flush(p))
        return;
    for (;;) {
        size_t got;
        enum stream_result r = stream_read(&p->approach.stream, bytes, sizeof bytes, &got);

        if (r == STREAM_AGAIN)
            return;
        if (r != STREAM_OK) {
            conclude(p, PROTOCOL_CLOSED);
            return;
        }
        if (hello_feed(&p->reader, slice_of(bytes, got)) != HELLO_MORE) {
            conclude(p, PROTOCOL_ANSWER);
            return;
        }
    }
}

static void on_approached(struct approach *a)
{
    struct protocols *p = CONTAINER_OF(a, struct protocols, approach);

    if (a->failed_at != PROBE_COMPLETE) {
        conclude(p, PROTOCOL_UNREACHED);
        return;
    }
    p->io.ready = on_io;
    loop_watch(p->loop, &p->io, a->stream.fd, LOOP_READ | LOOP_WRITE);
    p->timer.fire = on_silence;
    loop_timer_set(p->loop, &p->timer, p->target.answer_ms > 0 ? p->target.answer_ms : PROTOCOLS_ANSWER_MS);
}

/* The question that protocol_plan_next() left open. */
static void ask(struct protocols *p)
{
    const struct approach_target target = {
        .address = p->target.address,
        .from = p->target.from,
        .way = p->target.way,
        .helo = p->target.helo,
        .timeout_ms = p->target.approach_ms,
    };

    if (p->progress != NULL)
        p->progress(p);
    (void)!getrandom(p->plan.offer.random, sizeof p->plan.offer.random, 0);
    p->unsent = hello_write(&p->plan.offer, p->hello);
    hello_reader_init(&p->reader, &p->plan.offer);
    p->is_asking = true;
    p->approach = (struct approach){ .done = on_approached };
    approach_start(&p->approach, p->loop, &target);
}

static void on_turn(struct loop_timer *t)
{
    ask(CONTAINER_OF(t, struct protocols, timer));
}

static void on_end(struct loop_timer *t)
{
    struct protocols *p = CONTAINER_OF(t, struct protocols, end);

    if (p->is_asking)
        take(p, PROTOCOL_SILENT);
    hang_up(p);
    protocol_plan_stop(&p->plan, "the time for all questions ran out");
    finish(p);
}

/* RFC 6066 section 3: host names alone, without the dot at the end. */
static struct slice server_name(struct protocols *p, struct slice name)
{
    struct net_address address;

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len >= sizeof p->sni || net_address_parse(name, 0, &address) == OK)
        return SLICE_LIT("");
    memcpy(p->sni, name.ptr, name.len);
    return slice_of(p->sni, name.len);
}

static int64_t total_ms(const struct protocols_target *t)
{
    if (t->total_ms > 0)
        return t->total_ms;
    return t->budget <= PROTOCOL_BUDGET ? PROTOCOLS_TOTAL_MS
                                        : (int64_t)t->budget * PROTOCOLS_TOTAL_MS / PROTOCOL_BUDGET;
}

void protocols_start(struct protocols *p, struct loop *loop, const struct protocols_target *target)
{
    tls_setup();
    p->loop = loop;
    p->target = *target;
    if (p->target.budget > PROTOCOL_BUDGET_MOST)
        p->target.budget = PROTOCOL_BUDGET_MOST;
    protocol_plan_init(&p->plan, p->target.budget, server_name(p, target->sni),
                       target->way == TLS_WAY_HTTPS ? SLICE_LIT("http/1.1") : SLICE_LIT(""));
    (void)protocol_plan_next(&p->plan);
    p->end.fire = on_end;
    p->timer.fire = on_turn;
    loop_timer_set(loop, &p->end, total_ms(&p->target));
    loop_timer_set(loop, &p->timer, 0);
}

void protocols_release(struct protocols *p)
{
    if (p->loop == NULL)
        return;
    hang_up(p);
    loop_timer_clear(p->loop, &p->timer);
    loop_timer_clear(p->loop, &p->end);
    p->loop = NULL;
}
