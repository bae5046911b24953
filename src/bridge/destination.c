#include "bridge/destination.h"

#include "settings/domain_name.h"

enum { PORT_LONGEST = 32 };

/* "587", "submission". */
static bool is_port(struct slice s)
{
    if (s.len == 0 || s.len > PORT_LONGEST)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

/* "[name]" or "[name]:port". */
static bool cut_brackets(struct slice key, struct slice *inside)
{
    struct slice behind;

    if (key.len == 0 || key.ptr[0] != '[' || slice_find(key, ']') == SIZE_MAX)
        return false;
    *inside = slice_cut(slice_from(key, 1), ']', &behind);
    return behind.len == 0 || (behind.ptr[0] == ':' && is_port(slice_from(behind, 1)));
}

static bool is_local(struct slice name)
{
    return slice_eq(name, SLICE_LIT("localhost")) || slice_ends_case(name, SLICE_LIT(".localhost"));
}

void destination_read(struct slice key, struct arena *arena, struct destination *out)
{
    size_t colon = slice_find_last(key, ':');
    bool is_relay = key.len > 0 && key.ptr[0] == '[';
    struct slice text = key, name;

    *out = (struct destination){ .kind = DESTINATION_NONE };
    if (is_relay && !cut_brackets(key, &text))
        return;
    if (!is_relay && colon != SIZE_MAX) {
        if (!is_port(slice_from(key, colon + 1)))
            return;
        text = slice_first(key, colon);
    }
    if (domain_name_normalise(text, arena, &name, NULL) != OK || is_local(name))
        return;
    *out = (struct destination){ .kind = is_relay ? DESTINATION_RELAY : DESTINATION_DOMAIN, .name = name };
}
