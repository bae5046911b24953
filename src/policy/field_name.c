#include "policy/field_name.h"

enum { FIELD_NAME_MAX = 32 };

bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool field_name_is_valid(struct slice s)
{
    if (s.len == 0 || s.len > FIELD_NAME_MAX || !is_letter_or_digit(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (!is_letter_or_digit(s.ptr[i]) && s.ptr[i] != '_' && s.ptr[i] != '-' && s.ptr[i] != '.')
            return false;
    return true;
}
