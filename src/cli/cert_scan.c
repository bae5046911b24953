/* `sternpost cert scan`: the certificates of thousands of servers, one JSON object a line. */
#include "base/clock.h"
#include "base/memory.h"
#include "certs/certificate.h"
#include "certs/scan.h"
#include "certs/survey_show.h"
#include "cli/cert_world.h"
#include "cli/commands.h"
#include "cli/scan_output.h"
#include "settings/units.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PARALLEL = 200,
    PARALLEL_MAX = 10000,
    PER_NETWORK = 8,
    ADDRESS_GAP_MS = 2000,
    LINE_BYTES = 1024,
    PROGRESS_MS = 200,
    BAR_WIDTH = 24,
    DESCRIPTORS_BESIDE = 100,
    MS = 1000,
};

struct scanning {
    struct scan scan; /* first */
    const struct invocation *inv;
    struct cert_world world;
    struct scan_output output;
    FILE *in;
    size_t line, lines; /* read; in the file, 0: nobody knows */
    size_t looked, skipped, without,
        bad;            /* at; seen before; of those looked at, without a certificate; not a server */
    struct arena names; /* of the server that is being handed over */
    struct loop_timer progress;
    struct loop_hook flush;
    int64_t started_ms;
    bool shows_progress, cannot_write;
};

/* -- input ------------------------------------------------------------------------------------------------ */

static size_t count_lines(FILE *in)
{
    struct stat st;
    char bytes[65536];
    size_t lines = 0, got;

    if (fstat(fileno(in), &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    while ((got = fread(bytes, 1, sizeof bytes, in)) > 0)
        for (const char *p = bytes; (p = memchr(p, '\n', got - (size_t)(p - bytes))) != NULL; p++)
            lines++;
    rewind(in);
    return lines;
}

/* One line without its end and its comment; what is too long is cut, and then no server. False: there are no more. */
static bool read_line(struct scanning *s, char *out, struct slice *text)
{
    size_t len;
    int c = 0;

    if (fgets(out, LINE_BYTES, s->in) == NULL)
        return false;
    s->line++;
    len = strlen(out);
    if (len == LINE_BYTES - 1 && out[len - 1] != '\n')
        while (c != EOF && c != '\n')
            c = fgetc(s->in);
    *text = slice_trim(slice_first(slice_of(out, len), strcspn(out, "#\r\n")));
    return true;
}

static void tell_bad(struct scanning *s, struct slice text, const struct fault *why)
{
    struct slice shown = certificate_escape(slice_first(text, 80), &s->names);
    json_t *j = json_pack("{s:I, s:s%, s:s, s:s}", "line", (json_int_t)s->line, "input", shown.ptr, shown.len, "stage",
                          "input", "text", why->text);

    s->bad++;
    if (j != NULL)
        scan_output_line(&s->output, j);
    json_decref(j);
}

static bool next_server(struct scan *scan, struct cert_target *out)
{
    struct scanning *s = CONTAINER_OF(scan, struct scanning, scan);
    char bytes[LINE_BYTES];
    struct slice text;
    struct fault why;

    while (read_line(s, bytes, &text)) {
        arena_reset(&s->names);
        if (text.len == 0)
            continue;
        if (cert_target_parse(text, tls_way_port(scan->like.way), &s->names, out, &why) != OK)
            tell_bad(s, text, &why);
        else if (scan_output_has(&s->output, out, scan->like.way))
            s->skipped++;
        else
            return true;
    }
    return false;
}

/* -- output ----------------------------------------------------------------------------------------------- */

static void on_result(struct scan *scan, const struct survey *survey)
{
    struct scanning *s = CONTAINER_OF(scan, struct scanning, scan);
    json_t *j = survey_brief_json(survey, clock_wall_s());

    s->looked++;
    s->without += !survey_has_certificate(survey);
    scan_output_line(&s->output, j);
    json_decref(j);
}

/* Once a round: what is written is whole lines, and an interrupt loses none that are done. */
static void on_flush(struct loop_hook *hook)
{
    struct scanning *s = CONTAINER_OF(hook, struct scanning, flush);

    if (scan_output_flush(&s->output) || s->cannot_write)
        return;
    s->cannot_write = true;
    loop_stop(s->world.loop);
}

static void print_progress(const struct scanning *s)
{
    int64_t spent_ms = clock_mono_ms() - s->started_ms;
    size_t passed = s->looked + s->skipped + s->bad;
    double rate = spent_ms > 0 ? (double)s->looked * MS / (double)spent_ms : 0;
    int filled = s->lines > 0 ? (int)(passed >= s->lines ? BAR_WIDTH : passed * BAR_WIDTH / s->lines) : 0;

    (void)fputs("\r\x1b[K", stderr);
    if (s->lines > 0)
        (void)fprintf(stderr, "[%.*s%*s] %zu of %zu", filled, "########################", BAR_WIDTH - filled, "",
                      passed, s->lines);
    else
        (void)fprintf(stderr, "%zu looked at", passed);
    (void)fprintf(stderr, ", %.0f a second, %zu without a certificate", rate, s->without);
    if (s->lines > passed && rate >= 1)
        (void)fprintf(stderr, ", %.0f s left", (double)(s->lines - passed) / rate);
}

static void on_progress(struct loop_timer *t)
{
    struct scanning *s = CONTAINER_OF(t, struct scanning, progress);

    print_progress(s);
    loop_timer_set(s->world.loop, t, PROGRESS_MS);
}

static void on_done(struct scan *scan)
{
    loop_stop(CONTAINER_OF(scan, struct scanning, scan)->world.loop);
}

/* -- options ---------------------------------------------------------------------------------------------- */

static int read_number(const struct invocation *inv, const char *name, unsigned initial, unsigned most, unsigned *out)
{
    const char *given = invocation_option(inv, name);
    uint64_t n = initial;

    if (given != NULL && (!slice_to_u64(slice_str(given), &n) || n == 0 || n > most))
        return complain(EXIT_USAGE, "--%s is a number from 1 to %u, not '%s'", name, most, given);
    *out = (unsigned)n;
    return EXIT_DONE;
}

static int read_duration(const struct invocation *inv, const char *name, int64_t initial_ms, int64_t *out)
{
    const char *given = invocation_option(inv, name);
    struct fault why;

    *out = initial_ms;
    if (given == NULL || units_parse_duration(slice_str(given), out, &why) == OK)
        return EXIT_DONE;
    return complain(EXIT_USAGE, "--%s: %s", name, why.text);
}

static int read_options(struct scanning *s)
{
    struct pace_limits *pace = &s->scan.pace_limits;
    int code = cert_world_target(s->inv, &s->world, &s->scan.like);

    if (code == EXIT_DONE)
        code = read_number(s->inv, "parallel", PARALLEL, PARALLEL_MAX, &s->scan.parallel);
    if (code == EXIT_DONE)
        code = read_number(s->inv, "per-network", PER_NETWORK, PARALLEL_MAX, &pace->per_network);
    if (code == EXIT_DONE)
        code = read_duration(s->inv, "address-interval", ADDRESS_GAP_MS, &pace->address_gap_ms);
    if (code == EXIT_DONE)
        code = read_duration(s->inv, "network-interval", 0, &pace->network_gap_ms);
    pace->per_address = pace->address_gap_ms > 0 ? 1 : 0;
    s->scan.like.has_few_questions = true;
    s->scan.like.wants_one = true;
    return code;
}

/* Every connection is a descriptor. */
static int raise_descriptors(unsigned parallel)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return EXIT_DONE;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur != RLIM_INFINITY && files.rlim_cur < parallel + (unsigned)DESCRIPTORS_BESIDE)
        return complain(EXIT_USAGE,
                        "--parallel %u needs more descriptors than the %ju that are allowed here; raise 'ulimit -n'",
                        parallel, (uintmax_t)files.rlim_cur);
    return EXIT_DONE;
}

