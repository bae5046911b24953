/* alerts/alert_book_private.h: what the files of the book share. */
#ifndef STERNPOST_ALERTS_ALERT_BOOK_PRIVATE_H
#define STERNPOST_ALERTS_ALERT_BOOK_PRIVATE_H

#include "alerts/alert_book.h"
#include "base/map.h"

#include <pthread.h>
#include <sys/queue.h>

/* What no mail has told of yet: bits of alert_row.untold. */
enum { UNTOLD_OPENED = 1, UNTOLD_GREW = 2, UNTOLD_OVER = 4, UNTOLD_SEEN = 8 };

/* An alert, open or over; texts are its own. */
struct entry {
    TAILQ_ENTRY(entry) in_list;
    uint64_t id;
    int64_t since_s, ended_s, mailed_s;
    enum alert_severity severity;
    unsigned level, untold;
    char *cause, *subject, *text, *remedy, *end_text;
    bool is_dirty; /* the store has it otherwise */
};

TAILQ_HEAD(entry_list, entry);

/* Rows on their way to the store, and the mail that tells of them; all in the request's arena. */
struct alert_save {
    struct store_request request; /* first */
    struct stored_message mail;
};

struct alert_book {
    struct loop *loop;
    struct store *store;
    struct snapshot *settings;
    char *hostname;
    int64_t (*wall_s)(void);
    int64_t gather_ms;
    struct loop_timer timer; /* set while a mail is to come */
    struct handoff *saved;
    struct loop_io saved_io;
    unsigned saves; /* under way */
    bool has_told_most, was_held_back, is_stopped;
    int64_t mailed_s[ALERT_MAILS_PER_HOUR]; /* when the last mails went, in no order */
    struct map by_key;                      /* the open ones, by cause, NUL and subject */
    pthread_mutex_t lock;                   /* guards what follows, which one thread changes and others read */
    struct entry_list open, closed;         /* the oldest first; the latest first */
    size_t open_len, closed_len;
    uint64_t told;
};

/* alert_note.c: writes what is untold as one message, in `arena`, and notes that it was told. False: there is no mail,
 * for nothing is untold, or nobody is to be told. */
bool alert_book_write_mail(struct alert_book *b, struct arena *arena, struct stored_message *out);

#endif
