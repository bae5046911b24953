#include "certs/acme_set.h"

#include "base/clock.h"
#include "certs/set_check.h"
#include "net/tls_certificate.h"

#include <stdio.h>

int64_t acme_renewal_s(int64_t not_before_s, int64_t not_after_s)
{
    return not_after_s - (not_after_s - not_before_s) / 3;
}

int64_t acme_retry_s(unsigned failures, int64_t now_s)
{
    int64_t wait_s = ACME_RETRY_LEAST_S;

    for (unsigned i = 1; i < failures && wait_s < ACME_RETRY_MOST_S; i++)
        wait_s *= 2;
    return now_s + (wait_s < ACME_RETRY_MOST_S ? wait_s : ACME_RETRY_MOST_S);
}

/* -- files ----------------------------------------------------------------------------------------------------- */

struct certificate_setting acme_files(const struct certificate_setting *s, const char *folder, struct arena *arena)
{
    struct certificate_setting out = *s;

    if (!s->is_acme || s->names_len == 0)
        return out;
    out.chain_file = arena_printf(arena, "%s/%.*s/cert.pem", folder, SLICE_FMT(s->names[0]));
    out.key_file = arena_printf(arena, "%s/private/%.*s/key.pem", folder, SLICE_FMT(s->names[0]));
    return out;
}

static struct slice read_small(const char *path, struct arena *arena)
{
    enum { MOST = 256 * 1024 };
    FILE *f = fopen(path, "re");
    char *text = arena_alloc(arena, MOST);
    size_t len = f == NULL ? 0 : fread(text, 1, MOST, f);

    if (f != NULL)
        (void)fclose(f);
    return slice_of(text, len);
}

void acme_set_look(struct acme_set *set, const struct certificate_setting *files)
{
    struct arena arena = { 0 };
    struct tls_certificate c;
    struct fault why;

    set->not_before_s = set->not_after_s = 0;
    if (tls_certificate_read(read_small(files->chain_file.ptr, &arena), read_small(files->key_file.ptr, &arena),
                             files->chain_file.ptr, files->key_file.ptr, &arena, &c, &why) == OK) {
        set->not_before_s = certificate_not_before_s(c.leaf);
        set->not_after_s = certificate_not_after_s(c.leaf);
        tls_certificate_release(&c);
    }
    arena_release(&arena);
}

/* -- as it is shown --------------------------------------------------------------------------------------------- */

static json_t *moment(int64_t wall_s)
{
    char text[CLOCK_TEXT];

    return wall_s == 0 ? json_null() : json_string(clock_rfc3339(wall_s, text));
}

int64_t acme_set_next_s(const struct acme_set *set)
{
    if (set->failures > 0)
        return set->retry_s;
    return set->not_after_s == 0 ? 0 : acme_renewal_s(set->not_before_s, set->not_after_s);
}

json_t *acme_set_json(const struct acme_set *set, bool is_running)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:i, s:s}", "name", set->name, "state",
                     is_running              ? "running"
                     : set->failures > 0     ? "failing"
                     : set->not_after_s == 0 ? "wanted"
                                             : "ok",
                     "not_after", moment(set->not_after_s), "tried", moment(set->tried_s), "next",
                     moment(acme_set_next_s(set)), "failures", (int)set->failures, "text", set->text);
}
