/* relay/decide_mail.h: the facts of one recipient's mail, gathered for the decision: for a delivery, and for whoever asks what one
 * would do. */
#ifndef STERNPOST_RELAY_DECIDE_MAIL_H
#define STERNPOST_RELAY_DECIDE_MAIL_H

#include "discovery/sts.h"
#include "settings/snapshot.h"

struct mail_question {
    const struct snapshot  *settings;
    struct slice            sender, recipient; /* addresses */
    const struct host      *host;              /* of the route; NULL: by MX */
    const struct sts_facts *sts;               /* NULL: not asked */
    enum message_origin     origin;
    bool                    requires_tls, tls_required_no;
};

/* Everything in *out lives in `arena` or is borrowed from the question. */
void decide_mail(const struct mail_question *q, struct arena *arena, struct decision *out);
/* Without what the destination publishes: rules, host, default and sender alone. */
void decide_mail_own(const struct mail_question *q, struct arena *arena, struct decision *out);

/* "mail to 'bank.example' asks for level verify, by MX", in `arena`. */
struct slice decide_mail_words(const struct decision *d, struct slice domain, const struct host *host, struct arena *arena);

#endif
