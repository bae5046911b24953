/* When certificates are asked for, and what a challenge may be called. */
#include "base/memory.h"
#include "base/test.h"
#include "certs/acme.h"
#include "certs/acme_challenge.h"
#include "certs/acme_process.h"

#include <sys/stat.h>
#include <unistd.h>

TEST(a_third_before_the_end)
{
    enum { D = 86400 };

    CHECK_INT(acme_renewal_s(0, (int64_t)90 * D), 60 * D);
    CHECK_INT(acme_renewal_s((int64_t)10 * D, (int64_t)16 * D), 14 * D);
    CHECK_INT(acme_retry_s(1, 1000), 1600);
    CHECK_INT(acme_retry_s(2, 1000), 2200);
    CHECK_INT(acme_retry_s(8, 0), 76800);
    CHECK_INT(acme_retry_s(9, 0), D);
    CHECK_INT(acme_retry_s(4000000000U, 0), D);
}

TEST(tokens)
{
    static const struct {
        const char *token;
        bool is_valid;
    } cases[] = {
        { "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", true },
        { "a-b_c", true },
        { "", false },
        { "..", false },
        { "../key.pem", false },
        { "a/b", false },
        { "a.b", false },
        { "a b", false },
        { "a\n", false },
        { "\xc3\xa9", false },
    };
    char longest[ACME_TOKEN_MAX + 1];

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_CASE(cases[i].token, acme_token_is_valid(slice_str(cases[i].token)) == cases[i].is_valid);
    memset(longest, 'a', sizeof longest);
    CHECK(acme_token_is_valid(slice_of(longest, ACME_TOKEN_MAX)) &&
          !acme_token_is_valid(slice_of(longest, ACME_TOKEN_MAX + 1)));
}

static char folder[] = "/tmp/acme-test-XXXXXX";

static void make_folder(void)
{
    char challenges[64];

    if (strstr(folder, "XXXXXX") == NULL)
        return;
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(challenges, sizeof challenges, "%s/challenge", folder);
    CHECK(mkdir(challenges, 0700) == 0);
}

static int hook(const char *method, const char *type, const char *token, const char *auth)
{
    char self[64],
        *args[] = { (char *)(uintptr_t)method, (char *)(uintptr_t)type, (char *)(uintptr_t) "mx.example.org",
                    (char *)(uintptr_t)token, (char *)(uintptr_t)auth };

    (void)snprintf(self, sizeof self, "%s/" ACME_HOOK_NAME, folder);
    return acme_hook_run(self, args, COUNT_OF(args));
}

/* By the symbols of its arguments uacme tells the hook what to do; whatever is odd is declined. */
TEST(the_hook)
{
    struct arena arena = { 0 };

    make_folder();
    CHECK_INT(hook("begin", "dns-01", "tok", "tok.abc"), 1);
    CHECK_INT(hook("begin", "http-01", "../tok", "tok.abc"), 1);
    CHECK_INT(hook("begin", "http-01", "tok", "tok.abc\r\nX: y"), 1);
    CHECK_INT(hook("begin", "http-01", "tok", "tok.abc"), 0);
    CHECK_STR(acme_challenge_get(folder, SLICE_LIT("tok"), &arena), "tok.abc");
    CHECK_INT(acme_challenge_get(folder, SLICE_LIT("other"), &arena).len, 0);
    CHECK_INT(acme_challenge_get(folder, SLICE_LIT("../challenge"), &arena).len, 0);
    CHECK_INT(hook("done", "http-01", "tok", "tok.abc"), 0);
    CHECK_INT(acme_challenge_get(folder, SLICE_LIT("tok"), &arena).len, 0);
    CHECK_INT(acme_hook_run("acme-hook", NULL, 0), 1);
    arena_release(&arena);
}

/* -- runs --------------------------------------------------------------------------------------------------- */

static bool is_over;

static void on_done(struct acme_process *p)
{
    (void)p;
    is_over = true;
}

static int run(const char *program, const char *argument, struct acme_process *p)
{
    char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)argument, NULL };
    struct loop *loop = loop_new();

    *p = (struct acme_process){ .done = on_done };
    is_over = false;
    acme_process_start(p, loop, argv, "/tmp");
    for (int i = 0; i < 200 && !is_over; i++)
        loop_turn(loop, 50);
    CHECK(is_over);
    loop_free(loop);
    return p->code;
}

TEST(a_run)
{
    struct acme_process p;

    CHECK_INT(run("/bin/true", NULL, &p), 0);
    CHECK_INT(run("/bin/false", NULL, &p), 1);
    CHECK_INT(run("/bin/echo", "one word", &p), 0);
    CHECK_STR(acme_process_last_line(&p), "one word");
    CHECK_INT(run("/nonexistent/uacme", NULL, &p), -1);
    CHECK(strstr(p.said, "cannot run '/nonexistent/uacme'") != NULL);
    CHECK_INT(run("/usr/bin/env", NULL, &p), 0); /* nothing of ours */
    CHECK_STR(slice_str(p.said), "PATH=/usr/bin:/bin\nLC_ALL=C\nHOME=/tmp\n");
}

TEST(a_run_that_is_ended)
{
    char *argv[] = { (char *)(uintptr_t) "/bin/sleep", (char *)(uintptr_t) "60", NULL };
    struct acme_process p = { .done = on_done };
    struct loop *loop = loop_new();

    acme_process_start(&p, loop, argv, "/tmp");
    acme_process_end(&p);
    acme_process_end(&p);
    loop_free(loop);
}

TEST(the_end_of_much_that_is_said)
{
    struct acme_process p;

    CHECK_INT(run("/usr/bin/seq", "20000", &p), 0);
    CHECK_STR(acme_process_last_line(&p), "20000");
    CHECK(strlen(p.said) == ACME_SAID_MAX - 1);
}

RUN_TESTS(T(a_third_before_the_end), T(tokens), T(the_hook), T(a_run), T(a_run_that_is_ended),
          T(the_end_of_much_that_is_said))
