#include "mail/header.h"

#include "base/utf8.h"

enum state {
    AT_LINE,  /* a line begins */
    AT_CR,    /* a CR alone so far */
    IN_NAME,  /* before the colon */
    IN_VALUE, /* behind it, or in a line of no interest */
};

void mail_header_begin(struct mail_header *h, struct arena *arena, struct mail_field *fields, size_t fields_len)
{
    *h = (struct mail_header){ .arena = arena, .fields = fields, .fields_len = fields_len, .state = AT_LINE };
    buf_init(&h->value, MAIL_FIELD_VALUE_MAX + 2);
    for (size_t i = 0; i < fields_len; i++) {
        fields[i].count = 0;
        fields[i].first = slice_of(NULL, 0);
    }
}

/* The value that was being gathered is whole. */
static void close_field(struct mail_header *h)
{
    struct slice value;

    if (h->open == NULL)
        return;
    value = slice_first(slice_trim(buf_slice(&h->value)), MAIL_FIELD_VALUE_MAX);
    h->open->first = arena_copy(h->arena, value);
    h->open = NULL;
    buf_reset(&h->value);
}

/* RFC 5322 section 4.5.8: blanks between name and colon are obsolete and still read. */
static void open_field(struct mail_header *h)
{
    struct slice name = slice_trim(slice_of(h->name, h->name_len));

    for (size_t i = 0; i < h->fields_len; i++) {
        struct mail_field *f = &h->fields[i];

        if (!slice_eq_case(name, slice_str(f->name)))
            continue;
        f->count++;
        if (f->count == 1 && !f->is_counted)
            h->open = f;
        return;
    }
}

/* A value of more than the maximum is cut. */
static void gather(struct mail_header *h, struct slice piece)
{
    size_t room = h->value.max - buf_slice(&h->value).len;

    if (h->open != NULL && buf_add(&h->value, slice_first(piece, room)) != OK)
        h->open = NULL;
}

/* The CR of a line end may stand in an earlier piece. */
static void drop_cr(struct mail_header *h)
{
    struct slice value = buf_slice(&h->value);

    if (h->open != NULL && value.len > 0 && value.ptr[value.len - 1] == '\r')
        buf_shorten(&h->value, 1);
}

static size_t on_line(struct mail_header *h, struct slice s)
{
    char c = s.ptr[0];

    if (c == '\r' || c == '\n') {
        h->is_over = c == '\n';
        h->state = AT_CR;
        return 1;
    }
    if (c == ' ' || c == '\t') {
        h->state = IN_VALUE;
        return 0;
    }
    close_field(h);
    h->name_len = 0;
    h->state = IN_NAME;
    return 0;
}

/* A CR that no LF follows belongs to a line that is no field. */
static size_t on_cr(struct mail_header *h, struct slice s)
{
    if (s.ptr[0] == '\n') {
        h->is_over = true;
        return 1;
    }
    close_field(h);
    h->is_malformed = true;
    h->state = IN_VALUE;
    return 0;
}

static size_t on_name(struct mail_header *h, struct slice s)
{
    char c = s.ptr[0];

    if (c == ':') {
        open_field(h);
        h->state = IN_VALUE;
        return 1;
    }
    if (c == '\n' || h->name_len == sizeof h->name) {
        h->is_malformed = h->is_malformed || c == '\n';
        h->state = IN_VALUE;
        return 0;
    }
    h->name[h->name_len++] = c;
    return 1;
}

static size_t on_value(struct mail_header *h, struct slice s)
{
    size_t end = slice_find(s, '\n');

    gather(h, slice_first(s, end));
    if (end == SIZE_MAX)
        return s.len;
    drop_cr(h);
    h->state = AT_LINE;
    return end + 1;
}

static size_t (*const steps[])(struct mail_header *h, struct slice s) = {
    [AT_LINE] = on_line,
    [AT_CR] = on_cr,
    [IN_NAME] = on_name,
    [IN_VALUE] = on_value,
};

enum status mail_header_feed(struct mail_header *h, struct slice piece)
{
    struct slice s = slice_first(piece, MAIL_HEADER_BYTES_MAX - h->bytes);

    while (s.len > 0 && !h->is_over) {
        size_t taken = steps[h->state](h, s);

        h->has_8bit = h->has_8bit || !utf8_is_ascii(slice_first(s, taken));
        h->bytes += taken;
        s = slice_from(s, taken);
    }
    return h->bytes == MAIL_HEADER_BYTES_MAX && !h->is_over ? ERR_LIMIT : OK;
}

void mail_header_end(struct mail_header *h)
{
    drop_cr(h);
    close_field(h);
    buf_release(&h->value);
}
