#include "mail/received.h"

#include "base/clock.h"
#include "mail/fold.h"
#include "smtp/path.h"

#include <stdio.h>

enum { TEXT_MAX = 256, ID_MAX = 64 };

static void word(struct mail_fold *f, const char *s)
{
    mail_fold_word(f, slice_str(s));
}

/* RFC 3848: "ESMTP", with "S" inside TLS and "A" once authenticated; RFC 6531: "UTF8SMTP" likewise. */
static const char *protocol(const struct received *r)
{
    static const char *const names[2][2][2] = { { { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
                                                { { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } } };

    return r->is_esmtp ? names[r->is_utf8][r->tls != NULL][r->is_authenticated] : "SMTP";
}

static bool is_host(struct slice s, bool is_utf8)
{
    return smtp_domain_is_valid(s, is_utf8) || smtp_is_address_literal(s);
}

/* RFC 5321 section 4.1.3; empty when `ip` is no address. */
static struct slice literal(struct slice ip, char out[static TEXT_MAX])
{
    const char *tag = slice_find(ip, ':') == SIZE_MAX ? "" : "IPv6:";
    int len = snprintf(out, TEXT_MAX, "[%s%.*s]", tag, SLICE_FMT(slice_first(ip, 64)));
    struct slice s = slice_of(out, (size_t)len);

    return smtp_is_address_literal(s) ? s : slice_of(NULL, 0);
}

/* "(name [192.0.2.1])": what we know of the client ourselves. */
static void put_client(struct mail_fold *f, const struct received *r)
{
    char text[TEXT_MAX];
    struct slice ip = literal(r->client_ip, text);

    if (ip.len == 0)
        return;
    mail_fold_open_comment(f);
    mail_fold_word(f, smtp_domain_is_valid(r->client_name, false) ? r->client_name : SLICE_LIT("unknown"));
    mail_fold_word(f, ip);
    mail_fold_close_comment(f);
}

static void put_from(struct mail_fold *f, const struct received *r)
{
    bool is_good = is_host(r->helo, r->is_utf8);

    word(f, "from");
    mail_fold_word(f, is_good ? r->helo : SLICE_LIT("unknown"));
    put_client(f, r);
    if (is_good || r->helo.len == 0)
        return;
    mail_fold_open_comment(f);
    word(f, "HELO");
    mail_fold_text(f, slice_first(r->helo, TEXT_MAX));
    mail_fold_close_comment(f);
}

static void put_tls(struct mail_fold *f, const struct received_tls *tls)
{
    char bits[24];

    mail_fold_open_comment(f);
    word(f, "using");
    mail_fold_text(f, slice_first(tls->version, TEXT_MAX));
    word(f, "with cipher");
    mail_fold_text(f, slice_first(tls->cipher, TEXT_MAX));
    if (tls->bits > 0) {
        (void)snprintf(bits, sizeof bits, "(%u bits)", tls->bits);
        word(f, bits);
    }
    mail_fold_close_comment(f);
}

static void put_client_certificate(struct mail_fold *f, const struct received_tls *tls)
{
    if (tls->client_subject.len == 0)
        return;
    mail_fold_open_comment(f);
    word(f, "client certificate");
    mail_fold_text(f, slice_first(tls->client_subject, TEXT_MAX));
    if (tls->client_issuer.len > 0)
        word(f, "issued by");
    mail_fold_text(f, slice_first(tls->client_issuer, TEXT_MAX));
    mail_fold_glue(f, SLICE_LIT(","));
    word(f, tls->client_is_verified ? "verified" : "not verified");
    mail_fold_close_comment(f);
}

static bool is_id(struct slice id)
{
    if (id.len == 0 || id.len > ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '-' && c != '_')
            return false;
    }
    return true;
}

static void put_rcpt(struct mail_fold *f, const struct received *r)
{
    struct smtp_mailbox box;
    char path[SMTP_PATH_MAX + 1];

    if (smtp_mailbox_parse(r->rcpt, r->is_utf8, &box) != OK)
        return;
    (void)snprintf(path, sizeof path, "<%.*s>", SLICE_FMT(r->rcpt));
    word(f, "for");
    word(f, path);
}

enum status received_write(const struct received *r, struct buf *out)
{
    struct mail_fold f;
    char date[CLOCK_TEXT];

    mail_fold_begin(&f, out, "Received:", "\t", r->is_utf8);
    put_from(&f, r);
    if (r->tls != NULL) {
        put_tls(&f, r->tls);
        put_client_certificate(&f, r->tls);
    }
    word(&f, "by");
    mail_fold_word(&f, is_host(r->by, r->is_utf8) ? r->by : SLICE_LIT("unknown"));
    word(&f, "with");
    word(&f, protocol(r));
    if (is_id(r->id)) {
        word(&f, "id");
        mail_fold_word(&f, r->id);
    }
    put_rcpt(&f, r);
    mail_fold_glue(&f, SLICE_LIT(";"));
    mail_fold_text(&f, slice_str(clock_rfc5322(r->at_s, date)));
    return mail_fold_end(&f);
}
