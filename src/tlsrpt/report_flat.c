#include "tlsrpt/report_flat.h"

#include "tlsrpt/report.h"

enum { DIGITS_MAX = 18, KEY_COUNT = 0 };

#define KEY(name, member)                                                                                             \
    {                                                                                                                 \
        { name, sizeof(name) - 1 }, offsetof(struct tlsrpt_failure, member)                                           \
    }

/* Where the value of a key goes. */
static const struct {
    struct slice key;
    size_t offset;
} keys[] = {
    [KEY_COUNT] = KEY("failed-session-count", count),
    KEY("result-type", result_type),
    KEY("sending-mta-ip", sending_mta_ip),
    KEY("receiving-mx-hostname", receiving_mx_hostname),
    KEY("receiving-mx-helo", receiving_mx_helo),
    KEY("receiving-ip", receiving_ip),
    KEY("additional-information", additional_information),
    KEY("failure-reason-code", failure_reason_code),
};

static void skip_blanks(struct slice *s)
{
    while (s->len > 0 && (*s->ptr == ' ' || *s->ptr == '\n' || *s->ptr == '\r' || *s->ptr == '\t'))
        *s = slice_from(*s, 1);
}

static bool take_char(struct slice *s, char c)
{
    skip_blanks(s);
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = slice_from(*s, 1);
    return true;
}

static bool is_plain(struct slice s)
{
    bool is_odd = false;

    for (size_t i = 0; i < s.len; i++)
        is_odd |= (unsigned char)s.ptr[i] < ' ' || (unsigned char)s.ptr[i] >= 0x80 || s.ptr[i] == '\\';
    return !is_odd;
}

static bool take_string(struct slice *s, struct slice *out)
{
    size_t end;

    if (!take_char(s, '"'))
        return false;
    end = slice_find(*s, '"');
    if (end == SIZE_MAX)
        return false;
    *out = slice_first(*s, end);
    *s = slice_from(*s, end + 1);
    return out->len <= TLSRPT_KEPT_MAX && is_plain(*out);
}

static bool take_count(struct slice *s, uint64_t *out)
{
    size_t len = 0;

    skip_blanks(s);
    while (len < s->len && s->ptr[len] >= '0' && s->ptr[len] <= '9')
        len++;
    if (len > DIGITS_MAX || (len > 1 && s->ptr[0] == '0') || !slice_to_u64(slice_first(*s, len), out))
        return false;
    *s = slice_from(*s, len);
    return true;
}

static bool take_member(struct slice *s, struct tlsrpt_failure *out, unsigned *seen)
{
    struct slice key;

    if (!take_string(s, &key) || !take_char(s, ':'))
        return false;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        void *to = (char *)out + keys[i].offset;

        if (!slice_eq(key, keys[i].key))
            continue;
        if (*seen & 1u << i)
            return false;
        *seen |= 1u << i;
        return i == KEY_COUNT ? take_count(s, to) : take_string(s, to);
    }
    return false;
}

bool report_read_flat(struct slice text, struct tlsrpt_failure *out)
{
    const struct slice none = SLICE_LIT("");
    struct tlsrpt_failure f = { none, none, none, none, none, none, none, 1 };
    unsigned seen = 0;

    if (!take_char(&text, '{'))
        return false;
    do {
        if (!take_member(&text, &f, &seen))
            return false;
    } while (take_char(&text, ','));
    if (!take_char(&text, '}') || text.len > 0)
        return false;
    *out = f;
    return true;
}
