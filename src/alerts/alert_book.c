#include "alerts/alert_book.h"

#include "alerts/alert_book_private.h"
#include "alerts/alert_mail.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>

enum { GATHER_MS = 5000, HOUR_S = 3600, KEY_MAX = 2 * ALERT_TEXT_MAX + 1 };

/* -- entries ----------------------------------------------------------------------------------------------------- */

static char *text_of(struct slice s)
{
    char text[ALERT_TEXT_MAX];

    return mem_str(utf8_printable(s, text, sizeof text));
}

/* True: it is another one now. */
static bool set_text(char **text, struct slice s)
{
    char *fresh = text_of(s);
    bool is_other = strcmp(fresh, *text) != 0;

    free(*text);
    *text = fresh;
    return is_other;
}

static void free_entry(struct entry *e)
{
    free(e->cause);
    free(e->subject);
    free(e->text);
    free(e->remedy);
    free(e->end_text);
    free(e);
}

static struct entry *entry_new(const struct alert *a, int64_t now_s)
{
    struct entry *e = NEW(struct entry);

    e->id = message_id_new();
    e->since_s = now_s;
    e->severity = a->severity;
    e->level = a->level;
    e->cause = text_of(a->cause);
    e->subject = text_of(a->subject);
    e->text = text_of(a->text);
    e->remedy = text_of(a->remedy);
    e->end_text = text_of(SLICE_LIT(""));
    return e;
}

/* As the texts are kept. */
static struct slice key_of(struct slice cause, struct slice subject, char out[static KEY_MAX])
{
    size_t len = utf8_printable(cause, out, ALERT_TEXT_MAX).len;

    out[len++] = '\0';
    return slice_of(out, len + utf8_printable(subject, out + len, ALERT_TEXT_MAX).len);
}

static struct entry *find(const struct alert_book *b, struct slice cause, struct slice subject)
{
    char key[KEY_MAX];

    return map_get(&b->by_key, key_of(cause, subject, key));
}

/* Under the lock, as the next two. */
static void add_open(struct alert_book *b, struct entry *e)
{
    char key[KEY_MAX];

    (void)map_put(&b->by_key, key_of(slice_str(e->cause), slice_str(e->subject), key), e);
    TAILQ_INSERT_TAIL(&b->open, e, in_list);
    b->open_len++;
}

/* What is not yet saved or told stays beyond the limit. */
static void forget_oldest(struct alert_book *b)
{
    struct entry *e = TAILQ_LAST(&b->closed, entry_list), *before;

    for (; e != NULL && b->closed_len > ALERT_CLOSED_MOST; e = before) {
        before = TAILQ_PREV(e, entry_list, in_list);
        if (e->is_dirty || e->untold != 0)
            continue;
        TAILQ_REMOVE(&b->closed, e, in_list);
        b->closed_len--;
        free_entry(e);
    }
}

static void add_closed(struct alert_book *b, struct entry *e)
{
    TAILQ_INSERT_HEAD(&b->closed, e, in_list);
    b->closed_len++;
    forget_oldest(b);
}

/* -- saving ------------------------------------------------------------------------------------------------------ */

static struct alert_row row_of(const struct entry *e, struct arena *arena)
{
    return (struct alert_row){ .id = e->id,
                               .since_s = e->since_s,
                               .ended_s = e->ended_s,
                               .mailed_s = e->mailed_s,
                               .severity = e->severity,
                               .level = e->level,
                               .untold = e->untold,
                               .cause = arena_copy(arena, slice_str(e->cause)),
                               .subject = arena_copy(arena, slice_str(e->subject)),
                               .text = arena_copy(arena, slice_str(e->text)),
                               .remedy = arena_copy(arena, slice_str(e->remedy)),
                               .end_text = arena_copy(arena, slice_str(e->end_text)) };
}

