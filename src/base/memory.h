/* base/memory.h: allocation that ends the process when memory is exhausted (docs/decisions/0001). */
#ifndef STERNPOST_BASE_MEMORY_H
#define STERNPOST_BASE_MEMORY_H

#include "base/slice.h"

#include <stddef.h>

/* Zeroed memory; never NULL. Free with free(). */
void *mem_new(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Like realloc for an array of `count` items; never NULL. */
void *mem_resize(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
/* `old`, with room for more than `len` items: when *cap is no more than that, twice as large, and *cap says so. */
void *mem_grow(void *old, size_t len, size_t *cap, size_t size) __attribute__((returns_nonnull));
/* A NUL-terminated copy; free with free(). */
char *mem_str(struct slice s) __attribute__((malloc, returns_nonnull));

#define NEW(type) ((type *)mem_new(1, sizeof(type)))

/* The struct that holds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
