#include "domains/desk.h"

#include "base/clock.h"
#include "base/memory.h"
#include "domains/drift.h"
#include "domains/inspection_json.h"
#include "domains/publication.h"

#include <stdlib.h>
#include <sys/queue.h>

struct errand { /* one request under way */
    TAILQ_ENTRY(errand) link;
    struct desk *desk;
    struct desk_request *request;
    struct inspection *inspection;
    struct publication *publication;
};

struct desk {
    struct loop *loop;
    struct resolver *resolver;
    const struct config *config;
    const struct policy_keeper *keeper;
    const struct cert_keeper *certificates;
    struct drift *drift;
    struct handoff *inbox;
    struct loop_io inbox_io;
    TAILQ_HEAD(, errand) errands;
    bool is_stopped;
};

static void reply(struct desk_request *q, enum status st)
{
    q->status = st;
    handoff_put(q->reply_to, &q->item);
}

static void end(struct errand *e, enum status st)
{
    struct desk_request *q = e->request;

    TAILQ_REMOVE(&e->desk->errands, e, link);
    publication_free(e->publication);
    inspection_free(e->inspection);
    free(e);
    reply(q, st);
}

static json_t *shown(const struct errand *e)
{
    return inspection_to_json(e->inspection, e->desk->config->dns_update.server, clock_wall_s());
}

static void on_published(struct publication *p)
{
    struct errand *e = publication_ctx(p);
    const struct slice *lines;
    size_t len = publication_changes(p, &lines);
    enum status st = publication_result(p, &e->request->why);
    json_t *changes;

    if (st != OK) {
        end(e, st);
        return;
    }
    changes = json_array();
    for (size_t i = 0; i < len; i++)
        json_array_append_new(changes, json_stringn(lines[i].ptr, lines[i].len));
    e->request->answer = shown(e);
    json_object_set_new(e->request->answer, "sent", json_boolean(len > 0));
    json_object_set_new(e->request->answer, "changes", changes);
    end(e, OK);
}

static void on_inspected(struct inspection *i)
{
    struct errand *e = inspection_ctx(i);
    struct publication_config publication = {
        .loop = e->desk->loop, .server = &e->desk->config->dns_update, .inspection = i, .done = on_published, .ctx = e
    };

    if (e->desk->drift != NULL)
        drift_observe(e->desk->drift, i);
    if (e->request->verb == DESK_PUBLISH && publication.server->server != NULL) {
        e->publication = publication_start(&publication);
        return;
    }
    e->request->answer = shown(e);
    if (e->request->verb == DESK_PUBLISH)
        json_object_update_new(e->request->answer, json_pack("{s:b, s:[]}", "sent", 0, "changes"));
    end(e, OK);
}

static void start(struct desk *d, struct desk_request *q)
{
    struct inspection_config inspection = { .loop = d->loop,
                                            .resolver = d->resolver,
                                            .config = d->config,
                                            .keeper = d->keeper,
                                            .certificates = d->certificates,
                                            .domain = q->domain,
                                            .done = on_inspected };
    struct errand *e;

    q->answer = NULL;
    if (d->is_stopped) {
        reply(q, fault_set(&q->why, ERR_TEMPORARY, "the daemon is stopping"));
        return;
    }
    if (snapshot_own_domain(policy_keeper_settings(d->keeper), q->domain) == NULL) {
        reply(q, fault_set(&q->why, ERR_NOT_FOUND, "'%.*s' is no domain of ours; 'sternpost domain add' makes it one",
                           SLICE_FMT(q->domain)));
        return;
    }
    e = NEW(struct errand);
    e->desk = d;
    e->request = q;
    TAILQ_INSERT_TAIL(&d->errands, e, link);
    inspection.ctx = e;
    e->inspection = inspection_start(&inspection);
}

static void on_inbox(struct loop_io *io, unsigned events)
{
    struct desk *d = CONTAINER_OF(io, struct desk, inbox_io);
    struct handoff_item *item = handoff_take(d->inbox);

    (void)events;
    while (item != NULL) {
        struct desk_request *q = CONTAINER_OF(item, struct desk_request, item);

        item = item->next;
        start(d, q);
    }
}

struct desk *desk_new(struct loop *loop, struct resolver *r, const struct config *config,
                      const struct policy_keeper *keeper)
{
    struct desk *d = NEW(struct desk);

    d->loop = loop;
    d->resolver = r;
    d->config = config;
    d->keeper = keeper;
    TAILQ_INIT(&d->errands);
    d->inbox = handoff_new();
    d->inbox_io.ready = on_inbox;
    loop_watch(loop, &d->inbox_io, handoff_fd(d->inbox), LOOP_READ);
    return d;
}

void desk_set_drift(struct desk *d, struct drift *drift)
{
    d->drift = drift;
}

void desk_set_certificates(struct desk *d, const struct cert_keeper *certificates)
{
    d->certificates = certificates;
}

void desk_stop(struct desk *d)
{
    struct errand *e;

    d->is_stopped = true;
    while ((e = TAILQ_FIRST(&d->errands)) != NULL)
        end(e, fault_set(&e->request->why, ERR_TEMPORARY, "the daemon is stopping"));
    on_inbox(&d->inbox_io, 0); /* what lies there gets the same answer */
}

void desk_free(struct desk *d)
{
    if (d == NULL)
        return;
    desk_stop(d);
    loop_unwatch(d->loop, &d->inbox_io);
    handoff_free(d->inbox);
    free(d);
}

void desk_send(struct desk *d, struct desk_request *q)
{
    handoff_put(d->inbox, &q->item);
}