static size_t gather(struct alert_book *b, struct arena *arena, struct alert_row *rows)
{
    struct entry_list *const lists[] = { &b->open, &b->closed };
    struct entry *e;
    size_t n = 0;

    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        TAILQ_FOREACH(e, lists[i], in_list)
        {
            if (!e->is_dirty)
                continue;
            rows[n++] = row_of(e, arena);
            e->is_dirty = false;
        }
    }
    return n;
}

static void on_saved(struct store_request *r)
{
    struct alert_save *s = CONTAINER_OF(r, struct alert_save, request);

    if (r->status != OK)
        log_error(NULL, "alerts cannot be kept, and no mail tells of them", LOG_CSTR("why", r->why.text));
    arena_release(&r->arena);
    free(s);
}

static void take_saved(struct alert_book *b)
{
    struct handoff_item *item = handoff_take(b->saved);

    while (item != NULL) {
        struct store_request *r = CONTAINER_OF(item, struct store_request, item);

        item = item->next;
        b->saves--;
        on_saved(r);
    }
}

static void on_answers(struct loop_io *io, unsigned events)
{
    (void)events;
    take_saved(CONTAINER_OF(io, struct alert_book, saved_io));
}

/* What is dirty, at once, so that a crash forgets nothing. `s` may hold a mail. */
static void save(struct alert_book *b, struct alert_save *s, bool has_mail)
{
    struct store_request *r = &s->request;
    struct alert_row *rows = ARENA_ARRAY(&r->arena, struct alert_row, b->open_len + b->closed_len);

    r->verb = STORE_ALERT_SAVE;
    r->reply_to = b->saved;
    r->alerts_in = rows;
    r->alerts_in_len = gather(b, &r->arena, rows);
    r->before_s = b->wall_s() - ALERT_KEEP_S;
    r->dsns = &s->mail;
    r->dsns_len = has_mail ? 1 : 0;
    b->saves++;
    store_send(b->store, r);
}

static bool is_anything_dirty(const struct alert_book *b)
{
    const struct entry *e;

    TAILQ_FOREACH(e, &b->open, in_list)
    if (e->is_dirty)
        return true;
    TAILQ_FOREACH(e, &b->closed, in_list)
    if (e->is_dirty)
        return true;
    return false;
}

/* -- telling ----------------------------------------------------------------------------------------------------- */

/* The mail that went before all others of the last ones. */
static int64_t *earliest(struct alert_book *b)
{
    int64_t *found = &b->mailed_s[0];

    for (size_t i = 1; i < COUNT_OF(b->mailed_s); i++)
        if (b->mailed_s[i] < *found)
            found = &b->mailed_s[i];
    return found;
}

/* When the next mail may go, in seconds from now; 0: at once. A clock that was set back holds nothing up. */
static int64_t wait_s(struct alert_book *b)
{
    int64_t left_s = *earliest(b) + HOUR_S - b->wall_s();

    return left_s <= 0 || left_s > HOUR_S ? 0 : left_s;
}

static void mail(struct alert_book *b)
{
    int64_t hold_s = snapshot_gateway(b->settings)->alert_to_len == 0 ? 0 : wait_s(b);
    struct alert_save *s;
    bool has_mail;

    if (hold_s > 0) {
        b->was_held_back = true;
        if (!b->is_stopped)
            loop_timer_set(b->loop, &b->timer, hold_s * 1000);
        return;
    }
    s = NEW(struct alert_save);
    has_mail = alert_book_write_mail(b, &s->request.arena, &s->mail);
    if (has_mail) {
        *earliest(b) = b->wall_s();
        b->was_held_back = false;
    }
    save(b, s, has_mail);
}

static void on_timer(struct loop_timer *t)
{
    mail(CONTAINER_OF(t, struct alert_book, timer));
}

/* Into the log now, into a mail soon. */
static void tell(struct alert_book *b, struct entry *e, unsigned untold, const char *sentence, const char *text)
{
    log_warning(NULL, sentence, LOG_CSTR("cause", e->cause), LOG_CSTR("subject", e->subject),
                LOG_CSTR("severity", alert_severity_name(e->severity)), LOG_CSTR("text", text));
    e->untold |= untold;
    e->is_dirty = true;
    b->told++;
    if (!loop_timer_is_set(&b->timer))
        loop_timer_set(b->loop, &b->timer, b->gather_ms);
}

