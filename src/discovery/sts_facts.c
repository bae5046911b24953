#include "discovery/sts_facts.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What stands before the facts that others see. */
struct counted {
    struct sts_facts facts;
    struct arena arena;
    atomic_uint references;
};

static struct counted *counted_of(const struct sts_facts *f)
{
    /* Made by sts_facts_new() as part of a struct that may be written. */
    return CONTAINER_OF((uintptr_t)f, struct counted, facts);
}

const struct sts_facts *sts_facts_hold(const struct sts_facts *f)
{
    atomic_fetch_add(&counted_of(f)->references, 1);
    return f;
}

void sts_facts_release(const struct sts_facts *f)
{
    struct counted *c;

    if (f == NULL)
        return;
    c = counted_of(f);
    if (atomic_fetch_sub(&c->references, 1) != 1)
        return;
    arena_release(&c->arena);
    free(c);
}

static const struct slice *copy_all(struct arena *arena, const struct slice *items, size_t len)
{
    struct slice *out = ARENA_ARRAY(arena, struct slice, len);

    for (size_t i = 0; i < len; i++)
        out[i] = arena_copy(arena, items[i]);
    return out;
}

static struct slice found_text(const struct sts_facts *f, struct arena *arena)
{
    char since[CLOCK_TEXT];
    struct slice allowed = f->policy.mode == STS_MODE_NONE ? SLICE_LIT("every server")
                                                           : arena_printf(arena, "%zu server%s", f->policy.mx_len,
                                                                          f->policy.mx_len == 1 ? "" : "s");

    return arena_printf(arena, "policy %.*s in mode %s, kept since %s, allows %.*s%s%.*s", SLICE_FMT(f->id),
                        sts_mode_name(f->policy.mode), clock_rfc3339(f->fetched_s, since), SLICE_FMT(allowed),
                        f->failure_text.len > 0 ? "; " : "", SLICE_FMT(f->failure_text));
}

static struct slice text_of(const struct sts_facts *f, struct arena *arena)
{
    static const char *const begins[] = {
        [STS_NOTHING] = "no MTA-STS policy",
        [STS_UNKNOWN] = "whether there is an MTA-STS policy is not known",
        [STS_TROUBLE] = "the MTA-STS policy could not be had",
    };

    if (f->finding == STS_FOUND)
        return found_text(f, arena);
    return arena_printf(arena, "%s%s%.*s", begins[f->finding], f->failure_text.len > 0 ? ": " : "",
                        SLICE_FMT(f->failure_text));
}

const struct sts_facts *sts_facts_new(const struct sts_facts *draft)
{
    struct counted *c = NEW(struct counted);
    struct sts_facts *f = &c->facts;

    atomic_init(&c->references, 1);
    *f = *draft;
    f->domain = arena_copy(&c->arena, draft->domain);
    f->id = arena_copy(&c->arena, draft->id);
    f->failure_text = arena_copy(&c->arena, draft->failure_text);
    f->policy.mx = copy_all(&c->arena, draft->policy.mx, draft->policy.mx_len);
    f->policy.lines = copy_all(&c->arena, draft->policy.lines, draft->policy.lines_len);
    f->text = text_of(f, &c->arena);
    return f;
}

struct slice sts_facts_file(const struct sts_facts *f, struct arena *arena)
{
    size_t len = 0, at = 0;
    char *out;

    for (size_t i = 0; i < f->policy.lines_len; i++)
        len += f->policy.lines[i].len + 1;
    out = arena_alloc(arena, len);
    for (size_t i = 0; i < f->policy.lines_len; i++) {
        memcpy(out + at, f->policy.lines[i].ptr, f->policy.lines[i].len);
        at += f->policy.lines[i].len;
        out[at++] = '\n';
    }
    return slice_of(out, len);
}

size_t sts_facts_bytes(const struct sts_facts *f)
{
    size_t bytes = sizeof(struct counted) + 2 * f->domain.len + f->failure_text.len + f->text.len;

    for (size_t i = 0; i < f->policy.lines_len; i++)
        bytes += 2 * (f->policy.lines[i].len + sizeof(struct slice));
    return bytes;
}
