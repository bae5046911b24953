#include "mail/report_mail.h"

#include "base/clock.h"
#include "mail/fold.h"
#include "smtp/path.h"

#include <assert.h>
#include <openssl/evp.h>

enum {
    BOUNDARY_BYTES = 48,
    RAW_LINE_BYTES = 57, /* 76 characters of base64 (RFC 2045 section 6.8) */
    ID_MAX = 320,        /* tlsrpt_report_id() of a domain as long as it may be */
    FILE_NAME_MAX = 600, /* two domains, two times and an id */
};

#define INDENT "        "

/* A report mail being written; `st` stays at the first failure. */
struct writer {
    const struct report_mail *r;
    struct buf               *out;
    enum status               st;
    char                      boundary[BOUNDARY_BYTES];
};

static void line(struct writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Nothing in it but what is ours or has passed a grammar. */
static void line(struct writer *w, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert((size_t)len < sizeof text && strpbrk(text, "\r\n") == NULL);
    if (w->st == OK)
        w->st = buf_addf(w->out, "%s\r\n", text);
}

/* Printable ASCII that needs no quoting where it will stand: in angle brackets, or within quotes. */
static bool is_token(struct slice s, size_t max)
{
    if (s.len == 0 || s.len > max)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || strchr("<>\"\\()[],;:", s.ptr[i]) != NULL)
            return false;
    return true;
}

static bool is_report_id(struct slice id)
{
    struct slice right;
    struct slice left = slice_cut(id, '@', &right);

    return left.len > 0 && is_token(id, ID_MAX) && smtp_domain_is_valid(right, false);
}

static bool is_mailbox(struct slice s)
{
    struct smtp_mailbox box;

    return smtp_mailbox_parse(s, false, &box) == OK && box.domain.len > 0;
}

static enum status check(const struct report_mail *r)
{
    assert(r->to_len > 0);
    for (size_t i = 0; i < r->to_len; i++)
        if (!is_mailbox(r->to[i]))
            return ERR_SYNTAX;
    if (!is_mailbox(r->from) || !smtp_domain_is_valid(r->domain, false) ||
        !smtp_domain_is_valid(r->submitter, false) || !is_report_id(r->report_id) ||
        !is_token(r->file_name, FILE_NAME_MAX))
        return ERR_SYNTAX;
    return OK;
}

static void end_fold(struct writer *w, struct mail_fold *f)
{
    enum status st = mail_fold_end(f);

    if (w->st == OK)
        w->st = st;
}

static void write_to(struct writer *w)
{
    char path[SMTP_PATH_MAX + 8];
    struct mail_fold f;

    mail_fold_begin(&f, w->out, "To:", "\t", false);
    for (size_t i = 0; i < w->r->to_len; i++) {
        (void)snprintf(path, sizeof path, "<%.*s>", SLICE_FMT(w->r->to[i]));
        mail_fold_word(&f, slice_str(path));
        if (i + 1 < w->r->to_len)
            mail_fold_glue(&f, SLICE_LIT(","));
    }
    end_fold(w, &f);
}

/* Word by word as RFC 8460 section 5.3 has it; receivers read it by the letter. */
static void write_subject(struct writer *w)
{
    const struct report_mail *r = w->r;
    char id[ID_MAX + 8];
    const struct slice words[] = { SLICE_LIT("Report"), SLICE_LIT("Domain:"),    r->domain,    SLICE_LIT("Submitter:"),
                                   r->submitter,        SLICE_LIT("Report-ID:"), slice_str(id) };
    struct mail_fold f;

    (void)snprintf(id, sizeof id, "<%.*s>", SLICE_FMT(r->report_id));
    mail_fold_begin(&f, w->out, "Subject:", "\t", false);
    for (size_t i = 0; i + 1 < COUNT_OF(words); i++)
        mail_fold_word(&f, words[i]);
    mail_fold_word(&f, slice_str(id));
    end_fold(w, &f);
}

