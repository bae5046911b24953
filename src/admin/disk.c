#include "admin/disk.h"

#include <limits.h>
#include <sys/statvfs.h>

bool disk_space_of_store(const char *url, struct disk_space *out)
{
    struct slice path = slice_from(slice_str(url), slice_find(slice_str(url), ':') + 1);
    size_t slash = slice_find_last(path, '/');
    char folder[PATH_MAX];
    struct statvfs fs;

    path = slash == SIZE_MAX ? SLICE_LIT(".") : slice_first(path, slash + 1);
    if (!slice_to_cstr(path, folder, sizeof folder) || statvfs(folder, &fs) != 0)
        return false;
    out->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    out->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    return true;
}
