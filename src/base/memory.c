#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_ITEMS = 4 };

static void *checked(void *p)
{
    if (p == NULL) {
        (void)fputs("sternpost: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *mem_new(size_t count, size_t size)
{
    return checked(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *mem_resize(void *old, size_t count, size_t size)
{
    return checked(reallocarray(old, count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *mem_grow(void *old, size_t len, size_t *cap, size_t size)
{
    if (len < *cap)
        return old;
    *cap = *cap == 0 ? FIRST_ITEMS : *cap * 2;
    return mem_resize(old, *cap, size);
}

char *mem_str(struct slice s)
{
    char *copy = mem_new(s.len + 1, 1);

    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return copy;
}
