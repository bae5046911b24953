#include "alerts/alert_round.h"

#include "base/utf8.h"

void alert_round_init(struct alert_round *r)
{
    map_init(&r->seen);
    r->is_partial = false;
}

void alert_round_release(struct alert_round *r)
{
    map_release(&r->seen);
}

/* The subject as the book keeps it. */
static struct slice key_of(struct slice cause, struct slice subject, struct arena *arena)
{
    char text[ALERT_TEXT_MAX];
    struct slice kept = utf8_printable(subject, text, sizeof text);

    return arena_printf(arena, "%.*s %.*s", SLICE_FMT(cause), SLICE_FMT(kept));
}

void alert_round_see(struct alert_round *r, struct slice cause, struct slice subject)
{
    struct arena arena = { 0 };

    (void)map_put(&r->seen, key_of(cause, subject, &arena), r);
    arena_release(&arena);
}

void alert_round_miss(struct alert_round *r)
{
    r->is_partial = true;
}

static void end_unseen(struct alert_round *r, struct alert_book *book, struct slice cause, struct slice text)
{
    struct arena arena = { 0 };
    const struct slice *open;
    size_t len = alert_book_subjects(book, cause, &arena, &open);

    for (size_t i = 0; i < len; i++)
        if (map_get(&r->seen, key_of(cause, open[i], &arena)) == NULL)
            alert_book_end(book, cause, open[i], text);
    arena_release(&arena);
}

void alert_round_end(struct alert_round *r, struct alert_book *book, const struct slice *causes, size_t len,
                     struct slice text)
{
    for (size_t i = 0; i < len && !r->is_partial; i++)
        end_unseen(r, book, causes[i], text);
    alert_round_release(r);
    alert_round_init(r);
}
