/* Servers of other libraries: GnuTLS, which still speaks RC4 and 3DES, and OpenSSL's own program. What is not
 * installed is skipped. */
#include "certs/protocols_fixture.h"

#include "certs/server_fixture.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

static struct minica *root;

static int set_up(void **unused)
{
    static const char *const names[] = { "mx.example.test" };
    const struct minica_leaf leaf = { .names = names, .names_len = 1, .key = MINICA_RSA_2048 };
    struct fault why = { "" };

    (void)unused;
    fixture_make();
    root = minica_new("Test Root");
    return minica_issue(root, &leaf, file_of("rsa", ".pem"), file_of("rsa", ".key"), &why) == OK ? 0 : -1;
}

static int tear_down(void **unused)
{
    (void)unused;
    minica_free(root);
    fixture_remove();
    return 0;
}

/* A port that nobody had a moment ago. */
static uint16_t free_port(struct net_address *at)
{
    struct listener l;
    struct fault why;

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, at) == OK);
    CHECK(listener_open(&l, at, true, &why) == OK);
    listener_address(&l, at);
    listener_close(&l);
    return net_address_port(at);
}

static void wait_until_open(const struct net_address *at, pid_t child)
{
    for (int i = 0; i < 500; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_open = connect(fd, &at->sa.any, at->len) == 0;
        const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

        close(fd);
        if (is_open)
            return;
        if (waitpid(child, NULL, WNOHANG) == child)
            fail_msg("the server ended before it listened");
        (void)nanosleep(&pause, NULL);
    }
    (void)kill(child, SIGKILL);
    fail_msg("the server does not listen");
}

static pid_t start(char *const argv[])
{
    posix_spawn_file_actions_t quiet;
    char *env[] = { NULL };
    pid_t child;

    CHECK(posix_spawn_file_actions_init(&quiet) == 0);
    CHECK(posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0) == 0);
    CHECK(posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0) == 0);
    CHECK(posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0) == 0);
    CHECK(posix_spawn(&child, argv[0], &quiet, NULL, argv, env) == 0);
    posix_spawn_file_actions_destroy(&quiet);
    return child;
}

static struct protocol_facts ask_program(char *const argv[], const struct net_address *at, unsigned budget)
{
    pid_t child = start(argv);
    struct protocol_facts f;

    wait_until_open(at, child);
    f = ask_protocols(at, TLS_WAY_RAW, (struct protocols_target){ .budget = budget });
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, NULL, 0) == child);
    return f;
}

static void need(const char *program)
{
    if (access(program, X_OK) != 0)
        skip();
}

struct program_case {
    const char *name, *words; /* of the priority string, or s_server's options */
    unsigned budget, connections;
    const char *versions, *classes;
    bool lists_all;
    const char *suite; /* one that is listed; NULL: not looked at */
    unsigned bits;     /* of its key exchange */
    const char *conducts; /* NULL: not asked within the budget */
};

static const char *name_of(const struct protocol_choice *c)
{
    static char name[SUITE_NAME];

    return suite_name(c->suite, name);
}

static void check_program(const struct program_case *c, const struct protocol_facts *f)
{
    bool is_listed = c->suite == NULL;

    check_states(c->name, f, c->versions, c->classes);
    if (f->connections != c->connections)
        fail_msg("%s: %u connections, want %u", c->name, f->connections, c->connections);
    CHECK_CASE(c->name, f->lists_all == c->lists_all);
    check_conducts(c->name, f, c->conducts == NULL ? "~~" : c->conducts);
    for (size_t i = 0; i < f->choices_len && !is_listed; i++)
        is_listed = strcmp(name_of(&f->choices[i]), c->suite) == 0 && f->choices[i].bits == c->bits;
    CHECK_CASE(c->name, is_listed);
    CHECK_CASE(c->name, !f->lacks_secure_renegotiation);
}

#define OLD_VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:+VERS-TLS1.2:+VERS-TLS1.3"
#define NONE "NONE:+COMP-NULL:+SIGN-ALL:+GROUP-ALL"

