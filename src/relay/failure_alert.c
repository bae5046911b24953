#include "relay/failure_alert.h"

static const struct slice cause = { "tls-failures", 12 };

static unsigned limit_of(const struct snapshot *settings, const struct tls_hour_sum *s)
{
    bool is_rule = slice_eq(s->kind, SLICE_LIT("rule"));

    return is_rule ? snapshot_alert_percent(settings, "rule", s->name) : snapshot_gateway(settings)->alert_percent;
}

static void raise(struct alert_book *book, const struct tls_hour_sum *s, struct slice subject, struct arena *arena)
{
    struct alert a = { .cause = cause, .subject = subject, .severity = ALERT_ERROR };

    a.text = arena_printf(arena, "%u of the last hour's %u deliveries of %.*s failed for TLS", s->failed, s->tried,
                          SLICE_FMT(subject));
    a.remedy = SLICE_LIT("'sternpost queue list' shows what waits and why; 'sternpost policy ADDRESS' what is "
                         "demanded and what the servers give");
    alert_book_raise(book, &a);
}

static void look_at(const struct tls_hour_sum *s, const struct snapshot *settings, struct alert_book *book)
{
    struct arena arena = { 0 };
    struct slice subject = arena_printf(&arena, "%.*s %.*s", SLICE_FMT(s->kind), SLICE_FMT(s->name));
    unsigned limit = limit_of(settings, s);

    if (limit > 0 && s->failed > 0 && s->failed * 100 >= s->tried * limit)
        raise(book, s, subject, &arena);
    else if (s->failed * 200 < s->tried * limit || limit == 0)
        alert_book_end(book, cause, subject, SLICE_LIT("deliveries get through again"));
    arena_release(&arena);
}

static bool is_counted(const struct tls_hour_sum *all, size_t len, struct slice subject)
{
    struct slice name, kind = slice_cut(subject, ' ', &name);

    for (size_t i = 0; i < len; i++)
        if (slice_eq(all[i].kind, kind) && slice_eq(all[i].name, name))
            return true;
    return false;
}

void failure_alert_look(struct tls_hour *h, const struct snapshot *settings, struct alert_book *book,
                        bool knows_the_hour)
{
    struct arena arena = { 0 };
    const struct tls_hour_sum *all;
    const struct slice *open;
    size_t len = tls_hour_sums(h, &arena, &all), open_len = alert_book_subjects(book, cause, &arena, &open);

    for (size_t i = 0; i < len; i++)
        look_at(&all[i], settings, book);
    for (size_t i = 0; i < open_len && knows_the_hour; i++)
        if (!is_counted(all, len, open[i]))
            alert_book_end(book, cause, open[i], SLICE_LIT("nothing was delivered there for an hour"));
    arena_release(&arena);
}
