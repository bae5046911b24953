#include "reports/body_file.h"

#include "base/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX = 10000, PIECE = 999, WRITABLE = 4096 };

static unsigned count_names(const char *folder)
{
    DIR *dir = opendir(folder);
    unsigned n = 0;

    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        n += e->d_name[0] != '.' || e->d_name[1] == 'b';
    closedir(dir);
    return n;
}

TEST(pieces_come_back_whole) /* RPT-08 */
{
    char folder[] = "/tmp/body_file_test-XXXXXX", piece[PIECE];
    struct body_file *f = NULL;
    struct arena arena = { 0 };
    struct slice all;
    struct fault why;

    CHECK(mkdtemp(folder) != NULL);
    CHECK_INT(body_file_new(folder, MAX, &f, &why), OK);
    CHECK_INT(count_names(folder), 0);
    CHECK(body_file_read(f, &arena, &all, &why) == OK && all.len == 0);
    for (int i = 0; i < 10; i++) {
        memset(piece, 'a' + i, sizeof piece);
        CHECK_INT(body_file_add(f, slice_of(piece, sizeof piece), &why), OK);
    }
    CHECK(body_file_read(f, &arena, &all, &why) == OK && all.len == 10 * PIECE);
    CHECK(all.ptr[0] == 'a' && all.ptr[PIECE] == 'b' && all.ptr[all.len - 1] == 'j');
    CHECK_INT(body_file_add(f, slice_of(piece, MAX - 10 * PIECE + 1), &why), ERR_LIMIT);
    body_file_free(f);
    arena_release(&arena);
    CHECK_INT(rmdir(folder), 0);
}

TEST(no_folder)
{
    struct body_file *f = NULL;
    struct fault why;

    CHECK_INT(body_file_new("/nowhere/at/all", MAX, &f, &why), ERR_NOT_FOUND);
    CHECK(strstr(why.text, "'/nowhere/at/all'") != NULL);
    body_file_free(NULL);
}

/* A write that takes a part only, and then none. */
TEST(what_cannot_be_written_is_told)
{
    const struct rlimit small = { WRITABLE, RLIM_INFINITY };
    const struct rlimit usual = { RLIM_INFINITY, RLIM_INFINITY };
    char piece[WRITABLE + 1] = { 0 };
    struct body_file *f = NULL;
    struct fault why;

    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(body_file_new("/tmp", MAX, &f, &why), OK);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
    CHECK_INT(body_file_add(f, slice_of(piece, sizeof piece), &why), ERR_TEMPORARY);
    CHECK(strstr(why.text, "cannot write") != NULL);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &usual), 0);
    body_file_free(f);
}

RUN_TESTS(T(pieces_come_back_whole), T(no_folder), T(what_cannot_be_written_is_told))
