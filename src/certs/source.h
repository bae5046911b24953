/* certs/source.h: where a certificate of ours comes from (a section of the configuration file, files or texts named by a
 * setting), and what was read from there: one in hand, and a newer one that waits to take its place. */
#ifndef STERNPOST_CERTS_SOURCE_H
#define STERNPOST_CERTS_SOURCE_H

#include "certs/set_check.h"
#include "settings/config.h"
#include "settings/snapshot.h"

#include <sys/stat.h>

enum { CERT_FINGERPRINT = 65 };

/* What was read at one time. */
struct cert_copy {
    struct arena           arena;
    struct tls_certificate certificate;
    char                   fingerprint[CERT_FINGERPRINT]; /* SHA-256 of the leaf, hex */
    char                   whole[CERT_FINGERPRINT];       /* the same of the leaf and all that stands behind it */
    struct fault           faults; /* set_check(); empty: none */
};

struct cert_stamp {
    struct timespec changed;
    off_t           size;
    ino_t           inode;
};

struct cert_source {
    struct arena                arena;    /* `setting`'s */
    bool                        is_config; /* of the configuration file: older than all others, faults are warnings */
    struct certificate_setting  setting;
    struct cert_copy           *now, *next; /* NULL: none. `next` is without faults that `now` has not */
    struct fault                refused; /* why what was read last is not used; empty: it is */
    char                        served[CERT_FINGERPRINT]; /* what was in service before a restart: taken whatever its faults */
    /* private */
    struct cert_stamp           stamps[2];
    bool                        is_unread;
    int64_t                     judged_s;
};

/* Copies. */
struct cert_source *cert_source_new(const struct certificate_setting *setting, bool is_config);
void cert_source_free(struct cert_source *s);
/* Another setting of the same name: times count at once, another chain or key is read by the next look. Copies. */
void cert_source_set(struct cert_source *s, const struct certificate_setting *setting);

/* Reads what is new: at first, after cert_source_set(), and when a file changed. What cannot be read, or has faults where
 * faults are refused, goes to `refused`, and `now` stays as it is; else it becomes `next`, or `now` when there is none. A
 * certificate with faults of the configuration file is refused only in place of one without. True: something changed. */
bool cert_source_look(struct cert_source *s, struct slice hostname, int64_t now_s);
/* `next` takes the place of `now`. */
void cert_source_advance(struct cert_source *s);

/* What a setting names, before it is saved: read and checked. ERR_SYNTAX with the reason. */
MUST_USE enum status cert_setting_check(const struct certificate_setting *setting, struct slice hostname, int64_t now_s,
                                        struct fault *why);

/* Is a setting's certificate for this listener? */
bool cert_source_serves(const struct cert_source *s, const struct config_listener *l);

#endif
