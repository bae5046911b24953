/* relay/failure.h: why a connection, or a server that was not even tried, did not take the mail. */
#ifndef STERNPOST_RELAY_FAILURE_H
#define STERNPOST_RELAY_FAILURE_H

#include "policy/tls_result.h"
#include "smtp/client.h"

enum failure_cause {
    FAILURE_NETWORK,  /* nobody answered, or the connection broke */
    FAILURE_DNS,      /* DNSSEC gave no answer that may be used: the server must not be tried now (DNS-03) */
    FAILURE_TLS,      /* see result; a reason to take the alternate secure route */
    FAILURE_REPLY,    /* the server refused: see reply and stage */
    FAILURE_PROTOCOL, /* it does not speak SMTP as it should */
    FAILURE_AUTH,     /* our credentials were refused, or there was no way to give them safely */
};

struct connection_failure {
    enum failure_cause cause;
    enum tls_result    result;       /* FAILURE_TLS, FAILURE_DNS */
    const char        *code;         /* more exact than result, for reports; NULL or "": the result says all */
    bool               in_handshake; /* FAILURE_TLS: the handshake itself failed, nothing was judged */
    bool               by_dane;      /* TLSA records demanded what was not met */
    bool               lacks_requiretls; /* the message asks for REQUIRETLS, which the server cannot give */
    bool               is_skipped;   /* decided without a connection */
    enum smtp_stage    stage;
    struct smtp_reply  reply;        /* code 0: none */
    struct fault       why;          /* a sentence */
    bool               was_connected;
    bool               was_reused;   /* it broke before it said anything in this transaction */
    bool               may_have_taken; /* all content was sent and never answered: the server may have it (RFC 1047) */
};

/* The status code (RFC 3463; those of DANE as Exchange Online has them, RFC 8689 section 4.2.1) of a failure of TLS or
 * DNSSEC: "4.7.323", or "5.7.323" when it is permanent. */
const char *failure_status(const struct connection_failure *f, bool is_permanent);

#endif
