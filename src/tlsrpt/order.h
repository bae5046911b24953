/* tlsrpt/order.h: the order of texts by their bytes, so that equal data gives equal text. */
#ifndef STERNPOST_TLSRPT_ORDER_H
#define STERNPOST_TLSRPT_ORDER_H

#include "base/slice.h"

/* Below, at or above 0 as `a` comes before `b`, is the same or comes behind. */
static inline int tlsrpt_order(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

#endif
