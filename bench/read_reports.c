/* What it costs to read TLS reports: unpacked and read, not judged and not kept. Prints one line of JSON:
 *   read_reports FOLDER ROUNDS
 * Each file of the folder is a report; all of them are read so often. */
#include "base/arena.h"
#include "base/clock.h"
#include "tlsrpt/report.h"
#include "tlsrpt/unpack.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { FILES_MOST = 10000, FILE_MAX = 64 * 1024 };

struct sums {
    unsigned long long reports, success, failure;
};

static struct slice files[FILES_MOST];
static size_t files_len;

static void load(const char *folder, struct arena *arena)
{
    static char bytes[FILE_MAX];
    DIR *dir = opendir(folder);

    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL && files_len < FILES_MOST; e = readdir(dir)) {
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(arena_printf(arena, "%s/%s", folder, e->d_name).ptr, "re");

        if (f == NULL)
            continue;
        files[files_len++] = arena_copy(arena, slice_of(bytes, fread(bytes, 1, sizeof bytes, f)));
        (void)fclose(f);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static void read_one(struct slice packed, struct sums *sums)
{
    struct arena arena = { 0 };
    struct tlsrpt_report r;
    struct slice text;

    if (tlsrpt_unpack(packed, TLSRPT_REPORT_MAX, &arena, &text, NULL) == OK &&
        tlsrpt_report_read(text, &arena, &r, NULL) == OK) {
        sums->reports++;
        for (size_t i = 0; i < r.policies_len; i++) {
            sums->success += r.policies[i].success;
            sums->failure += r.policies[i].failure;
        }
    }
    arena_release(&arena);
}

static double cpu_s(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    struct arena arena = { 0 };
    struct sums sums = { 0 };
    double before;
    int64_t from_ms;

    if (rounds == 0) {
        (void)fputs("usage: read_reports FOLDER ROUNDS\n", stderr);
        return 2;
    }
    load(argv[1], &arena);
    before = cpu_s();
    from_ms = clock_mono_ms();
    for (unsigned long round = 0; round < rounds; round++)
        for (size_t i = 0; i < files_len; i++)
            read_one(files[i], &sums);
    (void)printf("{\"reports\": %llu, \"success\": %llu, \"failure\": %llu, \"seconds\": %.3f, \"cpu_s\": %.3f}\n",
                 sums.reports, sums.success, sums.failure, (double)(clock_mono_ms() - from_ms) / 1000,
                 cpu_s() - before);
    arena_release(&arena);
    return 0;
}
