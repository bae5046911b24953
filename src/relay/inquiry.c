#include "relay/inquiry.h"

#include "base/memory.h"
#include "relay/inquiry_private.h"

#include <stdlib.h>

enum { INQUIRY_MS = 30000 };

void inquiry_set(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

void inquiry_finish(struct probe *p)
{
    struct inquiry *q = p->inquiry;

    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        p->worker->probes = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    loop_timer_clear(p->worker->loop, &p->deadline);
    sts_question_forget(p->question);
    sts_facts_release(p->sts);
    dane_lookup_release(&p->dane);
    mx_lookup_release(&p->mx);
    address_lookup_release(&p->lookup);
    if (p->connection != NULL)
        connection_drop(p->connection);
    if (p->tests != NULL) {
        if (q->kind == INQUIRY_HOST_TEST)
            inquiry_set(q->answer, "ok", json_boolean(p->all_good && json_array_size(p->tests) > 0));
        inquiry_set(q->answer, "servers", p->tests);
    }
    arena_release(&p->arena);
    free(p);
    worker_task_done(&q->task);
}

static void on_deadline(struct loop_timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, deadline);

    p->all_good = false;
    inquiry_set(p->inquiry->answer, "timeout", json_true());
    inquiry_finish(p);
}

void inquiry_refuse(struct probe *p, enum status st, const char *text)
{
    p->inquiry->status = fault_set(&p->inquiry->why, st, "%s", text);
    inquiry_finish(p);
}

/* -- life ------------------------------------------------------------------------------------------------------------------------ */

static const char *const shutting_down = "sternpost is shutting down; ask again when it is back";

static void run(struct worker *w, struct worker_task *t)
{
    struct inquiry *q = CONTAINER_OF(t, struct inquiry, task);
    struct probe *p = NEW(struct probe);

    p->inquiry = q;
    p->worker = w;
    p->next = w->probes;
    if (p->next != NULL)
        p->next->prev = p;
    w->probes = p;
    p->deadline.fire = on_deadline;
    loop_timer_set(w->loop, &p->deadline, INQUIRY_MS);
    q->answer = json_object();
    if (w->is_stopping || w->is_over)
        inquiry_refuse(p, ERR_TEMPORARY, shutting_down);
    else if (q->kind == INQUIRY_POLICY)
        inquiry_run_policy(p);
    else
        inquiry_run_host(p);
}

void inquiry_end_all(struct worker *w)
{
    while (w->probes != NULL)
        inquiry_refuse(w->probes, ERR_TEMPORARY, shutting_down);
}

void inquiry_init(struct inquiry *q, enum inquiry_kind kind, struct snapshot *snapshot)
{
    *q = (struct inquiry){ .kind = kind, .snapshot = snapshot_hold(snapshot) };
    q->task.run = run;
}

void inquiry_release(struct inquiry *q)
{
    snapshot_release(q->snapshot);
    q->snapshot = NULL;
}
