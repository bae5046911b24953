#include "mail/report_part.h"

#include "mail/header.h"

#include <gmime/gmime.h>
#include <pthread.h>

static const struct slice gzip_magic = { "\x1f\x8b", 2 };
static const struct slice zip_magic = { "PK\x03\x04", 4 };
static const struct slice byte_order_mark = { "\xef\xbb\xbf", 3 };

/* -- what it is --------------------------------------------------------------------------------------------------- */

static struct slice skip_blanks(struct slice s)
{
    size_t at = slice_starts(s, byte_order_mark) ? byte_order_mark.len : 0;

    while (at < s.len && strchr(" \t\r\n", s.ptr[at]) != NULL && s.ptr[at] != '\0')
        at++;
    return slice_from(s, at);
}

bool report_part_is_likely(struct slice bytes)
{
    return slice_starts(bytes, gzip_magic) || slice_starts(bytes, zip_magic) ||
           slice_starts(skip_blanks(bytes), SLICE_LIT("{"));
}

/* Gzip, zip or "{" in base64, as it looks when its Content-Transfer-Encoding is lost. */
static bool is_bare_base64(struct slice s)
{
    static const char *const starts[] = { "H4sI", "UEsDB", "ey", "ew", "77u/e" };

    for (size_t i = 0; i < COUNT_OF(starts); i++)
        if (slice_starts(s, slice_str(starts[i])))
            return true;
    return false;
}

static struct slice decode_base64(struct slice s, struct arena *arena)
{
    int state = 0;
    guint32 save = 0;
    unsigned char *out = arena_alloc(arena, s.len + 1);

    return slice_of((char *)out,
                    g_mime_encoding_base64_decode_step((const unsigned char *)s.ptr, s.len, out, &state, &save));
}

/* -- bounds ------------------------------------------------------------------------------------------------------- */

/* The library caps the depth itself, but neither parts nor fields. */
static enum status check_bounds(struct slice mail, struct fault *why)
{
    size_t boundaries = 0, fields = 0;

    if (mail.len > REPORT_MAIL_MAX)
        return fault_set(why, ERR_LIMIT, "the mail has more than %d bytes", REPORT_MAIL_MAX);
    while (mail.len > 0) {
        struct slice rest, line = slice_cut(mail, '\n', &rest);

        boundaries += slice_starts(line, SLICE_LIT("--"));
        fields += line.len > 0 && line.ptr[0] != ' ' && line.ptr[0] != '\t' && slice_find(line, ':') != SIZE_MAX;
        mail = rest;
    }
    if (boundaries > REPORT_BOUNDARIES_MAX)
        return fault_set(why, ERR_LIMIT, "the mail has over %d lines that may begin a part", REPORT_BOUNDARIES_MAX);
    if (fields > REPORT_FIELDS_MAX)
        return fault_set(why, ERR_LIMIT, "the mail has over %d lines that may be fields", REPORT_FIELDS_MAX);
    return OK;
}

/* -- parts -------------------------------------------------------------------------------------------------------- */

struct finder {
    struct arena *arena;
    struct report_parts *out;
    struct report_part *items;
};

static void add(struct finder *f, struct slice bytes, const char *name)
{
    if (f->out->len == REPORT_PARTS_MAX) {
        f->out->left_out++;
        return;
    }
    f->items[f->out->len++] = (struct report_part){
        .bytes = arena_copy(f->arena, bytes),
        .name = arena_copy(f->arena, slice_first(slice_str(name), REPORT_NAME_MAX)),
    };
}

static void judge(struct finder *f, struct slice bytes, const char *name)
{
    struct slice text = skip_blanks(bytes);
    struct arena scratch = { 0 };

    if (report_part_is_likely(bytes)) {
        add(f, bytes, name);
    } else if (is_bare_base64(text)) {
        struct slice decoded = decode_base64(text, &scratch);

        if (report_part_is_likely(decoded))
            add(f, decoded, name);
    }
    arena_release(&scratch);
}

/* Enough of the decoded bytes to see that it is no report: most parts need no more. */
enum { PEEK = 512 };

static bool is_worth_decoding(GMimeDataWrapper *content)
{
    GMimeStream *stream = g_mime_data_wrapper_get_stream(content);
    char peek[PEEK];
    ssize_t len;

    if (g_mime_data_wrapper_get_encoding(content) == GMIME_CONTENT_ENCODING_BASE64)
        return true;
    len = g_mime_stream_read(stream, peek, sizeof peek);
    (void)g_mime_stream_reset(stream);
    if (len <= 0)
        return false;
    if (g_mime_data_wrapper_get_encoding(content) == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE ||
        g_mime_data_wrapper_get_encoding(content) == GMIME_CONTENT_ENCODING_UUENCODE)
        return true;
    return report_part_is_likely(slice_of(peek, (size_t)len)) ||
           is_bare_base64(skip_blanks(slice_of(peek, (size_t)len)));
}

