#include "certs/acme_challenge.h"

#include "base/memory.h"
#include "net/https_server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHALLENGES "challenge"
#define CHALLENGE_PATH "/.well-known/acme-challenge/"

static bool is_of_alphabet(struct slice text, const char *further)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr(further, c) != NULL)))
            return false;
    }
    return text.len > 0;
}

bool acme_token_is_valid(struct slice token)
{
    return token.len <= ACME_TOKEN_MAX && is_of_alphabet(token, "-_");
}

static bool file_of(const char *folder, struct slice token, char out[static PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s/" CHALLENGES "/%.*s", folder, SLICE_FMT(token));

    return acme_token_is_valid(token) && len > 0 && len < PATH_MAX;
}

static enum status write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno != EINTR)
            return ERR_TEMPORARY;
        bytes = slice_from(bytes, n < 0 ? 0 : (size_t)n);
    }
    return OK;
}

enum status acme_challenge_put(const char *folder, struct slice token, struct slice answer, struct fault *why)
{
    char path[PATH_MAX];
    enum status st;
    int fd;

    if (!file_of(folder, token, path) || answer.len > ACME_ANSWER_MAX || !is_of_alphabet(answer, "-_."))
        return fault_set(why, ERR_SYNTAX, "the token or its answer is none of RFC 8555 section 8.3");
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fault_errno(why, "cannot write the answer to a challenge, '%s'", path);
    st = write_all(fd, answer);
    close(fd);
    return st == OK ? OK : fault_set(why, st, "cannot write the answer to a challenge: %s", strerror(errno));
}

void acme_challenge_drop(const char *folder, struct slice token)
{
    char path[PATH_MAX];

    if (file_of(folder, token, path))
        (void)unlink(path);
}

struct slice acme_challenge_get(const char *folder, struct slice token, struct arena *arena)
{
    char path[PATH_MAX], *text = arena_alloc(arena, ACME_ANSWER_MAX);
    ssize_t n;
    int fd;

    if (!file_of(folder, token, path))
        return SLICE_LIT("");
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return SLICE_LIT("");
    n = read(fd, text, ACME_ANSWER_MAX);
    close(fd);
    return n > 0 ? slice_of(text, (size_t)n) : SLICE_LIT("");
}

/* -- the hook ------------------------------------------------------------------------------------------------ */

enum { METHOD, TYPE, IDENT, TOKEN, AUTH, ARGS };

int acme_hook_run(const char *self, char *const *args, int args_len)
{
    struct slice path = slice_str(self), folder = slice_first(path, slice_find_last(path, '/'));
    char name[PATH_MAX];
    struct fault why = { "" };

    if (args_len != ARGS || folder.len == path.len || !slice_to_cstr(folder, name, sizeof name)) {
        (void)fprintf(stderr, "%s: only uacme calls this\n", ACME_HOOK_NAME);
        return EXIT_FAILURE;
    }
    if (strcmp(args[TYPE], "http-01") != 0)
        return EXIT_FAILURE; /* the authority offers others beside it */
    if (strcmp(args[METHOD], "begin") != 0) {
        acme_challenge_drop(name, slice_str(args[TOKEN]));
        return EXIT_SUCCESS;
    }
    if (acme_challenge_put(name, slice_str(args[TOKEN]), slice_str(args[AUTH]), &why) == OK)
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "%s: %s\n", ACME_HOOK_NAME, why.text);
    return EXIT_FAILURE;
}

/* -- serving ------------------------------------------------------------------------------------------------- */

struct acme_host {
    struct https_server *server;
    const char *folder;
};

/* The token is what counts: it is asked for under every name that a certificate is for. */
static bool has_host(void *ctx, struct slice host)
{
    (void)ctx;
    (void)host;
    return true;
}

static void answer(struct https_call *call)
{
    const struct acme_host *h = call->ctx;
    struct slice token = slice_from(call->head.path, sizeof CHALLENGE_PATH - 1);
    struct slice found = acme_challenge_get(h->folder, token, &call->arena);
    struct https_answer a = { .code = 404 };

    if (found.len > 0)
        a = (struct https_answer){ .code = 200, .type = "application/octet-stream", .body = found };
    https_answer(call, &a);
}

static const struct https_handler handler = { .end = answer };
static const struct https_route route = {
    .has_host = has_host, .method = HTTP_GET, .path = CHALLENGE_PATH, .is_folder = true, .handler = &handler
};

enum status acme_host_new(struct loop *loop, const struct net_address *addresses, size_t addresses_len,
                          const char *folder, struct acme_host **out, struct fault *why)
{
    struct acme_host *h = NEW(struct acme_host);
    struct https_server_config server = { .loop = loop,
                                          .addresses = addresses,
                                          .addresses_len = addresses_len,
                                          .routes = &route,
                                          .routes_len = 1,
                                          .limits = https_limits_usual,
                                          .ctx = h };
    struct fault inner;
    enum status st;

    h->folder = folder;
    st = https_server_new(&server, &h->server, &inner);
    if (st == OK) {
        *out = h;
        return OK;
    }
    free(h);
    return fault_set(why, st, "acme: %s", inner.text);
}

void acme_host_free(struct acme_host *h)
{
    if (h == NULL)
        return;
    https_server_free(h->server);
    free(h);
}

void acme_host_address(const struct acme_host *h, struct net_address *out)
{
    https_server_address(h->server, 0, out);
}
