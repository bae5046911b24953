/* alerts/alert_book.h: what is wrong now with how mail travels, told once, and told again when it is over: to the log,
 * the metrics, the status, and by mail to those whom the setting alert-to names. What is open is in the store, so that
 * a restart repeats nothing; a mail goes into the queue in the transaction that notes that it was told. On one loop,
 * that of the backroom. */
#ifndef STERNPOST_ALERTS_ALERT_BOOK_H
#define STERNPOST_ALERTS_ALERT_BOOK_H

#include "base/arena.h"
#include "net/loop.h"
#include "settings/snapshot.h"

struct alert_book;

/* Of more open ones than this only the log tells; of closed ones this many are kept, for so long. Each text is cut at
 * ALERT_TEXT_MAX bytes. */
enum { ALERT_OPEN_MOST = 1000, ALERT_CLOSED_MOST = 200, ALERT_KEEP_S = 30 * 86400, ALERT_TEXT_MAX = 600 };
/* Mails in an hour; what comes beyond goes into one, as soon as the hour allows. */
enum { ALERT_MAILS_PER_HOUR = 10 };

enum alert_severity { ALERT_NOTE, ALERT_WARNING, ALERT_ERROR };

struct alert {
    struct slice cause;   /* "certificate-expiry": letters, digits and "-" */
    struct slice subject; /* what it is about: "mx.example.org:25", "rule bank", "domain example.org" */
    struct slice text;    /* one sentence: what was seen. Printable or made so */
    struct slice remedy;  /* what to do about it; may be empty */
    enum alert_severity severity;
    unsigned level; /* how bad, where that grows: told anew when larger than what was told. Else 0 */
};

/* Everything is borrowed but the reference to the settings, which is taken. Reads what the store keeps before it
 * returns. */
struct alert_book *alert_book_new(struct loop *loop, struct store *store, struct slice hostname,
                                  struct snapshot *settings);
void alert_book_adopt(struct alert_book *b, struct snapshot *fresh); /* takes the reference */
void alert_book_stop(struct alert_book *b);                          /* hands what is to be told to the store */
void alert_book_free(struct alert_book *b); /* when the store answered all, or still answers; NULL is fine */

/* Opens the alert of this cause and subject; of one that is open the text is brought up to date, and nothing is told
 * unless its level grew. Alerts that come within a few seconds go into one mail, one section each. */
void alert_book_raise(struct alert_book *b, const struct alert *a);
/* Closes it, when it is open, and tells so. */
void alert_book_end(struct alert_book *b, struct slice cause, struct slice subject, struct slice text);
/* Tells of something that is over as soon as it is seen (a changed key); nothing stays open. */
void alert_book_tell(struct alert_book *b, const struct alert *a);
/* The subjects of the open alerts of a cause, in `arena`. */
size_t alert_book_subjects(const struct alert_book *b, struct slice cause, struct arena *arena, const struct slice **out);
bool alert_book_is_open(const struct alert_book *b, struct slice cause, struct slice subject);

/* Another clock, and how long alerts are gathered for one mail; for tests. */
void alert_book_set_clock(struct alert_book *b, int64_t (*wall_s)(void), int64_t gather_ms);

/* From any thread: open alerts and the most recent closed ones, as JSON in `arena` (docs/api.md, GET /v1/alerts). */
struct slice alert_book_report(struct alert_book *b, struct arena *arena);

#endif
