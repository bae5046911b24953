/* `sternpost cert`: the certificates that servers show, as PEM, in words or as JSON, without a daemon. */
#include "cli/cert_world.h"
#include "cli/client.h"
#include "cli/commands.h"

#include "base/clock.h"
#include "base/memory.h"
#include "certs/bundle.h"
#include "certs/describe.h"
#include "certs/survey_show.h"
#include "cli/cert_protocols.h"
#include "cli/cert_servers.h"

#include <unistd.h>

enum { PROGRESS_MS = 2000 };

struct surveying {
    struct survey survey; /* first */
    struct looking *all;
};

struct looking {
    const struct invocation *inv;
    struct cert_world world;
    struct surveying *surveys;
    size_t len, open;
    struct loop_timer progress;
    bool shows_progress;
};

static void clear_progress(const struct looking *l)
{
    if (l->shows_progress)
        (void)fputs("\r\x1b[K", stderr);
}

static void on_done(struct survey *s)
{
    struct looking *l = CONTAINER_OF(s, struct surveying, survey)->all;

    if (--l->open == 0)
        loop_stop(l->world.loop);
}

static void on_progress(struct loop_timer *t)
{
    struct looking *l = CONTAINER_OF(t, struct looking, progress);

    l->shows_progress = true;
    (void)fprintf(stderr, "\rlooking at %zu of %zu servers ", l->open, l->len);
    loop_timer_set(l->world.loop, t, PROGRESS_MS / 4);
}

static void look(struct looking *l, struct survey_target *targets)
{
    l->surveys = mem_new(l->len, sizeof *l->surveys);
    l->open = l->len;
    l->progress.fire = on_progress;
    if (isatty(STDERR_FILENO))
        loop_timer_set(l->world.loop, &l->progress, PROGRESS_MS);
    for (size_t i = 0; i < l->len; i++) {
        targets[i].has_few_questions = !invocation_has(l->inv, "text") && !invocation_has(l->inv, "json");
        l->surveys[i] = (struct surveying){ .survey.done = on_done, .all = l };
        survey_start(&l->surveys[i].survey, l->world.loop, l->world.resolver, l->world.prober, &targets[i]);
    }
    loop_run(l->world.loop);
    loop_timer_clear(l->world.loop, &l->progress);
    clear_progress(l);
}

static struct slice difference(const struct looking *l, struct arena *arena)
{
    const struct survey **all = ARENA_ARRAY(arena, const struct survey *, l->len);

    for (size_t i = 0; i < l->len; i++)
        all[i] = &l->surveys[i].survey;
    return survey_difference(all, l->len, arena);
}

static bool is_good(const struct looking *l)
{
    for (size_t i = 0; i < l->len; i++)
        if (!survey_is_good(&l->surveys[i].survey))
            return false;
    return true;
}

static int show_text(const struct looking *l)
{
    struct slice differs = difference(l, l->inv->arena);

    for (size_t i = 0; i < l->len; i++) {
        if (i > 0)
            (void)fputc('\n', stdout);
        survey_text(stdout, &l->surveys[i].survey, clock_wall_s());
    }
    if (differs.len > 0)
        (void)printf("\nwarning: servers that share a name should show the same certificate: %.*s\n",
                     SLICE_FMT(differs));
    return is_good(l) ? EXIT_DONE : EXIT_NEGATIVE;
}

static int show_json(const struct looking *l)
{
    json_t *j = json_object(), *servers = json_array();
    struct slice differs = difference(l, l->inv->arena);

    for (size_t i = 0; i < l->len; i++)
        json_array_append_new(servers, survey_json(&l->surveys[i].survey, clock_wall_s()));
    json_object_set_new(j, "servers", servers);
    if (differs.len > 0)
        json_object_set_new(j, "difference", json_stringn(differs.ptr, differs.len));
    print_json(j);
    return is_good(l) ? EXIT_DONE : EXIT_NEGATIVE;
}

