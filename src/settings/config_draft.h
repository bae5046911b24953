/* settings/config_draft.h: the configuration as the options fill it, before names are resolved. Private to config*.c.
 */
#ifndef STERNPOST_SETTINGS_CONFIG_DRAFT_H
#define STERNPOST_SETTINGS_CONFIG_DRAFT_H

#include "settings/config.h"

struct certificate_draft {
    const char *name;
    struct tls_server_certificate files;
};

struct listener_draft {
    struct config_listener out;
    unsigned line;                   /* where its section ends */
    const char *const *certificates; /* names */
    size_t certificates_len;
    int bare_newline; /* 0 reject, 1 normalize */
    bool requires_tls_is_set;
};

struct config_draft {
    struct config out;
    struct certificate_draft *certificates;
    size_t certificates_len;
    struct listener_draft *listeners;
    size_t listeners_len;
    const char *const *policy_certificates; /* names */
    size_t policy_certificates_len;
    bool helo_is_set;
    int bracketed; /* 0 none, 1 policy */
    unsigned line; /* where the file ends */
};

/* Resolves and checks what hangs together, and completes draft->out. `file` is for the message. ERR_SYNTAX. */
MUST_USE enum status config_draft_finish(struct config_draft *draft, const char *file, struct fault *why);

#endif
