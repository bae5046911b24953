#include "reports/body_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct body_file {
    int fd;
    size_t len, max;
};

/* Where the file system makes no files without a name, one that loses it at once. */
static int open_and_unlink(const char *folder)
{
    char path[PATH_MAX];
    int fd;

    if ((size_t)snprintf(path, sizeof path, "%s/.body-XXXXXX", folder) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

enum status body_file_new(const char *folder, size_t max, struct body_file **out, struct fault *why)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    struct body_file *f;

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
        fd = open_and_unlink(folder);
    if (fd < 0)
        return fault_errno(why, "cannot make a file in '%s'", folder);
    f = NEW(struct body_file);
    f->fd = fd;
    f->max = max;
    *out = f;
    return OK;
}

void body_file_free(struct body_file *f)
{
    if (f == NULL)
        return;
    close(f->fd);
    free(f);
}

enum status body_file_add(struct body_file *f, struct slice piece, struct fault *why)
{
    if (piece.len > f->max - f->len)
        return fault_set(why, ERR_LIMIT, "the body has more than %zu bytes", f->max);
    while (piece.len > 0) {
        ssize_t n = pwrite(f->fd, piece.ptr, piece.len, (off_t)f->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, "cannot write the body of a request");
        f->len += (size_t)n;
        piece = slice_from(piece, (size_t)n);
    }
    return OK;
}

enum status body_file_read(const struct body_file *f, struct arena *arena, struct slice *out, struct fault *why)
{
    char *bytes = arena_alloc(arena, f->len + 1);
    size_t len = 0;

    while (len < f->len) {
        ssize_t n = pread(f->fd, bytes + len, f->len - len, (off_t)len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, "cannot read the body of a request");
        if (n == 0)
            return fault_set(why, ERR_TEMPORARY, "the body of a request has lost its end");
        len += (size_t)n;
    }
    *out = slice_of(bytes, len);
    return OK;
}
