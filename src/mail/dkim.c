#include "mail/dkim.h"

#include "base/memory.h"
#include "mail/dkim_canon.h"
#include "mail/dkim_key.h"
#include "smtp/path.h"

#include <assert.h>

enum {
    SELECTOR_MAX = 63,
    DIGEST_BYTES = 32,
    SIGNATURE_MAX = 512,
    BASE64_MAX = SIGNATURE_MAX * 4 / 3 + 8,
    LINE_BYTES = 76,
    TAB_COLUMNS = 8,
    FIELD_MAX = 16 * 1024
};

struct mail_dkim_signer {
    EVP_PKEY                *key;
    enum mail_dkim_algorithm algorithm;
    char                    *domain, *selector;
};

/* Signed wherever they stand (RFC 6376 section 5.4.1), and with what makes a TLS report one. With `is_sealed`, signed
 * once more than they are there, so that one that is added breaks the signature (section 8.15). */
enum { FROM = 0 };
static const struct { const char *name; bool is_sealed; } signed_fields[] = {
    [FROM] = { "From", true },
    { "Sender", false },
    { "Reply-To", false },
    { "To", true },
    { "Cc", false },
    { "Subject", true },
    { "Date", true },
    { "Message-ID", false },
    { "In-Reply-To", false },
    { "References", false },
    { "MIME-Version", false },
    { "Content-Type", true },
    { "Content-Transfer-Encoding", false },
    { "Auto-Submitted", false },
    { "TLS-Required", false },
    { "TLS-Report-Domain", true },
    { "TLS-Report-Submitter", true },
};

static const char *const algorithm_names[] = {
    [MAIL_DKIM_RSA_SHA256] = "rsa-sha256",
    [MAIL_DKIM_ED25519_SHA256] = "ed25519-sha256",
};

enum status mail_dkim_signer_new(struct slice domain, struct slice selector, struct slice pem,
                                 struct mail_dkim_signer **out, struct fault *why)
{
    enum mail_dkim_algorithm algorithm;
    enum status st;
    EVP_PKEY *key;

    if (!smtp_domain_is_valid(domain, false))
        return fault_set(why, ERR_SYNTAX, "the DKIM domain is no domain name");
    if (selector.len > SELECTOR_MAX || !smtp_domain_is_valid(selector, false))
        return fault_set(why, ERR_SYNTAX, "a DKIM selector is letters, digits and hyphens, at most %d bytes",
                         SELECTOR_MAX);
    key = dkim_key_load(pem, &algorithm, &st, why);
    if (key == NULL)
        return st;
    *out = NEW(struct mail_dkim_signer);
    **out = (struct mail_dkim_signer){ key, algorithm, mem_str(domain), mem_str(selector) };
    return OK;
}

void mail_dkim_signer_free(struct mail_dkim_signer *s)
{
    if (s == NULL)
        return;
    EVP_PKEY_free(s->key);
    free(s->selector);
    free(s->domain);
    free(s);
}

struct field {
    struct slice name, value; /* the value with its folds, without its last line end */
};

/* A message in its parts. */
struct message {
    struct field fields[MAIL_DKIM_FIELDS_MAX + 1];
    size_t       fields_len;
    struct slice body;
};

/* Every line end is CR LF: what a server on the way would repair breaks the signature. */
static bool has_clean_line_ends(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool has_lf = i + 1 < s.len && s.ptr[i + 1] == '\n';

        if (s.ptr[i] == '\n' || (s.ptr[i] == '\r' && !has_lf))
            return false;
        i += s.ptr[i] == '\r';
    }
    return true;
}

/* Bytes of the field at the front with its continuation lines and last line end. */
static size_t field_len(struct slice s)
{
    size_t at = 0;

    do {
        size_t lf = slice_find(slice_from(s, at), '\n');

        at = lf == SIZE_MAX ? s.len : at + lf + 1;
    } while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t'));
    return at;
}

