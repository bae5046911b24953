/* `sternpost check`: any mail domain as the world sees it, judged, with the change to make for each fault. A daemon on
 * this machine is asked for what it remembers, and not needed. */
#include "cli/check_show.h"
#include "cli/commands.h"

#include "base/memory.h"
#include "cli/cert_world.h"
#include "cli/check_history.h"
#include "domains/survey.h"
#include "mail/address.h"
#include "settings/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    PROGRESS_MS = 1000,
    REDRAW_MS = 250,
    BAR_WIDTH = 30,
    AT_A_TIME = 12,
    STEP_MS = 20 * 1000,
    REPORT_TO_MOST = 10,
    MS = 1000,
    PAUSE_MOST_S = 60
};

struct checked_domain {
    struct domain_survey survey; /* first */
    struct checking_run *run;
    struct slice name;
    struct checked_facts shown;
    struct arena arena;
};

struct checking_run {
    const struct invocation *inv;
    struct cert_world world;
    struct server_pool *pool;
    struct https_client *https;
    struct domain_survey_world survey_world;
    struct checked_domain *domains;
    size_t len, started, done;
    unsigned budget;  /* of a closer look; 0: as usual */
    int64_t pause_ms; /* likewise */
    struct slice *report_to;
    size_t report_to_len;
    struct loop_timer progress;
    bool shows_progress;
};

/* -- progress ------------------------------------------------------------------------------------------------- */

