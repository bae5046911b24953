#include "base/clock.h"
#include "store/store.h"

#include <stdatomic.h>
#include <sys/random.h>

enum { CHANCE_BITS = 20, DIGIT_BITS = 5, DIGITS = MESSAGE_ID_TEXT - 1 };

/* Crockford's base 32: no I, L, O, U. */
static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static _Atomic uint64_t newest;

/* Chance keeps the nodes of a fleet apart; it need not be secret. One system call gives 64 ids' worth. */
static uint64_t chance(void)
{
    static _Thread_local uint32_t pool[64];
    static _Thread_local size_t left;

    if (left == 0) {
        (void)!getrandom(pool, sizeof pool, 0);
        left = COUNT_OF(pool);
    }
    return pool[--left] & ((1U << CHANCE_BITS) - 1);
}

uint64_t message_id_new(void)
{
    uint64_t wanted = (uint64_t)clock_wall_ms() << CHANCE_BITS | chance();
    uint64_t last = atomic_load(&newest), id;

    do
        id = wanted > last ? wanted : last + 1;
    while (!atomic_compare_exchange_weak(&newest, &last, id));
    return id;
}

const char *message_id_text(uint64_t id, char out[static MESSAGE_ID_TEXT])
{
    for (size_t i = DIGITS; i-- > 0; id >>= DIGIT_BITS)
        out[i] = digits[id & 31];
    out[DIGITS] = '\0';
    return out;
}

/* -1: not a digit. I and L read as 1, O as 0. */
static int digit_value(char c)
{
    const char *at;

    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'I' || c == 'L')
        return 1;
    if (c == 'O')
        return 0;
    at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

bool message_id_parse(struct slice text, uint64_t *out)
{
    uint64_t id = 0;

    /* 13 digits hold 65 bits: the first has four of its own. */
    if (text.len != DIGITS || digit_value(text.ptr[0]) > 15)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.ptr[i]);

        if (value < 0)
            return false;
        id = id << DIGIT_BITS | (uint64_t)value;
    }
    if (id == 0)
        return false;
    *out = id;
    return true;
}
