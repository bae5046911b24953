#include "certs/acme_process.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REAP_MS = 50 };

/* -- its end -------------------------------------------------------------------------------------------------- */

static void finish(struct acme_process *p, int code)
{
    loop_timer_clear(p->loop, &p->timer);
    p->pid = 0;
    p->code = code;
    p->done(p);
}

static void close_pipe(struct acme_process *p)
{
    if (p->io.fd < 0)
        return;
    loop_unwatch(p->loop, &p->io);
    close(p->io.fd);
    p->io.fd = -1;
}

/* It has closed its output and will be gone in a moment; or is killed when its time is over. */
static void on_timer(struct loop_timer *t)
{
    struct acme_process *p = CONTAINER_OF(t, struct acme_process, timer);
    int status = 0;
    pid_t got;

    if (p->pid == 0) {
        finish(p, -1); /* it never began */
        return;
    }
    if (loop_now_ms(p->loop) >= p->ends_ms && !p->is_killed) {
        p->is_killed = true;
        (void)kill(p->pid, SIGKILL);
        close_pipe(p);
    }
    got = waitpid(p->pid, &status, WNOHANG);
    if (got == p->pid || (got < 0 && errno != EINTR)) {
        close_pipe(p);
        finish(p, got == p->pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        return;
    }
    loop_timer_set(p->loop, t, p->io.fd < 0 ? REAP_MS : p->ends_ms - loop_now_ms(p->loop));
}

/* -- what it says --------------------------------------------------------------------------------------------- */

static void keep(struct acme_process *p, const char *bytes, size_t len)
{
    size_t room = sizeof p->said - 1;

    if (p->said_len + len > room) {
        size_t drop = p->said_len + len - room;

        memmove(p->said, p->said + drop, p->said_len - drop);
        p->said_len -= drop;
    }
    memcpy(p->said + p->said_len, bytes, len);
    p->said_len += len;
    p->said[p->said_len] = '\0';
}

static void on_output(struct loop_io *io, unsigned events)
{
    struct acme_process *p = CONTAINER_OF(io, struct acme_process, io);
    char bytes[1024];
    ssize_t n = read(io->fd, bytes, sizeof bytes);

    (void)events;
    if (n > 0) {
        keep(p, bytes, (size_t)n);
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    close_pipe(p);
    loop_timer_set(p->loop, &p->timer, 0);
}

struct slice acme_process_last_line(const struct acme_process *p)
{
    struct slice said = slice_of(p->said, p->said_len);

    while (said.len > 0 && (said.ptr[said.len - 1] == '\n' || said.ptr[said.len - 1] == '\r'))
        said.len--;
    return slice_from(said, slice_find_last(said, '\n') == SIZE_MAX ? 0 : slice_find_last(said, '\n') + 1);
}

/* -- its beginning -------------------------------------------------------------------------------------------- */

static int spawn(struct acme_process *p, char *const *argv, const char *home, int output)
{
    char home_text[4096];
    char *env[] = { (char *)(uintptr_t) "PATH=/usr/bin:/bin", (char *)(uintptr_t) "LC_ALL=C", home_text, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t usual, none;
    int err;

    (void)snprintf(home_text, sizeof home_text, "HOME=%s", home);
    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    err = posix_spawn_file_actions_init(&files);
    if (err != 0)
        return err;
    err = posix_spawnattr_init(&attributes);
    if (err == 0) {
        (void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        (void)posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
        (void)posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &usual);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        err = posix_spawn(&p->pid, argv[0], &files, &attributes, argv, env);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return err;
}

void acme_process_start(struct acme_process *p, struct loop *loop, char *const *argv, const char *folder)
{
    int ends[2], err;

    p->loop = loop;
    p->io = (struct loop_io){ .fd = -1, .ready = on_output };
    p->timer.fire = on_timer;
    p->said_len = 0;
    p->said[0] = '\0';
    p->pid = 0;
    p->is_killed = false;
    p->ends_ms = loop_now_ms(loop) + ACME_RUN_MS;
    err = pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
    if (err == 0) {
        err = spawn(p, argv, folder, ends[1]);
        close(ends[1]);
    }
    if (err != 0) {
        p->pid = 0;
        p->said_len = (size_t)snprintf(p->said, sizeof p->said, "cannot run '%s': %s", argv[0], strerror(err));
        loop_timer_set(loop, &p->timer, 0);
        return;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK); /* its own end waits for us */
    loop_watch(loop, &p->io, ends[0], LOOP_READ);
    loop_timer_set(loop, &p->timer, ACME_RUN_MS);
}

void acme_process_end(struct acme_process *p)
{
    if (p->loop == NULL)
        return;
    loop_timer_clear(p->loop, &p->timer);
    close_pipe(p);
    if (p->pid > 0) {
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, NULL, 0);
    }
    p->pid = 0;
}