static void on_progress(struct loop_timer *t)
{
    struct checking_run *r = CONTAINER_OF(t, struct checking_run, progress);
    size_t steps = 0, done = 0, filled;
    char bar[BAR_WIDTH + 1];

    for (size_t i = 0; i < r->started; i++) {
        steps += r->domains[i].survey.steps;
        done += r->domains[i].survey.steps_done;
    }
    steps = r->started == 0 ? 1 : steps * r->len / r->started;
    filled = BAR_WIDTH * done / steps;
    for (size_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    r->shows_progress = true;
    (void)fprintf(stderr, "\r[%s] %zu of %zu %s ", bar, r->done, r->len, r->len == 1 ? "domain" : "domains");
    loop_timer_set(r->world.loop, t, REDRAW_MS);
}

/* -- the surveys ---------------------------------------------------------------------------------------------- */

static void start_more(struct checking_run *r);

static void on_survey(struct domain_survey *s)
{
    struct checked_domain *d = CONTAINER_OF(s, struct checked_domain, survey);
    struct checking_run *r = d->run;

    r->done++;
    if (r->done == r->len)
        loop_stop(r->world.loop);
    else
        start_more(r);
}

static void start_more(struct checking_run *r)
{
    while (r->started < r->len && r->started - r->done < AT_A_TIME) {
        struct checked_domain *d = &r->domains[r->started++];

        d->survey.done = on_survey;
        domain_survey_start(&d->survey, &r->survey_world, d->name);
    }
}

static int open_world(struct checking_run *r)
{
    const struct config *config;
    struct https_config https = { .port = 443 };
    struct server_pool_config pool = { .timeout_ms = STEP_MS };
    struct fault why;
    int code = cert_world_open(r->inv, &r->world);

    if (code != EXIT_DONE)
        return code;
    config = r->world.config;
    https.ca_file = pool.ca_file = r->world.ca_file;
    pool.helo = slice_str(r->world.helo);
    pool.smtp_port = 25;
    pool.is_deep = invocation_has(r->inv, "deep");
    pool.budget = r->budget;
    pool.pause_ms = r->pause_ms;
    if (config != NULL) {
        https.allows_private = pool.allows_private = config->outbound.allows_private;
        pool.smtp_port = config->outbound.port;
        https.port = pool.https_port = config->outbound.https_port;
        pool.from4 = config->outbound.has_address4 ? &config->outbound.address4 : NULL;
        pool.from6 = config->outbound.has_address6 ? &config->outbound.address6 : NULL;
    }
    if (https_client_new(r->world.loop, r->world.resolver, &https, &r->https, &why) != OK)
        return complain(EXIT_USAGE, "%s", why.text);
    r->pool = server_pool_new(r->world.loop, r->world.resolver, r->world.prober, &pool);
    r->survey_world = (struct domain_survey_world){
        .loop = r->world.loop,
        .resolver = r->world.resolver,
        .pool = r->pool,
        .https = r->https,
        .mailbox = { .loop = r->world.loop,
                     .resolver = r->world.resolver,
                     .prober = r->world.prober,
                     .helo = pool.helo,
                     .from4 = pool.from4,
                     .from6 = pool.from6,
                     .port = pool.smtp_port,
                     .timeout_ms = STEP_MS,
                     .allows_private = pool.allows_private },
        .ca_file = r->world.ca_file,
        .has_dnssec = r->world.has_dnssec,
    };
    return EXIT_DONE;
}

static void close_world(struct checking_run *r)
{
    for (size_t i = 0; r->domains != NULL && i < r->len; i++) {
        domain_survey_release(&r->domains[i].survey);
        arena_release(&r->domains[i].arena);
    }
    free(r->domains);
    server_pool_free(r->pool);
    if (r->https != NULL)
        https_client_free(r->https);
    if (r->world.loop != NULL)
        cert_world_close(&r->world);
}

static void survey_all(struct checking_run *r)
{
    r->progress.fire = on_progress;
    if (isatty(STDERR_FILENO))
        loop_timer_set(r->world.loop, &r->progress, PROGRESS_MS);
    start_more(r);
    loop_run(r->world.loop);
    loop_timer_clear(r->world.loop, &r->progress);
    if (r->shows_progress)
        (void)fputs("\r\x1b[K", stderr);
}

/* -- the command line ----------------------------------------------------------------------------------------- */

static int read_domains(struct checking_run *r)
{
    struct fault why;

    r->domains = mem_new(r->inv->args_len, sizeof *r->domains);
    for (size_t i = 0; i < r->inv->args_len; i++) {
        struct slice text = slice_str(r->inv->args[i]);

        if (text.len > 0 && text.ptr[text.len - 1] == '.')
            text.len--;
        r->domains[i].run = r;
        if (mail_domain_parse(r->inv->arena, text, &r->domains[i].name, &why) != OK)
            return complain(EXIT_USAGE, "'%s': %s", r->inv->args[i], why.text);
    }
    r->len = r->inv->args_len;
    return EXIT_DONE;
}

static int read_report_to(struct checking_run *r)
{
    struct fault why;

    r->report_to = ARENA_ARRAY(r->inv->arena, struct slice, REPORT_TO_MOST);
    for (size_t i = 0; i < r->inv->options_len; i++) {
        struct slice rest = slice_str(r->inv->options[i].value);

        if (strcmp(r->inv->options[i].option->name, "report-to") != 0)
            continue;
        while (rest.len > 0) {
            struct slice one = slice_trim(slice_cut(rest, ',', &rest));

            if (r->report_to_len == REPORT_TO_MOST)
                return complain(EXIT_USAGE, "more than %d addresses for reports", REPORT_TO_MOST);
            if (suggest_report_uri(one, r->inv->arena, &r->report_to[r->report_to_len++], &why) != OK)
                return complain(EXIT_USAGE, "--report-to: %s", why.text);
        }
    }
    if (r->report_to_len > 0 && !invocation_has(r->inv, "suggest"))
        return complain(EXIT_USAGE, "--report-to goes with --suggest");
    return EXIT_DONE;
}

/* *out is left alone where the option was not given. */
static int read_number(const struct checking_run *r, const char *option, uint64_t least, uint64_t most, uint64_t *out)
{
    const char *given = invocation_option(r->inv, option);

    if (given == NULL)
        return EXIT_DONE;
    if (!invocation_has(r->inv, "deep"))
        return complain(EXIT_USAGE, "--%s goes with --deep", option);
    if (!slice_to_u64(slice_str(given), out) || *out < least || *out > most)
        return complain(EXIT_USAGE, "--%s '%s' is not a number from %" PRIu64 " to %" PRIu64, option, given, least,
                        most);
    return EXIT_DONE;
}

static int read_deep(struct checking_run *r)
{
    uint64_t budget = DEEP_BUDGET, pause_s = UINT64_MAX;
    int code = read_number(r, "budget", 1, PROTOCOL_BUDGET_MOST, &budget);

    if (code == EXIT_DONE)
        code = read_number(r, "pause", 0, PAUSE_MOST_S, &pause_s);
    r->budget = (unsigned)budget;
    r->pause_ms = pause_s == 0 ? -1 : pause_s <= PAUSE_MOST_S ? (int64_t)pause_s * MS : 0;
    return code;
}

/* The check does without, where no daemon answers. */
static struct client *quiet_client(const struct invocation *inv)
{
    int code = EXIT_DONE;
    struct client *c = client_new(inv, &code);

    if (c != NULL)
        client_hush(c);
    return c;
}

static int show_all(struct checking_run *r)
{
    enum check_verdict worst = CHECK_OK;
    json_t *all = json_array();
    struct client *daemon = quiet_client(r->inv);
    bool is_json = invocation_has(r->inv, "json"), wants_suggestion = invocation_has(r->inv, "suggest");

    for (size_t i = 0; i < r->len; i++) {
        struct checked_domain *d = &r->domains[i];

        d->shown.domain = d->name;
        if (daemon != NULL)
            d->survey.facts.history = check_history(daemon, d->name, &d->arena);
        checks_run(&d->survey.facts, &d->arena, &d->shown.report);
        d->shown.has_suggestion = wants_suggestion;
        if (wants_suggestion)
            suggest_records(&d->survey.facts, r->report_to, r->report_to_len, &d->arena, &d->shown.suggestion);
        if (d->shown.report.worst > worst)
            worst = d->shown.report.worst;
        if (is_json)
            json_array_append_new(all, check_json(&d->shown));
        else
            check_text(stdout, &d->shown, invocation_has(r->inv, "verbose"), i > 0);
    }
    if (is_json)
        print_json(json_pack("{s:o}", "domains", all));
    else
        json_decref(all);
    client_free(daemon);
    return check_exit_code(worst);
}

int run_check(const struct invocation *inv)
{
    struct checking_run r = { .inv = inv };
    int code = read_domains(&r);

    if (code == EXIT_DONE)
        code = read_report_to(&r);
    if (code == EXIT_DONE)
        code = read_deep(&r);
    if (code == EXIT_DONE)
        code = open_world(&r);
    if (code == EXIT_DONE) {
        survey_all(&r);
        code = show_all(&r);
    }
    close_world(&r);
    return code;
}