/* -- what is raised and ends ------------------------------------------------------------------------------------- */

static void open_anew(struct alert_book *b, const struct alert *a)
{
    struct entry *e;

    if (b->open_len >= ALERT_OPEN_MOST) {
        if (!b->has_told_most)
            log_warning(NULL, "too many alerts are open; more are not kept", LOG_STR("cause", a->cause),
                        LOG_STR("subject", a->subject), LOG_STR("text", a->text));
        b->has_told_most = true;
        return;
    }
    e = entry_new(a, b->wall_s());
    pthread_mutex_lock(&b->lock);
    add_open(b, e);
    tell(b, e, UNTOLD_OPENED, "alert", e->text);
    pthread_mutex_unlock(&b->lock);
    save(b, NEW(struct alert_save), false);
}

void alert_book_raise(struct alert_book *b, const struct alert *a)
{
    struct entry *e = find(b, a->cause, a->subject);
    bool grew;

    if (e == NULL) {
        open_anew(b, a);
        return;
    }
    grew = a->level > e->level;
    pthread_mutex_lock(&b->lock);
    e->is_dirty = e->is_dirty || set_text(&e->text, a->text); /* saved with the next that is told */
    (void)set_text(&e->remedy, a->remedy);
    e->severity = a->severity;
    if (grew) {
        e->level = a->level;
        tell(b, e, UNTOLD_GREW, "alert grew", e->text);
    }
    pthread_mutex_unlock(&b->lock);
    if (grew)
        save(b, NEW(struct alert_save), false);
}

void alert_book_end(struct alert_book *b, struct slice cause, struct slice subject, struct slice text)
{
    char key[KEY_MAX];
    struct entry *e = map_remove(&b->by_key, key_of(cause, subject, key));

    if (e == NULL)
        return;
    pthread_mutex_lock(&b->lock);
    TAILQ_REMOVE(&b->open, e, in_list);
    b->open_len--;
    b->has_told_most = false;
    e->ended_s = b->wall_s();
    (void)set_text(&e->end_text, text);
    tell(b, e, UNTOLD_OVER, "alert is over", e->end_text);
    add_closed(b, e);
    pthread_mutex_unlock(&b->lock);
    save(b, NEW(struct alert_save), false);
}

void alert_book_tell(struct alert_book *b, const struct alert *a)
{
    struct entry *e = entry_new(a, b->wall_s());

    e->ended_s = e->since_s;
    pthread_mutex_lock(&b->lock);
    tell(b, e, UNTOLD_SEEN, "alert", e->text);
    add_closed(b, e);
    pthread_mutex_unlock(&b->lock);
    save(b, NEW(struct alert_save), false);
}

bool alert_book_is_open(const struct alert_book *b, struct slice cause, struct slice subject)
{
    return find(b, cause, subject) != NULL;
}

size_t alert_book_subjects(const struct alert_book *b, struct slice cause, struct arena *arena,
                           const struct slice **out)
{
    struct slice *all = ARENA_ARRAY(arena, struct slice, b->open_len + 1);
    const struct entry *e;
    size_t len = 0;

    TAILQ_FOREACH (e, &b->open, in_list) {
        if (slice_eq(slice_str(e->cause), cause))
            all[len++] = arena_copy(arena, slice_str(e->subject));
    }
    *out = all;
    return len;
}

/* -- life -------------------------------------------------------------------------------------------------------- */

static struct entry *entry_of(const struct alert_row *row)
{
    struct entry *e = NEW(struct entry);

    e->id = row->id;
    e->since_s = row->since_s;
    e->ended_s = row->ended_s;
    e->mailed_s = row->mailed_s;
    e->severity = row->severity > ALERT_ERROR ? ALERT_ERROR : (enum alert_severity)row->severity;
    e->level = row->level;
    e->untold = row->untold;
    e->cause = mem_str(row->cause);
    e->subject = mem_str(row->subject);
    e->text = mem_str(row->text);
    e->remedy = mem_str(row->remedy);
    e->end_text = mem_str(row->end_text);
    return e;
}

