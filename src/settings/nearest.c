#include "settings/nearest.h"

enum { WORD_MAX = 40 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Levenshtein's distance by rows. Both at most WORD_MAX long. */
static size_t distance(struct slice a, struct slice b)
{
    size_t row[WORD_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];

            row[j] = least(row[j] + 1, row[j - 1] + 1, diagonal + (a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1));
            diagonal = above;
        }
    }
    return row[b.len];
}

void nearest_offer(struct nearest *n, struct slice candidate)
{
    size_t allowed = (n->word.len + 2) / 3, d;

    if (n->word.len == 0 || n->word.len > WORD_MAX || candidate.len > WORD_MAX)
        return;
    d = n->word.len >= 3 && slice_starts(candidate, n->word) ? 1 : distance(n->word, candidate);
    if (d > allowed || (n->best.len > 0 && d >= n->distance))
        return;
    n->best = candidate;
    n->distance = d;
}