/* What a person should know is said beside the certificate, where no script reads it. */
static void warn(const struct survey *s)
{
    char ip[NET_ADDRESS_TEXT];

    if (s->text[0] != '\0')
        (void)complain(0, "%.*s: %s", SLICE_FMT(s->target.server.host), s->text);
    for (size_t i = 0; i < s->addresses_len; i++) {
        const struct survey_address *a = &s->addresses[i];

        if (a->text[0] != '\0' && a->probe->failed_at != PROBE_INSIDE)
            (void)complain(0, "%.*s, %s: %s", SLICE_FMT(s->target.server.host), net_address_ip(&a->address, ip),
                           a->text);
    }
    if (s->difference[0] != '\0')
        (void)complain(0, "%.*s: the addresses differ: %s", SLICE_FMT(s->target.server.host), s->difference);
}

static const struct survey_address *first_with_chain(const struct survey *s)
{
    for (size_t i = 0; i < s->addresses_len; i++)
        if (s->addresses[i].probe->chain_len > 0)
            return &s->addresses[i];
    return NULL;
}

/* Of several servers each certificate once. */
static bool was_printed(const struct looking *l, size_t len, struct slice leaf)
{
    for (size_t i = 0; i < len; i++) {
        const struct survey_address *a = first_with_chain(&l->surveys[i].survey);

        if (a != NULL && slice_eq(a->probe->chain[0], leaf))
            return true;
    }
    return false;
}

static int show_pem(const struct looking *l, bool wants_chain)
{
    int code = EXIT_DONE;

    for (size_t i = 0; i < l->len; i++) {
        const struct survey_address *a = first_with_chain(&l->surveys[i].survey);

        warn(&l->surveys[i].survey);
        if (a == NULL)
            code = EXIT_NEGATIVE;
        if (a == NULL || was_printed(l, i, a->probe->chain[0]))
            continue;
        for (size_t k = 0; k < (wants_chain ? a->probe->chain_len : 1); k++)
            describe_pem(stdout, a->probe->chain[k]);
    }
    return code;
}

static int show(const struct looking *l)
{
    if (invocation_has(l->inv, "json"))
        return show_json(l);
    if (invocation_has(l->inv, "text"))
        return show_text(l);
    return show_pem(l, invocation_has(l->inv, "chain"));
}

/* Which roots of a bundle would not be trusted here (semantics C6). */
static int check_trust(const struct invocation *inv, const struct cert_world *w)
{
    const char *file = invocation_option(inv, "trust-check");
    struct bundle_root *roots;
    struct fault why;
    size_t len;

    if (bundle_compare(file, w->ca_file, clock_wall_s(), inv->arena, &roots, &len, &why) != OK)
        return complain(EXIT_USAGE, "%s", why.text);
    return bundle_show(stdout, roots, len, invocation_has(inv, "json")) ? EXIT_DONE : EXIT_NEGATIVE;
}

int run_cert(const struct invocation *inv)
{
    struct looking l = { .inv = inv };
    struct survey_target *targets;
    int code = cert_world_open(inv, &l.world);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "budget") && !invocation_has(inv, "protocols")) {
        code = complain(EXIT_USAGE, "--budget goes with --protocols");
    } else if (invocation_has(inv, "trust-check")) {
        code = check_trust(inv, &l.world);
    } else {
        code = cert_servers(inv, &l.world, &targets, &l.len);
        if (code == EXIT_DONE && invocation_has(inv, "protocols")) {
            code = cert_protocols(inv, &l.world, targets, l.len);
        } else if (code == EXIT_DONE) {
            look(&l, targets);
            code = show(&l);
        }
    }
    for (size_t i = 0; l.surveys != NULL && i < l.len; i++)
        survey_release(&l.surveys[i].survey);
    free(l.surveys);
    cert_world_close(&l.world);
    return code;
}
