/* admin/disk.h: the file system the store lies on. */
#ifndef STERNPOST_ADMIN_DISK_H
#define STERNPOST_ADMIN_DISK_H

#include "base/slice.h"

struct disk_space {
    uint64_t free_bytes, total_bytes; /* free: for us, without what is reserved for root */
};

/* Of a store "sqlite:/path". False when the file system does not tell. */
bool disk_space_of_store(const char *url, struct disk_space *out);

#endif
