#include "reports/inlet.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/address.h"
#include "tlsrpt/unpack.h"

enum { WORDS_MAX = 600, AGAIN_S = 300 };

struct inlet {
    struct inlet_config config;
    char *folder;
    struct snapshot *settings;
    struct https_route route;
    struct handoff *answers;
    struct loop_io io;
    unsigned uploads; /* bodies under way */
    unsigned open;    /* of them, at the receiver */
};

/* One body on its way. */
struct upload {
    struct receive_request request; /* first member is its handoff item */
    struct inlet *inlet;
    struct https_call *call; /* NULL: the client is gone */
    struct body_file *body;
    char source[NET_ADDRESS_TEXT]; /* an IPv4 address, an IPv6 /64 */
    struct slice source_key;
};

static void upload_free(struct upload *u)
{
    u->inlet->uploads--;
    body_file_free(u->body);
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
        .retry_after_s = code == 429 || code == 503 || code == 507 ? AGAIN_S : 0,
    };

    https_answer(call, &a);
}

static unsigned code_of(enum status st)
{
    switch (st) {
    case ERR_SYNTAX:
    case ERR_LIMIT: return 400;
    case ERR_FULL: return 507;
    default: return 503;
    }
}

/* It is taken when a part of it is; else the first trouble is the answer. */
static unsigned judge(const struct receive_request *q, char words[static WORDS_MAX])
{
    const struct receive_outcome *first = q->outcomes_len == 0 ? NULL : &q->outcomes[0];

    (void)snprintf(words, WORDS_MAX, "%s", code_of(q->status) == 400 ? q->why.text : "try again later");
    if (q->status != OK)
        return code_of(q->status);
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

/* What is wrong with our disk is not for strangers to know. */
static void give_up(struct https_call *call, enum status st, const struct fault *why)
{
    log_warning(NULL, "body of a TLS report cannot be kept", LOG_CSTR("why", why->text));
    answer(call, st == ERR_FULL ? 507 : 503, "try again later");
}

static void begin(struct https_call *call)
{
    struct inlet *i = call->ctx;
    struct body_file *body;
    struct upload *u;
    struct fault why;
    enum status st;

    if (i->uploads >= INLET_OPEN_MOST) {
        answer(call, 503, "too many reports at once; try again later");
        return;
    }
    if (!store_has_room(i->config.store, call->head.content_length)) {
        answer(call, 507, "try again later");
        return;
    }
    st = body_file_new(i->folder, TLSRPT_PACKED_MAX, &body, &why);
    if (st != OK) {
        give_up(call, st, &why);
        return;
    }
    i->uploads++;
    u = NEW(struct upload);
    u->inlet = i;
    u->call = call;
    u->body = body;
    u->source_key = net_address_limit_key(&call->peer, u->source);
    call->state = u;
}

static void piece(struct https_call *call, struct slice bytes)
{
    struct upload *u = call->state;
    struct fault why;
    enum status st = body_file_add(u->body, bytes, &why);

    if (st == OK)
        return;
    call->state = NULL;
    upload_free(u);
    give_up(call, st, &why);
}

static void end(struct https_call *call)
{
    struct upload *u = call->state;
    struct inlet *i = call->ctx;

    u->request = (struct receive_request){
        .reply_to = i->answers,
        .what = { .channel = RECEIVED_BY_HTTPS, .file = u->body, .source = u->source_key },
    };
    i->open++;
    receiver_ask(i->config.receiver, &u->request);
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

struct inlet *inlet_new(const struct inlet_config *config, struct snapshot *settings)
{
    /* As senders label it; what it is, its first bytes tell. */
    static const char *const types[] = {
        "application/tlsrpt+gzip", "application/tlsrpt+json", "application/tlsrpt",       "application/gzip",
        "application/x-gzip",      "application/json",        "application/octet-stream", "application/zip",
    };
    struct inlet *i = NEW(struct inlet);

    i->config = *config;
    i->folder = mem_str(slice_str(config->folder));
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
    loop_watch(config->loop, &i->io, handoff_fd(i->answers), LOOP_READ);
    return i;
}

void inlet_free(struct inlet *i)
{
    if (i == NULL)
        return;
    while (i->open > 0 && handoff_wait(i->answers, -1))
        take_answers(i);
    loop_unwatch(i->config.loop, &i->io);
    handoff_free(i->answers);
    snapshot_release(i->settings);
    free(i->folder);
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
