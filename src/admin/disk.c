#include "admin/disk.h"

#include "store/store.h"

#include <limits.h>
#include <sys/statvfs.h>

bool disk_space_of_store(const char *url, struct disk_space *out)
{
    char folder[PATH_MAX];
    struct statvfs fs;

    if (!store_folder(url, folder, sizeof folder) || statvfs(folder, &fs) != 0)
        return false;
    out->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    out->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    return true;
}