static void look_at_leaf(struct finder *f, GMimePart *part)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GMimeStream *decoded;
    GByteArray *bytes;

    if (content == NULL || !is_worth_decoding(content))
        return;
    decoded = g_mime_stream_mem_new();
    (void)g_mime_data_wrapper_write_to_stream(content, decoded);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(decoded));
    judge(f, slice_of(bytes->len == 0 ? "" : (const char *)bytes->data, bytes->len), g_mime_part_get_filename(part));
    g_object_unref(decoded);
}

static void look_at(struct finder *f, GMimeObject *object, int depth)
{
    if (object == NULL)
        return;
    if (depth > REPORT_DEPTH_MAX) {
        f->out->left_out++;
        return;
    }
    if (GMIME_IS_MESSAGE_PART(object)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));

        look_at(f, inner == NULL ? NULL : g_mime_message_get_mime_part(inner), depth + 1);
    } else if (GMIME_IS_MULTIPART(object)) {
        for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(object)); i++)
            look_at(f, g_mime_multipart_get_part(GMIME_MULTIPART(object), i), depth + 1);
    } else if (GMIME_IS_PART(object)) {
        look_at_leaf(f, GMIME_PART(object));
    }
}

/* -- the header --------------------------------------------------------------------------------------------------- */

static struct slice lower(struct slice s, struct arena *arena)
{
    return slice_lower(s, arena_alloc(arena, s.len + 1));
}

static struct slice domain_of(GMimeMessage *m, struct arena *arena)
{
    InternetAddressList *from = g_mime_message_get_from(m);
    InternetAddress *first = from == NULL ? NULL : internet_address_list_get_address(from, 0);
    struct slice address;
    size_t at;

    /* Of several authors none is the one who is meant. */
    if (first == NULL || internet_address_list_length(from) != 1 || !INTERNET_ADDRESS_IS_MAILBOX(first))
        return SLICE_LIT("");
    address = slice_str(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(first)));
    at = slice_find_last(address, '@');
    return at == SIZE_MAX ? SLICE_LIT("") : lower(slice_from(address, at + 1), arena);
}

static struct slice field_of(GMimeMessage *m, const char *name, struct arena *arena)
{
    struct slice value = slice_str(g_mime_object_get_header(GMIME_OBJECT(m), name));

    return lower(slice_trim(slice_first(value, MAIL_FIELD_VALUE_MAX)), arena);
}

/* -- all of it ---------------------------------------------------------------------------------------------------- */

/* What tells that a mail of ours was not delivered, or was read, returns that mail: the report in it is ours (RPT-13).
 */
static bool is_notification(GMimeObject *top)
{
    static const char *const types[] = { "delivery-status", "disposition-notification", "feedback-report" };
    const char *type = top == NULL ? NULL : g_mime_object_get_content_type_parameter(top, "report-type");

    for (size_t i = 0; i < COUNT_OF(types) && type != NULL && GMIME_IS_MULTIPART(top); i++)
        if (slice_eq_case(slice_str(type), slice_str(types[i])))
            return true;
    return false;
}

static void start_library(void)
{
    g_mime_init();
}

/* The bytes are borrowed, and parts borrow from the stream. */
static GMimeMessage *parse(GByteArray *bytes)
{
    GMimeStream *stream = g_mime_stream_mem_new();
    GMimeParser *parser;
    GMimeMessage *m;

    g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream), bytes);
    parser = g_mime_parser_new_with_stream(stream);
    m = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    return m;
}

enum status report_parts_find(struct slice mail, struct arena *arena, struct report_parts *out, struct fault *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    GByteArray bytes = { (guint8 *)(uintptr_t)mail.ptr, (guint)mail.len };
    struct finder f = { .arena = arena, .out = out };
    enum status st = check_bounds(mail, why);
    GMimeMessage *m;

    *out = (struct report_parts){ .len = 0 };
    if (st != OK)
        return st;
    pthread_once(&once, start_library);
    m = mail.len == 0 ? NULL : parse(&bytes);
    if (m == NULL)
        return OK;
    out->items = f.items = ARENA_ARRAY(arena, struct report_part, REPORT_PARTS_MAX);
    out->from_domain = domain_of(m, arena);
    out->submitter = field_of(m, "TLS-Report-Submitter", arena);
    out->domain = field_of(m, "TLS-Report-Domain", arena);
    if (!is_notification(g_mime_message_get_mime_part(m)))
        look_at(&f, g_mime_message_get_mime_part(m), 1);
    g_object_unref(m);
    return OK;
}