/* clang-format off */
static const struct program_case gnutls[] = {
    { "as it comes", "NORMAL", 0, 8, "--++++", "------+~~++", false, "TLS_AES_256_GCM_SHA384", 255 },
    { "with RC4 and 3DES", OLD_VERSIONS ":+ARCFOUR-128:+3DES-CBC:+MD5", 0, 8, "~-++++", "----++~~~++", false,
      "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", 255 },
    { "the same, asked out", OLD_VERSIONS ":+ARCFOUR-128:+3DES-CBC:+MD5", 90, 48, "--++++", "----+++++++", true,
      "TLS_RSA_WITH_RC4_128_MD5", 2048, "+-" },
    { "3DES alone", NONE ":+VERS-TLS1.0:+VERS-TLS1.1:+VERS-TLS1.2:+3DES-CBC:+RSA:+SHA1", 20, 14, "--+++-",
      "-----+-----", true, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 2048, "--" },
    { "RC4 for TLS 1.0 alone", NONE ":+VERS-TLS1.0:+ARCFOUR-128:+ECDHE-RSA:+SHA1", 20, 8, "--+---", "----+------",
      true, "TLS_ECDHE_RSA_WITH_RC4_128_SHA", 255, "--" },
    { "anonymous and NULL", NONE ":+VERS-TLS1.2:+NULL:+AES-128-CBC:+ANON-ECDH:+ANON-DH:+RSA:+SHA1", 20, 14, "----+-",
      "+--+--+----", true, "TLS_DH_anon_WITH_AES_128_CBC_SHA", 2048, "--" },
    { "TLS 1.3 alone", "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP384R1", 0, 8, "-----+", "----------+",
      false, "TLS_AES_256_GCM_SHA384", 384, "--" },
};

static const struct program_case openssl[] = {
    { "as it comes", NULL, 0, 8, "----++", "------+~~++", false, "TLS_AES_256_GCM_SHA384", 255 },
    { "TLS 1.2 with DHE", "DHE-RSA-AES128-GCM-SHA256:AES128-SHA", 20, 10, "----+-", "------++---", true,
      "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", 2048, "+-" },
};
/* clang-format on */

TEST(gnutls_servers)
{
    need("/usr/bin/gnutls-serv");
    for (size_t i = 0; i < COUNT_OF(gnutls); i++) {
        struct net_address at;
        char port[8], priority[256], key[200], cert[200];
        char *argv[] = { "/usr/bin/gnutls-serv", "--quiet", "--port",         port, "--priority", priority,
                         "--x509keyfile",        key,       "--x509certfile", cert, NULL };
        struct protocol_facts f;

        (void)snprintf(port, sizeof port, "%u", free_port(&at));
        (void)snprintf(priority, sizeof priority, "%s", gnutls[i].words);
        (void)snprintf(key, sizeof key, "%s", file_of("rsa", ".key"));
        (void)snprintf(cert, sizeof cert, "%s", file_of("rsa", ".pem"));
        f = ask_program(argv, &at, gnutls[i].budget);
        check_program(&gnutls[i], &f);
    }
}

TEST(openssl_servers)
{
    need("/usr/bin/openssl");
    for (size_t i = 0; i < COUNT_OF(openssl); i++) {
        struct net_address at;
        char port[40], ciphers[100], key[200], cert[200];
        char *argv[] = { "/usr/bin/openssl",
                         "s_server",
                         "-www",
                         "-accept",
                         port,
                         "-key",
                         key,
                         "-cert",
                         cert,
                         openssl[i].words == NULL ? NULL : "-tls1_2",
                         "-cipher",
                         ciphers,
                         NULL };
        struct protocol_facts f;

        (void)snprintf(port, sizeof port, "127.0.0.1:%u", free_port(&at));
        (void)snprintf(ciphers, sizeof ciphers, "%s", openssl[i].words == NULL ? "" : openssl[i].words);
        (void)snprintf(key, sizeof key, "%s", file_of("rsa", ".key"));
        (void)snprintf(cert, sizeof cert, "%s", file_of("rsa", ".pem"));
        f = ask_program(argv, &at, openssl[i].budget);
        check_program(&openssl[i], &f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { T(gnutls_servers), T(openssl_servers) };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
