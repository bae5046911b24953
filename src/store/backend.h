/* store/backend.h: what a database must do to stand behind store.h. Only the store thread calls it. */
#ifndef STERNPOST_STORE_BACKEND_H
#define STERNPOST_STORE_BACKEND_H

#include "store/store.h"

/* A backend embeds this first. */
struct backend {
    const struct backend_ops *ops;
};

struct backend_ops {
    /* `location` is the URL behind its scheme. Brings the schema up to date and gives back what a former life of
     * this node had claimed. A database that must not be used is left as it is, with the remedy in `why`. */
    enum status (*open)(struct slice location, struct backend **out, struct fault *why);
    void (*close)(struct backend *b);

    /* A transaction. Each of the four returns OK or how the transaction was lost:
     * ERR_FULL: no space; it may be tried again;
     * ERR_TEMPORARY: the connection cannot be trusted any more: reopen() before anything else;
     * ERR_PERMANENT: the database is damaged: write no more. */
    enum status (*begin)(struct backend *b, struct fault *why);
    /* Runs one request: fills r->status, r->why and its results. A request that fails alone returns OK here and
     * has changed nothing. r->is_unfinished asks for another run, in another transaction. */
    enum status (*run)(struct backend *b, struct store_request *r, struct fault *why);
    enum status (*commit)(struct backend *b, struct fault *why);
    void (*rollback)(struct backend *b); /* after any of the three failed */

    /* A new connection. What the transaction lost last may yet have written is taken back. */
    enum status (*reopen)(struct backend *b, struct fault *why);

    uint64_t (*free_bytes)(struct backend *b); /* UINT64_MAX: does not apply. From any thread */
    /* Between transactions: housekeeping that may wait when there is work (`is_idle` false). */
    void (*tend)(struct backend *b, bool is_idle);
};

extern const struct backend_ops sqlite_backend;

#endif