/* RFC 5322 section 2.2, without what separates tags; the blanks before the colon that section 4.5.8 allows are not ours. */
static bool is_field(const struct field *f, size_t len)
{
    for (size_t i = 0; i < f->name.len; i++)
        if (f->name.ptr[i] <= ' ' || f->name.ptr[i] >= 0x7f || f->name.ptr[i] == ';')
            return false;
    return f->name.len > 0 && f->name.len < len;
}

static enum status split(struct slice in, struct message *m, struct fault *why)
{
    if (!has_clean_line_ends(in))
        return fault_set(why, ERR_PERMANENT, "a line end of the message is not CR LF");
    while (in.len > 0 && !slice_starts(in, SLICE_LIT("\r\n"))) {
        size_t len = field_len(in);
        struct field *f = &m->fields[m->fields_len];

        if (m->fields_len++ == MAIL_DKIM_FIELDS_MAX)
            return fault_set(why, ERR_PERMANENT, "the message has over %d header fields", MAIL_DKIM_FIELDS_MAX);
        f->name = slice_cut(slice_first(in, len), ':', &f->value);
        if (!is_field(f, len))
            return fault_set(why, ERR_PERMANENT, "a line of the message's header is no field");
        in = slice_from(in, len);
    }
    m->body = slice_from(in, 2);
    return OK;
}

/* The field `DKIM-Signature` being written, and the canonical header that is signed. */
struct writer {
    struct buf field, header;
    size_t     column;
};

static void put(struct buf *b, struct slice s)
{
    if (buf_add(b, s) != OK)
        abort();
}

static void fold(struct writer *w)
{
    put(&w->field, SLICE_LIT("\r\n\t"));
    w->column = TAB_COLUMNS;
}

/* One piece that is not broken, right behind the last, or behind a fold when the line is full. A line never has less
 * than one piece, so that none is blank. */
static void put_piece(struct writer *w, struct slice piece)
{
    if (w->column + piece.len > LINE_BYTES && w->column > TAB_COLUMNS)
        fold(w);
    put(&w->field, piece);
    w->column += piece.len;
}

