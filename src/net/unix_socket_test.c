#include "net/unix_socket.h"

#include "base/test.h"
#include "net/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/sternpost-unix-XXXXXX";
static char path[64], below[64];

static int set_up(void **unused)
{
    (void)unused;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/s.sock", folder);
    (void)snprintf(below, sizeof below, "%s/run/s.sock", folder);
    return 0;
}

static int tear_down(void **unused)
{
    char made[64];

    (void)unused;
    (void)snprintf(made, sizeof made, "%s/run", folder);
    (void)rmdir(made);
    return rmdir(folder);
}

static struct unix_socket at(const char *where, int type, mode_t mode)
{
    return (struct unix_socket){ .path = where, .what = "test socket", .type = type, .mode = mode, .uid = -1, .gid = -1 };
}

static int dial(const char *where, int type)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    CHECK(slice_to_cstr(slice_str(where), name.sun_path, sizeof name.sun_path));
    CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&name, sizeof name) == 0);
    return fd;
}

TEST(stream_with_its_mode)
{
    struct unix_socket s = at(below, SOCK_STREAM, 0620);
    struct fault why = { "" };
    struct net_address peer;
    struct listener l;
    struct stat st;
    int fd, client;

    if (listener_open_unix(&l, &s, &why) != OK)
        fail_msg("%s", why.text);
    CHECK(lstat(below, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0620);
    CHECK(listener_accept(&l, &fd, &peer) == LISTENER_NONE);
    client = dial(below, SOCK_STREAM);
    CHECK(listener_accept(&l, &fd, &peer) == LISTENER_ACCEPTED);
    CHECK_INT(peer.sa.any.sa_family, AF_UNIX);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
    close(client);
    listener_close(&l);
    CHECK(unlink(below) == 0);
}

TEST(datagrams)
{
    struct unix_socket s = at(path, SOCK_DGRAM, 0220);
    struct fault why = { "" };
    struct stat st;
    char got[8];
    int fd = -1, client;

    CHECK_INT(unix_socket_bind(&s, &fd, &why), OK);
    CHECK(lstat(path, &st) == 0 && (st.st_mode & 0777) == 0220);
    client = dial(path, SOCK_DGRAM);
    CHECK(send(client, "hello", 5, 0) == 5 && recv(fd, got, sizeof got, 0) == 5);
    close(client);
    close(fd);
    CHECK(unlink(path) == 0);
}

static void check_takes_over(int type)
{
    struct unix_socket s = at(path, type, 0600);
    struct fault why = { "" };
    int old = -1, fresh = -1;

    CHECK_INT(unix_socket_bind(&s, &old, &why), OK);
    if (type == SOCK_STREAM)
        CHECK(listen(old, 1) == 0);
    CHECK_INT(unix_socket_bind(&s, &fresh, &why), ERR_CONFLICT);
    CHECK(strstr(why.text, "another sternpost serves the test socket") != NULL);
    close(old);
    CHECK_INT(unix_socket_bind(&s, &fresh, &why), OK);
    close(fresh);
    CHECK(unlink(path) == 0);
}

TEST(stale_ones_are_replaced_and_served_ones_are_not)
{
    check_takes_over(SOCK_STREAM);
    check_takes_over(SOCK_DGRAM);
}

TEST(refusals)
{
    static const char too_long[] = "/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/s";
    struct unix_socket s = at(too_long, SOCK_STREAM, 0600);
    struct fault why = { "" };
    int fd = -1, gid = -1, file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    CHECK_INT(unix_socket_bind(&s, &fd, &why), ERR_LIMIT);
    s = at(path, SOCK_STREAM, 0600);
    CHECK_INT(unix_socket_bind(&s, &fd, &why), ERR_CONFLICT);
    CHECK(strstr(why.text, "something that is no socket") != NULL);
    CHECK(file >= 0 && close(file) == 0 && unlink(path) == 0);
    CHECK_INT(unix_group_find("no-such-group-here", &gid, &why), ERR_NOT_FOUND);
    CHECK_INT(unix_group_find("root", &gid, &why), OK);
    CHECK_INT(gid, 0);
    CHECK_INT(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { T(stream_with_its_mode), T(datagrams),
                                        T(stale_ones_are_replaced_and_served_ones_are_not), T(refusals) };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