static void write_header(struct writer *w)
{
    const struct report_mail *r = w->r;
    char date[CLOCK_TEXT];

    line(w, "Date: %s", clock_rfc5322(r->now_s, date));
    line(w, "From: TLS reports <%.*s>", SLICE_FMT(r->from));
    write_to(w);
    write_subject(w);
    line(w, "Message-ID: <%016llx.%016llx@%.*s>", (unsigned long long)r->random[0], (unsigned long long)r->random[1],
         SLICE_FMT(r->submitter));
    /* RFC 3834 section 5: nothing automatic may answer this (RPT-13). */
    line(w, "Auto-Submitted: auto-generated");
    /* RFC 8689 section 5: a report of broken TLS must arrive despite it (RPT-12). */
    line(w, "TLS-Required: No");
    line(w, "TLS-Report-Domain: %.*s", SLICE_FMT(r->domain));
    line(w, "TLS-Report-Submitter: %.*s", SLICE_FMT(r->submitter));
    line(w, "MIME-Version: 1.0");
    line(w, "Content-Type: multipart/report; report-type=tlsrpt;");
    line(w, "\tboundary=\"%s\"", w->boundary);
    line(w, "%s", "");
    line(w, "This is an aggregate TLS report in MIME format (RFC 8460).");
}

/* Blanks that a line begins with, as far as INDENT goes, stay there and before what is folded. */
static void write_text_line(struct writer *w, struct slice text)
{
    size_t blanks = 0;
    struct mail_fold f;
    const char *indent;

    while (blanks < sizeof INDENT - 1 && blanks < text.len && text.ptr[blanks] == ' ')
        blanks++;
    indent = &INDENT[sizeof INDENT - 1 - blanks];
    mail_fold_begin(&f, w->out, slice_trim(text).len == 0 ? "" : indent, indent, false);
    mail_fold_text(&f, text);
    end_fold(w, &f);
}

static void write_text(struct writer *w)
{
    struct slice rest = w->r->text;

    line(w, "%s", "");
    line(w, "--%s", w->boundary);
    line(w, "Content-Type: text/plain; charset=us-ascii");
    line(w, "%s", "");
    while (rest.len > 0 && w->st == OK)
        write_text_line(w, slice_cut(rest, '\n', &rest));
}

static void write_base64(struct writer *w, struct slice bytes)
{
    unsigned char text[RAW_LINE_BYTES * 4 / 3 + 8];

    while (bytes.len > 0 && w->st == OK) {
        struct slice piece = slice_first(bytes, RAW_LINE_BYTES);

        (void)EVP_EncodeBlock(text, (const unsigned char *)piece.ptr, (int)piece.len);
        w->st = buf_addf(w->out, "%s\r\n", (const char *)text);
        bytes = slice_from(bytes, piece.len);
    }
}

static void write_attachment(struct writer *w)
{
    line(w, "%s", "");
    line(w, "--%s", w->boundary);
    line(w, "Content-Type: application/tlsrpt+gzip");
    line(w, "Content-Transfer-Encoding: base64");
    line(w, "Content-Disposition: attachment;");
    line(w, "\tfilename=\"%.*s\"", SLICE_FMT(w->r->file_name));
    line(w, "%s", "");
    write_base64(w, w->r->gzip);
    line(w, "%s", "");
    line(w, "--%s--", w->boundary);
}

enum status report_mail_write(const struct report_mail *r, struct buf *out)
{
    struct writer w = { .r = r, .out = out, .st = check(r) };

    if (w.st != OK)
        return w.st;
    /* Whoever had a part in the text could not know what would be drawn at random. */
    (void)snprintf(w.boundary, sizeof w.boundary, "=_%016llx%08llx", (unsigned long long)r->random[1],
                   (unsigned long long)(r->random[0] & 0xffffffffU));
    write_header(&w);
    write_text(&w);
    write_attachment(&w);
    return w.st;
}
