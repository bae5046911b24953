/* Runs a fuzz target over the files of its corpus folder, whole and cut short at every length up to 64. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { INPUT_MAX = 1 << 20, CUTS = 64 };

static void run(const uint8_t *data, size_t len)
{
    (void)LLVMFuzzerTestOneInput(data, len);
    for (size_t cut = 0; cut < len && cut < CUTS; cut++)
        (void)LLVMFuzzerTestOneInput(data, cut);
}

static int replay(int dir_fd, const char *name)
{
    static uint8_t data[INPUT_MAX];
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0)
        return -1;
    len = read(fd, data, sizeof data);
    close(fd);
    if (len < 0)
        return -1;
    run(data, (size_t)len);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0;

    if (dir == NULL) {
        (void)fprintf(stderr, "usage: %s CORPUS-FOLDER (it must exist)\n", argv[0]);
        return 2;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.')
            continue;
        if (replay(dirfd(dir), e->d_name) != 0) {
            (void)fprintf(stderr, "cannot read '%s'\n", e->d_name);
            return 1;
        }
        count++;
    }
    closedir(dir);
    if (count == 0) {
        (void)fprintf(stderr, "the corpus folder '%s' is empty\n", argv[1]);
        return 1;
    }
    (void)printf("%d inputs\n", count);
    return 0;
}
