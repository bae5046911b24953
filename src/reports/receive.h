/* reports/receive.h: TLS reports of others about domains of ours (RFC 8460), from bytes to what the store keeps, with a reason
 * for whatever is refused or set apart. Pure: keys and mail exchangers are looked up by reports/receiver.h. */
#ifndef STERNPOST_REPORTS_RECEIVE_H
#define STERNPOST_REPORTS_RECEIVE_H

#include "mail/dkim_verify.h"
#include "mail/report_part.h"
#include "reports/body_file.h"
#include "settings/snapshot.h"
#include "store/store.h"

/* Something that arrived: a mail, or a report without one around it. Which of them, its first bytes tell. */
struct receive_item {
    enum received_channel channel;
    struct slice          bytes;
    const struct body_file *file;  /* where they are still to be read from; NULL: nowhere */
    struct slice          name;    /* of its file; may be empty */
    struct slice          source;  /* the address it came from; empty: nobody's quota */
    struct slice          mailbox; /* domain of the mailbox it was sent to; may be empty */
    bool                  is_vouched; /* by whoever imports it: as good as a signature */
};

/* The reports in it, not read yet, and who signed. */
struct receive_found {
    const struct receive_item *item;
    bool                       is_mail;
    struct report_parts        parts;
    struct slice               keys[MAIL_DKIM_SIGNATURES_MAX]; /* wanted for the signatures */
    size_t                     keys_len;
};

/* Takes it apart. ERR_SYNTAX: there is no report in it; ERR_LIMIT. In `arena`, or borrowed from the item. */
MUST_USE enum status receive_open(const struct receive_item *item, struct arena *arena, struct receive_found *out,
                                  struct fault *why);

/* Days a report may have ended before or after it arrives (RPT-07). */
enum { RECEIVE_DAYS_OFF = 7 };

/* Of a domain of ours, the names of its mail exchangers. */
struct receive_mx {
    const struct slice *names;
    size_t              len;
};

struct receive_context {
    const struct snapshot     *settings;
    struct slice               hostname;
    int64_t                    now_s;
    int64_t                    import_since_s; /* what is imported may be older than RECEIVE_DAYS_OFF, but not this old */
    struct mail_dkim_verifier *verifier;
    const struct mail_dkim_key *keys;          /* of receive_found.keys */
    size_t                     keys_len;
    /* NULL: not known yet; an empty list is known. NULL itself: the hostname alone is one. */
    const struct receive_mx *(*mx_of)(void *ctx, struct slice domain);
    void                      *ctx;
};

/* What became of a report, or of a part of one that names another domain. */
struct receive_result {
    bool                is_refused;
    struct received_row row;  /* unless refused. It lives in the arena of the call */
    struct slice        name; /* of the file */
    struct slice        why;  /* refused, or set apart as unverified: one sentence */
};

struct receive_results {
    const struct receive_result *items;
    size_t                       len;
    struct slice                 wants_mx_of; /* not empty: look up its MX and judge again; what was judged is void */
};

/* Judges all of them. In `arena`. */
void receive_judge(const struct receive_found *found, const struct receive_context *c, struct arena *arena,
                   struct receive_results *out);

#endif
