#include "cli/demo_letter.h"

#include "base/buf.h"
#include "base/clock.h"
#include "net/address.h"
#include "smtp/client.h"

#include <openssl/ssl.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_S = 10, LETTER_MAX = 4096 };

struct courier {
    const struct demo_letter *letter;
    struct smtp_client *smtp;
    int fd;
    SSL *tls; /* NULL: in clear */
    struct smtp_rcpt rcpt;
    struct smtp_transaction transaction;
    struct smtp_reply *reply;
    bool is_over;
};

static void write_content(struct courier *c)
{
    char date[CLOCK_TEXT];
    struct buf text;

    buf_init(&text, LETTER_MAX);
    (void)!buf_addf(&text,
                    "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%lld@demo.test>\r\n%s\r\n"
                    "A letter of the demo.\r\n",
                    c->letter->from, c->letter->to, c->letter->subject, clock_rfc5322(clock_wall_s(), date),
                    (long long)clock_wall_ms(), c->letter->wish == DEMO_TLS_REQUIRED_NO ? "TLS-Required: No\r\n" : "");
    smtp_client_body(c->smtp, buf_slice(&text), true);
    buf_release(&text);
}

/* Whoever answers at the gateway's address is the gateway, in this world: its certificate is not looked at. */
static void shake_hands(struct courier *c)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    c->tls = SSL_new(context);
    SSL_CTX_free(context);
    if (SSL_set_fd(c->tls, c->fd) == 1 && SSL_connect(c->tls) == 1)
        smtp_client_tls_started(c->smtp);
    else
        c->is_over = true;
}

static void go_on(struct courier *c)
{
    if (c->letter->wish == DEMO_REQUIRETLS && c->tls == NULL)
        smtp_client_starttls(c->smtp);
    else
        smtp_client_send(c->smtp, &c->transaction);
}

static void handle(struct courier *c, const struct smtp_client_event *ev)
{
    switch (ev->kind) {
    case SMTP_CL_READY: go_on(c); return;
    case SMTP_CL_TLS: shake_hands(c); return;
    case SMTP_CL_RCPT:
        if (!smtp_reply_is_ok(&ev->reply))
            *c->reply = ev->reply;
        return;
    case SMTP_CL_BODY: write_content(c); return;
    case SMTP_CL_DONE:
        if (c->reply->code == 0)
            *c->reply = ev->reply;
        smtp_client_quit(c->smtp);
        return;
    case SMTP_CL_FAILED:
        if (c->reply->code == 0)
            *c->reply = ev->reply;
        c->is_over = true;
        return;
    case SMTP_CL_CLOSED:
    case SMTP_CL_TLS_REFUSED: c->is_over = true; return;
    case SMTP_CL_AUTH_CHALLENGE:
    case SMTP_CL_AUTH_DONE: return;
    }
}

static bool write_out(struct courier *c)
{
    struct slice out;

    while ((out = smtp_client_output(c->smtp)).len > 0) {
        ssize_t n = c->tls == NULL ? write(c->fd, out.ptr, out.len) : SSL_write(c->tls, out.ptr, (int)out.len);

        if (n <= 0)
            return false;
        smtp_client_output_consume(c->smtp, (size_t)n);
    }
    return true;
}

static void talk(struct courier *c)
{
    struct smtp_client_event ev;
    char in[4096];

    while (!c->is_over && write_out(c)) {
        ssize_t n = c->tls == NULL ? read(c->fd, in, sizeof in) : SSL_read(c->tls, in, sizeof in);

        if (n <= 0)
            return;
        (void)smtp_client_feed(c->smtp, slice_of(in, (size_t)n));
        while (smtp_client_next(c->smtp, &ev))
            handle(c, &ev);
    }
}

static enum status dial(struct courier *c, struct fault *why)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    struct net_address at;
    enum status st = net_address_parse(slice_str(c->letter->ip), c->letter->port, &at);

    if (st != OK)
        return st;
    c->fd = socket(at.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (c->fd < 0 || connect(c->fd, &at.sa.any, at.len) != 0) {
        st = fault_errno(why, "cannot connect to %s port %u", c->letter->ip, c->letter->port);
        if (c->fd >= 0)
            close(c->fd);
        return st;
    }
    return OK;
}

enum status demo_letter_send(const struct demo_letter *letter, struct smtp_reply *reply, struct fault *why)
{
    struct courier c = { .letter = letter, .reply = reply };
    enum status st = dial(&c, why);

    if (st != OK)
        return st;
    *reply = (struct smtp_reply){ 0 };
    c.rcpt.address = slice_str(letter->to);
    c.transaction = (struct smtp_transaction){ .mail = { .address = slice_str(letter->from),
                                                         .requires_tls = letter->wish == DEMO_REQUIRETLS },
                                               .rcpts = &c.rcpt,
                                               .rcpts_len = 1 };
    c.smtp = smtp_client_new(SLICE_LIT("client.demo.test"), false);
    talk(&c);
    smtp_client_free(c.smtp);
    SSL_free(c.tls);
    close(c.fd);
    return reply->code != 0 ? OK : fault_set(why, ERR_TEMPORARY, "%s port %u broke off", letter->ip, letter->port);
}
