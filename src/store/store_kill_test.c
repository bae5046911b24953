/* DUR-01: what was acknowledged is there after kill -9, whenever it comes. */
#include "store/store_test.h"

#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 10, PUTS = 16, SETTLE_EACH = 5, ACKS_MAX = 4000 };

/* What the child tells: the id that is in the store (or, negated, gone from it) for good. */
typedef int64_t ack;

static void put_round(struct store *s, struct handoff *reply, uint64_t first, int acks_fd)
{
    static const char *const one[4] = { "example.org" };
    struct test_message m[PUTS];
    struct store_request r[PUTS];
    size_t back = 0;

    for (size_t i = 0; i < PUTS; i++) {
        test_message_init(&m[i], first + i, 0, one);
        r[i] = (struct store_request){ .verb = STORE_PUT, .message = &m[i].m, .is_claimed = true, .reply_to = reply };
        store_send(s, &r[i]);
    }
    while (back < PUTS) {
        (void)handoff_wait(reply, -1);
        for (struct handoff_item *item = handoff_take(reply); item != NULL; item = item->next, back++) {
            const struct store_request *done = (struct store_request *)(void *)item;
            ack a = (ack)done->message->id;

            if (done->status != OK || write(acks_fd, &a, sizeof a) != sizeof a)
                _exit(1);
        }
    }
}

static void settle_some(struct store *s, uint64_t first, int acks_fd)
{
    const struct delivery_change done = { 0 };

    for (uint64_t id = first; id < first + PUTS; id += SETTLE_EACH) {
        struct store_request r = { .verb = STORE_SETTLE, .id = id, .changes = &done, .changes_len = 1 };
        ack a = -(ack)id;

        if (store_call(s, &r) != OK || write(acks_fd, &a, sizeof a) != sizeof a)
            _exit(1);
    }
}

static void child(const char *url, uint64_t first, int acks_fd)
{
    const struct store_config config = { .url = url };
    struct handoff *reply = handoff_new();
    struct store *s;
    struct fault why;

    if (store_open(&config, &s, &why) != OK)
        _exit(1);
    for (;; first += PUTS) {
        put_round(s, reply, first, acks_fd);
        settle_some(s, first, acks_fd);
    }
}

/* Lets the child work until it has acknowledged `count`, kills it, and reads what it had yet told. */
static size_t run_and_kill(const char *url, uint64_t first, size_t count, ack acks[static ACKS_MAX])
{
    int fds[2], how;
    size_t len = 0;
    pid_t pid;

    CHECK_INT(pipe(fds), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        child(url, first, fds[1]);
    }
    close(fds[1]);
    while (len < ACKS_MAX && read(fds[0], &acks[len], sizeof *acks) == sizeof *acks)
        if (++len == count)
            CHECK_INT(kill(pid, SIGKILL), 0);
    close(fds[0]);
    CHECK_INT(waitpid(pid, &how, 0), pid);
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    return len;
}

/* A settle that was done but not yet told may have taken the message of a put that was. */
static bool holds(struct test_store *t, ack a, uint64_t first)
{
    if (a < 0)
        return !is_there(t, (uint64_t)-a);
    return is_there(t, (uint64_t)a) || ((uint64_t)a - first) % PUTS % SETTLE_EACH == 0;
}

TEST(acknowledged_is_there_after_kill)
{
    static ack acks[ACKS_MAX];
    struct test_store t;

    test_store_prepare(&t);
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t first = 1 + round * 100000;
        size_t len = run_and_kill(t.url, first, 37 * round + 1, acks);

        test_store_open(&t);
        for (size_t i = 0; i < len; i++)
            if (!holds(&t, acks[i], first))
                fail_msg("round %zu: %lld was acknowledged and is not so", round, (long long)acks[i]);
        store_close(t.store);
        t.store = NULL;
    }
    test_store_end(&t);
}

RUN_TESTS(T(acknowledged_is_there_after_kill))
