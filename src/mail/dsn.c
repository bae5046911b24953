#include "mail/dsn.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "mail/dsn_private.h"
#include "mail/fold.h"
#include "smtp/path.h"

#include <assert.h>
#include <stdio.h>

enum { BOUNDARY_BYTES = 48 };

static const char *const subjects[] = {
    [MAIL_DSN_FAILED] = "Your message could not be delivered",
    [MAIL_DSN_DELAYED] = "Your message is delayed; delivery goes on",
    [MAIL_DSN_DELIVERED] = "Your message was delivered",
    [MAIL_DSN_RELAYED] = "Your message was passed on to another mail system",
    [MAIL_DSN_EXPANDED] = "Your message was passed on to the members of a list",
};

void dsn_line(struct dsn_writer *w, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    assert((size_t)len < sizeof line && strpbrk(line, "\r\n") == NULL);
    if (w->st == OK)
        w->st = buf_addf(w->out, "%s\r\n", line);
}

void dsn_text(struct dsn_writer *w, const char *start, const char *indent, struct slice text)
{
    struct mail_fold f;
    enum status st;

    mail_fold_begin(&f, w->out, start, indent, w->d->is_utf8);
    mail_fold_text(&f, text);
    st = mail_fold_end(&f);
    if (w->st == OK)
        w->st = st;
}

void dsn_field(struct dsn_writer *w, const char *name, struct slice text)
{
    dsn_text(w, name, "\t", text);
}

/* What is given back: all of it, or its header section. */
static bool returns_full(const struct mail_dsn *d)
{
    bool failed = false;

    for (size_t i = 0; i < d->rcpts_len; i++)
        failed = failed || d->rcpts[i].action == MAIL_DSN_FAILED;
    return failed && d->ret != SMTP_RET_HDRS && d->content.len <= d->full_max_bytes;
}

static struct slice returned(const struct mail_dsn *d)
{
    return returns_full(d) ? d->content : slice_first(d->content, d->header_bytes);
}

/* Copies lines with a clean CR LF each (EOD-12). */
static void write_lines(struct dsn_writer *w, struct slice s)
{
    while (s.len > 0 && w->st == OK) {
        size_t lf = slice_find(s, '\n'), cr = slice_find(slice_first(s, lf), '\r');
        size_t end = cr != SIZE_MAX ? cr : lf != SIZE_MAX ? lf : s.len;
        bool is_pair = end + 1 < s.len && s.ptr[end] == '\r' && s.ptr[end + 1] == '\n';

        w->st = buf_add(w->out, slice_first(s, end));
        if (w->st == OK)
            w->st = buf_add(w->out, SLICE_LIT("\r\n"));
        s = slice_from(s, end + 1 + is_pair);
    }
}

static void make_boundary(const struct mail_dsn *d, char out[static BOUNDARY_BYTES])
{
    struct slice content = returned(d);

    for (uint64_t salt = 0;; salt++) {
        (void)snprintf(out, BOUNDARY_BYTES, "=_%016llx%08llx", (unsigned long long)(d->random[0] + salt),
                       (unsigned long long)(d->random[1] & 0xffffffffU));
        if (content.len == 0 || memmem(content.ptr, content.len, out, strlen(out)) == NULL)
            return;
    }
}

/* Of several actions the worst names the whole: they are in this order. */
static enum mail_dsn_action worst_action(const struct mail_dsn *d)
{
    enum mail_dsn_action worst = MAIL_DSN_EXPANDED;

    for (size_t i = 0; i < d->rcpts_len; i++)
        if (d->rcpts[i].action < worst)
            worst = d->rcpts[i].action;
    return worst;
}

static void write_header(struct dsn_writer *w, const char *boundary, bool is_8bit)
{
    const struct mail_dsn *d = w->d;
    char date[CLOCK_TEXT], host[SMTP_DOMAIN_MAX + 1];

    (void)slice_to_cstr(d->hostname, host, sizeof host);
    dsn_line(w, "Date: %s", clock_rfc5322(d->now_s, date));
    dsn_line(w, "From: Mail delivery <MAILER-DAEMON@%s>", host);
    dsn_line(w, "To: <%.*s>", SLICE_FMT(d->to));
    dsn_line(w, "Subject: %s", subjects[worst_action(d)]);
    dsn_line(w, "Message-ID: <%016llx.%016llx@%s>", (unsigned long long)d->random[0], (unsigned long long)d->random[1],
             host);
    /* RFC 3834 section 5: nothing automatic may answer this. */
    dsn_line(w, "Auto-Submitted: auto-replied");
    dsn_line(w, "MIME-Version: 1.0");
    dsn_line(w, "Content-Type: multipart/report; report-type=delivery-status;");
    dsn_line(w, "\tboundary=\"%s\"", boundary);
    dsn_line(w, "Content-Transfer-Encoding: %s", is_8bit ? "8bit" : "7bit");
    dsn_line(w, "%s", "");
    dsn_line(w, "This is a delivery status notification in MIME format (RFC 3464).");
}

static void begin_part(struct dsn_writer *w, const char *boundary, const char *type, bool is_8bit)
{
    dsn_line(w, "%s", "");
    dsn_line(w, "--%s", boundary);
    dsn_line(w, "Content-Type: %s", type);
    if (is_8bit)
        dsn_line(w, "Content-Transfer-Encoding: 8bit");
    dsn_line(w, "%s", "");
}

/* RFC 6522 section 3; RFC 6533 sections 4 and 6 for the internationalised. */
static const char *returned_type(const struct mail_dsn *d)
{
    static const char *const types[2][2] = { { "text/rfc822-headers", "message/rfc822" },
                                             { "message/global-headers", "message/global" } };

    return types[d->is_utf8][returns_full(d)];
}

enum status mail_dsn_write(const struct mail_dsn *d, struct buf *out, bool *is_8bit)
{
    struct dsn_writer w = { .d = d, .out = out };
    struct slice content = returned(d);
    bool content_8bit = !utf8_is_ascii(content);
    char boundary[BOUNDARY_BYTES];
    struct smtp_mailbox box;

    assert(d->rcpts_len > 0);
    if (smtp_mailbox_parse(d->to, d->is_utf8, &box) != OK || !smtp_domain_is_valid(d->hostname, false))
        return ERR_SYNTAX;
    *is_8bit = d->is_utf8 || content_8bit;
    make_boundary(d, boundary);
    write_header(&w, boundary, *is_8bit);
    begin_part(&w, boundary, d->is_utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii", d->is_utf8);
    dsn_write_human(&w);
    begin_part(&w, boundary, d->is_utf8 ? "message/global-delivery-status" : "message/delivery-status", d->is_utf8);
    dsn_write_status(&w);
    if (content.len > 0) {
        begin_part(&w, boundary, returned_type(d), d->is_utf8 || content_8bit);
        write_lines(&w, content);
    }
    dsn_line(&w, "%s", "");
    dsn_line(&w, "--%s--", boundary);
    return w.st;
}
