#include "reports/inlet.h"

#include "base/buf.h"
#include "base/memory.h"
#include "tlsrpt/unpack.h"

enum { WORDS_MAX = 600, AGAIN_S = 300 };

struct inlet {
    struct loop *loop;
    struct receiver *receiver;
    struct snapshot *settings;
    struct https_route route;
    struct handoff *answers;
    struct loop_io io;
    size_t bytes;  /* of bodies under way */
    unsigned open; /* at the receiver */
};

/* One body on its way. */
struct upload {
    struct receive_request request; /* first member is its handoff item */
    struct inlet *inlet;
    struct https_call *call; /* NULL: the client is gone */
    struct buf body;
    char source[NET_ADDRESS_TEXT]; /* an IPv4 address, an IPv6 /64 */
    struct slice source_key;
};

static void upload_free(struct upload *u)
{
    u->inlet->bytes -= u->body.len;
    buf_release(&u->body);
    arena_release(&u->request.arena);
    free(u);
}

/* -- answers ------------------------------------------------------------------------------------------------------ */

static void answer(struct https_call *call, unsigned code, const char *words)
{
    const struct https_answer a = {
        .code = code,
        .type = "text/plain; charset=utf-8",
        .body = arena_printf(&call->arena, "%s\n", words),
        .retry_after_s = code == 429 || code == 503 ? AGAIN_S : 0,
    };

    https_answer(call, &a);
}

/* It is taken when a part of it is; else the first trouble is the answer. */
static unsigned judge(const struct receive_request *q, char words[static WORDS_MAX])
{
    const struct receive_outcome *first = q->outcomes_len == 0 ? NULL : &q->outcomes[0];

    (void)snprintf(words, WORDS_MAX, "%s", q->why.text);
    if (q->status != OK)
        return q->status == ERR_SYNTAX || q->status == ERR_LIMIT ? 400 : 503;
    for (size_t i = 0; i < q->outcomes_len; i++) {
        const struct receive_outcome *o = &q->outcomes[i];

        if (o->result.is_refused || o->kept == RECEIVED_OVER_QUOTA)
            continue;
        (void)snprintf(words, WORDS_MAX, o->kept == RECEIVED_KEPT ? "received" : "received before");
        return 200;
    }
    if (first == NULL || !first->result.is_refused) {
        (void)snprintf(words, WORDS_MAX, "too many reports from your address today");
        return 429;
    }
    (void)snprintf(words, WORDS_MAX, "refused: %.*s", SLICE_FMT(first->result.why));
    return 400;
}

static void on_received(struct receive_request *q)
{
    struct upload *u = CONTAINER_OF(q, struct upload, request);
    char words[WORDS_MAX];

    u->inlet->open--;
    if (u->call != NULL)
        answer(u->call, judge(q, words), words);
    upload_free(u);
}

static void take_answers(struct inlet *i)
{
    struct handoff_item *next;

    for (struct handoff_item *item = handoff_take(i->answers); item != NULL; item = next) {
        next = item->next;
        on_received(CONTAINER_OF(item, struct receive_request, item));
    }
}

static void on_answers(struct loop_io *io, unsigned events)
{
    (void)events;
    take_answers(CONTAINER_OF(io, struct inlet, io));
}

/* -- a body ------------------------------------------------------------------------------------------------------- */

static void begin(struct https_call *call)
{
    struct upload *u = NEW(struct upload);

    u->inlet = call->ctx;
    u->call = call;
    buf_init(&u->body, TLSRPT_PACKED_MAX);
    u->source_key = net_address_limit_key(&call->peer, u->source);
    call->state = u;
}

static void piece(struct https_call *call, struct slice bytes)
{
    struct upload *u = call->state;
    struct inlet *i = u->inlet;

    if (i->bytes + bytes.len <= INLET_BYTES_MAX && buf_add(&u->body, bytes) == OK) {
        i->bytes += bytes.len;
        return;
    }
    call->state = NULL;
    upload_free(u);
    answer(call, 429, "too many reports at once");
}

static void end(struct https_call *call)
{
    struct upload *u = call->state;

    u->request = (struct receive_request){
        .reply_to = u->inlet->answers,
        .what = { .channel = RECEIVED_BY_HTTPS, .bytes = buf_slice(&u->body), .source = u->source_key },
    };
    u->inlet->open++;
    receiver_ask(u->inlet->receiver, &u->request);
}

/* What the receiver has comes back to nobody. */
static void gone(struct https_call *call)
{
    struct upload *u = call->state;

    if (u == NULL)
        return;
    u->call = NULL;
    if (u->request.reply_to == NULL)
        upload_free(u);
}

static const struct https_handler handler = { begin, piece, end, gone };

/* -- whose ----------------------------------------------------------------------------------------------------------
 */

/* Is it "https://HOST/tlsrpt", with a port or without? */
static bool is_address_at(struct slice uri, struct slice host)
{
    static const struct slice scheme = { "https://", 8 };
    struct slice rest = slice_from(uri, scheme.len), port, name;
    size_t slash = slice_find(rest, '/');

    if (!slice_starts_case(uri, scheme) || slash == SIZE_MAX ||
        !slice_eq(slice_from(rest, slash), SLICE_LIT(INLET_PATH)))
        return false;
    name = slice_cut(slice_first(rest, slash), ':', &port);
    return slice_eq_case(name, host);
}

static bool has_host(void *ctx, struct slice host)
{
    const struct inlet *i = ctx;
    const struct own_domain *const *domains;
    size_t len = snapshot_own_domains(i->settings, &domains);

    for (size_t d = 0; d < len; d++)
        for (size_t n = 0; n < domains[d]->report_to_len; n++)
            if (is_address_at(domains[d]->report_to[n], host))
                return true;
    return false;
}

/* -- its life -------------------------------------------------------------------------------------------------------
 */

struct inlet *inlet_new(struct loop *loop, struct receiver *receiver, struct snapshot *settings)
{
    /* As senders label it; what it is, its first bytes tell. */
    static const char *const types[] = {
        "application/tlsrpt+gzip", "application/tlsrpt+json", "application/tlsrpt",       "application/gzip",
        "application/x-gzip",      "application/json",        "application/octet-stream", "application/zip",
    };
    struct inlet *i = NEW(struct inlet);

    i->loop = loop;
    i->receiver = receiver;
    i->settings = settings;
    i->route = (struct https_route){ .has_host = has_host,
                                     .method = HTTP_POST,
                                     .path = INLET_PATH,
                                     .types = types,
                                     .types_len = COUNT_OF(types),
                                     .body_bytes_max = TLSRPT_PACKED_MAX,
                                     .handler = &handler,
                                     .ctx = i };
    i->answers = handoff_new();
    i->io.ready = on_answers;
    loop_watch(loop, &i->io, handoff_fd(i->answers), LOOP_READ);
    return i;
}

void inlet_free(struct inlet *i)
{
    if (i == NULL)
        return;
    while (i->open > 0 && handoff_wait(i->answers, -1))
        take_answers(i);
    loop_unwatch(i->loop, &i->io);
    handoff_free(i->answers);
    snapshot_release(i->settings);
    free(i);
}

void inlet_adopt(struct inlet *i, struct snapshot *fresh)
{
    snapshot_release(i->settings);
    i->settings = fresh;
}

const struct https_route *inlet_route(const struct inlet *i)
{
    return &i->route;
}
