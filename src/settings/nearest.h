/* settings/nearest.h: the known word that a mistyped one was probably meant to be. */
#ifndef STERNPOST_SETTINGS_NEAREST_H
#define STERNPOST_SETTINGS_NEAREST_H

#include "base/slice.h"

/* Collects candidates; zero but for `word` to begin with. */
struct nearest {
    struct slice word;
    struct slice best; /* empty: nothing is near */
    size_t distance;
};

/* Insertions, deletions and replacements from `word` to `candidate` count one each; near is at most a third of the
 * word's length, rounded up. A candidate that begins with the word is near too. */
void nearest_offer(struct nearest *n, struct slice candidate);

#endif