static void put_tag(struct writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The next tag, behind a blank or a fold. */
static void put_tag(struct writer *w, const char *fmt, ...)
{
    char text[SMTP_DOMAIN_MAX + 64];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert((size_t)len < sizeof text);
    if (w->column + 1 + (size_t)len > LINE_BYTES)
        fold(w);
    else
        put_piece(w, SLICE_LIT(" "));
    put_piece(w, slice_of(text, (size_t)len));
}

static void put_base64(struct writer *w, const unsigned char *bytes, size_t len)
{
    unsigned char text[BASE64_MAX];
    struct slice rest = { (const char *)text, (size_t)EVP_EncodeBlock(text, bytes, (int)len) };

    while (rest.len > 0) {
        size_t room = w->column < LINE_BYTES ? LINE_BYTES - w->column : LINE_BYTES - TAB_COLUMNS;
        struct slice piece = slice_first(rest, room);

        put_piece(w, piece);
        rest = slice_from(rest, piece.len);
    }
}

/* RFC 6376 section 5.4.2: of several fields of one name the last is taken first. Counts those that are there. */
static size_t sign_fields(struct writer *w, const struct message *m, struct slice name)
{
    size_t count = 0;

    for (size_t i = m->fields_len; i > 0; i--) {
        if (!slice_eq_case(m->fields[i - 1].name, name))
            continue;
        dkim_canon_field(m->fields[i - 1].name, m->fields[i - 1].value, &w->header);
        put(&w->header, SLICE_LIT("\r\n"));
        count++;
    }
    return count;
}

static void put_name(struct writer *w, const char *name, bool is_first)
{
    char text[64];

    if (is_first) {
        put_tag(w, "h=%s", name);
        return;
    }
    (void)snprintf(text, sizeof text, ":%s", name);
    put_piece(w, slice_str(text));
}

/* "h=" and what it names. False when there is no From, which must be signed (section 5.4). */
static bool put_names(struct writer *w, const struct message *m)
{
    bool is_first = true, has_from = false;

    for (size_t i = 0; i < COUNT_OF(signed_fields); i++) {
        size_t found = sign_fields(w, m, slice_str(signed_fields[i].name));

        has_from = has_from || (i == FROM && found > 0);
        for (size_t n = found + signed_fields[i].is_sealed; n > 0; n--) {
            put_name(w, signed_fields[i].name, is_first);
            is_first = false;
        }
    }
    return has_from;
}

static void digest(struct slice s, unsigned char out[static DIGEST_BYTES])
{
    size_t len = 0;

    if (EVP_Q_digest(NULL, "SHA256", NULL, s.ptr, s.len, out, &len) != 1 || len != DIGEST_BYTES)
        abort();
}

static void put_body_hash(struct writer *w, struct slice body)
{
    unsigned char hash[DIGEST_BYTES];
    struct buf canonical;

    buf_init(&canonical, body.len + 2);
    dkim_canon_body(body, &canonical);
    digest(buf_slice(&canonical), hash);
    buf_release(&canonical);
    put_tag(w, "bh=");
    put_base64(w, hash, sizeof hash);
    put_piece(w, SLICE_LIT(";"));
}

/* Everything up to "b=". False when the message has no From. */
static bool put_tags(struct writer *w, const struct mail_dkim_signer *s, const struct message *m, int64_t now_s)
{
    bool has_from;

    put_piece(w, SLICE_LIT("DKIM-Signature:"));
    put_tag(w, "v=1;");
    put_tag(w, "a=%s;", algorithm_names[s->algorithm]);
    put_tag(w, "c=relaxed/relaxed;");
    put_tag(w, "d=%s;", s->domain);
    put_tag(w, "s=%s;", s->selector);
    put_tag(w, "t=%lld;", (long long)now_s);
    put_body_hash(w, m->body);
    has_from = put_names(w, m);
    put_piece(w, SLICE_LIT(";"));
    put_tag(w, "b=");
    return has_from;
}

/* RFC 6376 section 3.7, RFC 8463 section 3: RSA signs the data by their digest, ed25519 signs the digest itself. */
static size_t sign_header(const struct mail_dkim_signer *s, struct slice data, unsigned char out[static SIGNATURE_MAX])
{
    bool is_rsa = s->algorithm == MAIL_DKIM_RSA_SHA256;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char hash[DIGEST_BYTES];
    size_t len = SIGNATURE_MAX;

    digest(data, hash);
    if (!is_rsa)
        data = slice_of((const char *)hash, sizeof hash);
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, is_rsa ? EVP_sha256() : NULL, NULL, s->key) != 1 ||
        EVP_DigestSign(ctx, out, &len, (const unsigned char *)data.ptr, data.len) != 1)
        abort();
    EVP_MD_CTX_free(ctx);
    return len;
}

/* The signature covers its own field, without a value of b= and without its line end (RFC 6376 section 3.7). */
static void put_signature(struct writer *w, const struct mail_dkim_signer *s)
{
    unsigned char signature[SIGNATURE_MAX];
    struct slice name, value;

    name = slice_cut(buf_slice(&w->field), ':', &value);
    dkim_canon_field(name, value, &w->header);
    put_base64(w, signature, sign_header(s, buf_slice(&w->header), signature));
    put(&w->field, SLICE_LIT("\r\n"));
}

enum status mail_dkim_sign(const struct mail_dkim_signer *s, struct slice message, int64_t now_s, struct buf *out,
                           struct fault *why)
{
    struct message *m = NEW(struct message);
    enum status st = split(message, m, why);
    struct writer w = { .column = 0 };

    buf_init(&w.field, FIELD_MAX);
    buf_init(&w.header, message.len + FIELD_MAX);
    if (st == OK && !put_tags(&w, s, m, now_s))
        st = fault_set(why, ERR_PERMANENT, "the message has no From");
    if (st == OK) {
        put_signature(&w, s);
        st = buf_add(out, buf_slice(&w.field));
        if (st != OK)
            (void)fault_set(why, st, "the DKIM signature does not fit");
    }
    buf_release(&w.field);
    buf_release(&w.header);
    free(m);
    return st;
}