static int open_input(struct scanning *s, const char *name)
{
    if (strcmp(name, "-") == 0)
        s->in = stdin;
    else
        s->in = fopen(name, "re");
    if (s->in == NULL)
        return complain(EXIT_USAGE, "cannot open '%s': %s", name, strerror(errno));
    s->lines = count_lines(s->in);
    return EXIT_DONE;
}

static int open_output(struct scanning *s)
{
    struct fault why;

    if (scan_output_open(&s->output, invocation_option(s->inv, "resume"), &why) == OK)
        return EXIT_DONE;
    return complain(EXIT_USAGE, "%s", why.text);
}

static int run(struct scanning *s)
{
    s->scan.next = next_server;
    s->scan.result = on_result;
    s->scan.done = on_done;
    s->flush.run = on_flush;
    s->progress.fire = on_progress;
    s->started_ms = clock_mono_ms();
    s->shows_progress = isatty(STDERR_FILENO) && !(s->output.file == stdout && isatty(STDOUT_FILENO));
    loop_hook_add(s->world.loop, &s->flush);
    if (s->shows_progress)
        loop_timer_set(s->world.loop, &s->progress, PROGRESS_MS);
    scan_start(&s->scan, s->world.loop, s->world.resolver, s->world.prober);
    loop_run(s->world.loop);
    loop_timer_clear(s->world.loop, &s->progress);
    if (s->shows_progress) {
        print_progress(s);
        (void)fputc('\n', stderr);
    }
    scan_release(&s->scan);
    if (s->cannot_write || !scan_output_flush(&s->output))
        return complain(EXIT_NEGATIVE, "cannot write the results");
    return s->bad > 0 ? EXIT_NEGATIVE : EXIT_DONE;
}

int run_cert_scan(const struct invocation *inv)
{
    struct scanning s = { .inv = inv };
    int code = cert_world_open(inv, &s.world);

    if (code != EXIT_DONE)
        return code;
    code = read_options(&s);
    if (code == EXIT_DONE)
        code = raise_descriptors(s.scan.parallel);
    if (code == EXIT_DONE)
        code = open_input(&s, inv->args[0]);
    if (code == EXIT_DONE)
        code = open_output(&s);
    if (code == EXIT_DONE) {
        code = run(&s);
        scan_output_close(&s.output);
    }
    if (s.in != NULL && s.in != stdin)
        (void)fclose(s.in);
    arena_release(&s.names);
    cert_world_close(&s.world);
    return code;
}
