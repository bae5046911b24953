#include "cli/client.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "settings/config.h"

#include <curl/curl.h>
#include <errno.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/sternpost/control.sock"

enum { ANSWER_BYTES_MAX = 256 * 1024 * 1024, PATIENCE_MS = 90 * 1000, QUIET_PATIENCE_MS = 5 * 1000, SILENCE_MS = 2 * 1000 };

struct client {
    CURL *curl;
    char *socket;
    struct buf answer;
    int64_t asked_ms;
    bool shows_progress, is_quiet;
};

static char *socket_of_config(const char *file, int *code)
{
    struct config *config;
    struct fault why;
    char *path;

    if (config_load(file, &config, &why) != OK) {
        *code = complain(EXIT_USAGE, "%s", why.text);
        return NULL;
    }
    path = mem_str(slice_str(config->control_socket));
    config_free(config);
    return path;
}

static char *find_socket(const struct invocation *inv, int *code)
{
    const char *given = invocation_option(inv, "socket"), *file = invocation_option(inv, "config");

    if (given == NULL)
        given = getenv("STERNPOST_SOCKET");
    if (given != NULL && given[0] != '\0')
        return mem_str(slice_str(given));
    return file != NULL ? socket_of_config(file, code) : mem_str(SLICE_LIT(DEFAULT_SOCKET));
}

struct client *client_new(const struct invocation *inv, int *code)
{
    struct client *c;
    char *socket = find_socket(inv, code);

    if (socket == NULL)
        return NULL;
    c = NEW(struct client);
    c->socket = socket;
    buf_init(&c->answer, ANSWER_BYTES_MAX);
    (void)curl_global_init(CURL_GLOBAL_NOTHING);
    c->curl = curl_easy_init();
    if (c->curl == NULL)
        abort(); /* out of memory: docs/decisions/0001 */
    return c;
}

void client_free(struct client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    buf_release(&c->answer);
    free(c->socket);
    free(c);
}

void client_hush(struct client *c)
{
    c->is_quiet = true;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct client *c = ctx;

    return buf_add(&c->answer, slice_of(bytes, size * count)) == OK ? size * count : 0;
}

static int on_progress(void *ctx, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct client *c = ctx;
    int64_t waited_ms = clock_mono_ms() - c->asked_ms;

    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    if (waited_ms < SILENCE_MS || !isatty(STDERR_FILENO))
        return 0;
    c->shows_progress = true;
    (void)fprintf(stderr, "\rwaiting for the daemon, %d s ", (int)(waited_ms / 1000));
    return 0;
}

static int unreachable(const struct client *c, CURLcode code)
{
    long error = 0;

    (void)curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &error);
    if (c->is_quiet)
        return EXIT_UNREACHABLE;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return complain(EXIT_UNREACHABLE, "the daemon behind '%s' does not answer within %d s; see its log", c->socket,
                        PATIENCE_MS / 1000);
    if (error == EACCES || error == EPERM)
        return complain(EXIT_UNREACHABLE,
                        "not allowed to use the control socket '%s'; run this as root or as the daemon's user",
                        c->socket);
    if (code == CURLE_COULDNT_CONNECT)
        return complain(EXIT_UNREACHABLE,
                        "no daemon behind '%s'; start it ('sternpost serve -c FILE', or 'systemctl start sternpost'), "
                        "or name its socket with --socket or its configuration file with -c",
                        c->socket);
    return complain(EXIT_UNREACHABLE, "the daemon behind '%s' broke off: %s", c->socket, curl_easy_strerror(code));
}

static int judge(struct client *c, json_t **answer)
{
    struct slice text = buf_slice(&c->answer);
    json_t *json = json_loadb(text.ptr, text.len, 0, NULL);
    long code = 0;

    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code);
    if (json != NULL && code >= 200 && code < 300) {
        *answer = json;
        return EXIT_DONE;
    }
    if (c->is_quiet)
        code = 0;
    else if (json != NULL && answer_text(json, "error").len > 0)
        (void)complain(0, "%s", answer_text(json, "error").ptr);
    else
        (void)complain(0, "the daemon answered with code %ld and no reason", code);
    json_decref(json);
    return code == 400 || code == 413 ? EXIT_USAGE : EXIT_NEGATIVE;
}

static void prepare(struct client *c, enum http_method method, const char *url, char *body)
{
    curl_easy_reset(c->curl);
    (void)curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    (void)curl_easy_setopt(c->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(c->curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http");
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, c->is_quiet ? (long)QUIET_PATIENCE_MS : (long)PATIENCE_MS);
    (void)curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    (void)curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, c);
    if (method != HTTP_GET)
        (void)curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, http_method_name(method));
    if (body != NULL || method == HTTP_POST)
        (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body == NULL ? "" : body);
}

int client_call(struct client *c, enum http_method method, struct slice path, const json_t *body, json_t **answer)
{
    struct arena a = { 0 };
    struct slice url = arena_printf(&a, "http://localhost%.*s", SLICE_FMT(path));
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/json");
    CURLcode code;

    buf_reset(&c->answer);
    prepare(c, method, url.ptr, text);
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, fields);
    c->asked_ms = clock_mono_ms();
    code = curl_easy_perform(c->curl);
    if (c->shows_progress)
        (void)fprintf(stderr, "\r\033[K");
    c->shows_progress = false;
    curl_slist_free_all(fields);
    free(text);
    arena_release(&a);
    return code == CURLE_OK ? judge(c, answer) : unreachable(c, code);
}

int client_ask(const struct invocation *inv, enum http_method method, struct slice path, const json_t *body,
               json_t **answer)
{
    int code = EXIT_USAGE;
    struct client *c = client_new(inv, &code);

    if (c == NULL)
        return code;
    code = client_call(c, method, path, body, answer);
    client_free(c);
    return code;
}

struct slice client_path(struct arena *arena, const char *pattern, ...)
{
    struct slice path = SLICE_LIT(""), rest = slice_str(pattern);
    va_list ap;

    va_start(ap, pattern);
    while (rest.len > 0) {
        struct slice plain = slice_cut(rest, '{', &rest), value = { "", 0 };

        if (rest.len > 0) {
            value = http_encode(slice_str(va_arg(ap, const char *)), arena);
            rest = slice_from(rest, 1); /* the "}" */
        }
        path = arena_printf(arena, "%.*s%.*s%.*s", SLICE_FMT(path), SLICE_FMT(plain), SLICE_FMT(value));
    }
    va_end(ap);
    return path;
}

struct slice client_query(struct arena *arena, struct slice path, const char *name, const char *value)
{
    struct slice encoded;

    if (value == NULL)
        return path;
    encoded = http_encode(slice_str(value), arena);
    return arena_printf(arena, "%.*s%c%s=%.*s", SLICE_FMT(path), slice_find(path, '?') == SIZE_MAX ? '?' : '&', name,
                        SLICE_FMT(encoded));
}

struct slice answer_text(const json_t *object, const char *name)
{
    const json_t *j = json_object_get(object, name);

    return json_is_string(j) ? slice_of(json_string_value(j), json_string_length(j)) : SLICE_LIT("");
}

json_int_t answer_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

void print_json(json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    (void)fputc('\n', stdout);
    json_decref(json);
}

void print_json_line(const json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
}