/* So that starting again and again sends no more mail. Those of one mail have its time. */
static void remember_mail(struct alert_book *b, int64_t mailed_s)
{
    for (size_t i = 0; i < COUNT_OF(b->mailed_s); i++)
        if (b->mailed_s[i] == mailed_s)
            return;
    if (mailed_s > *earliest(b))
        *earliest(b) = mailed_s;
}

static void load(struct alert_book *b)
{
    struct store_request r = { .verb = STORE_ALERT_LOAD, .limit = ALERT_OPEN_MOST + ALERT_CLOSED_MOST };
    bool is_untold = false;

    if (store_call(b->store, &r) != OK)
        log_error(NULL, "cannot tell which alerts are open", LOG_CSTR("why", r.why.text));
    for (size_t i = 0; i < r.alerts_len && r.status == OK; i++) {
        struct entry *e = entry_of(&r.alerts[i]);

        is_untold = is_untold || e->untold != 0;
        remember_mail(b, e->mailed_s);
        if (e->ended_s == 0) {
            add_open(b, e);
        } else {
            TAILQ_INSERT_TAIL(&b->closed, e, in_list); /* they come the latest first */
            b->closed_len++;
        }
    }
    arena_release(&r.arena);
    forget_oldest(b);
    if (is_untold)
        loop_timer_set(b->loop, &b->timer, b->gather_ms);
}

struct alert_book *alert_book_new(struct loop *loop, struct store *store, struct slice hostname,
                                  struct snapshot *settings)
{
    struct alert_book *b = NEW(struct alert_book);

    b->loop = loop;
    b->store = store;
    b->settings = settings;
    b->hostname = mem_str(hostname);
    b->wall_s = clock_wall_s;
    b->gather_ms = GATHER_MS;
    b->timer.fire = on_timer;
    pthread_mutex_init(&b->lock, NULL);
    map_init(&b->by_key);
    TAILQ_INIT(&b->open);
    TAILQ_INIT(&b->closed);
    b->saved = handoff_new();
    b->saved_io.ready = on_answers;
    loop_watch(loop, &b->saved_io, handoff_fd(b->saved), LOOP_READ);
    load(b);
    return b;
}

void alert_book_set_clock(struct alert_book *b, int64_t (*wall_s)(void), int64_t gather_ms)
{
    b->wall_s = wall_s;
    b->gather_ms = gather_ms;
    if (loop_timer_is_set(&b->timer))
        loop_timer_set(b->loop, &b->timer, gather_ms);
}

void alert_book_adopt(struct alert_book *b, struct snapshot *fresh)
{
    snapshot_release(b->settings);
    b->settings = fresh;
}

/* Without waiting: a store in trouble answers when it is closed. */
void alert_book_stop(struct alert_book *b)
{
    bool is_waiting = loop_timer_is_set(&b->timer);

    b->is_stopped = true;
    loop_timer_clear(b->loop, &b->timer);
    if (is_waiting)
        mail(b);
    if (is_anything_dirty(b))
        save(b, NEW(struct alert_save), false);
}

static void free_list(struct entry_list *list)
{
    struct entry *e;

    while ((e = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, e, in_list);
        free_entry(e);
    }
}

void alert_book_free(struct alert_book *b)
{
    if (b == NULL)
        return;
    while (b->saves > 0 && handoff_wait(b->saved, -1))
        take_saved(b);
    loop_timer_clear(b->loop, &b->timer);
    loop_unwatch(b->loop, &b->saved_io);
    handoff_free(b->saved);
    free_list(&b->open);
    free_list(&b->closed);
    map_release(&b->by_key);
    pthread_mutex_destroy(&b->lock);
    snapshot_release(b->settings);
    free(b->hostname);
    free(b);
}
