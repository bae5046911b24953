#include "mail/redact.h"

#include "base/test.h"

static const struct {
    const char *name, *content, *kept;
} cases[] = {
    { "nothing", "", "\r\n" },
    { "the fields that tell which message", "Received: from a\r\nDate: today\r\nSubject: secret\r\nFROM: a@b\r\nto: c@d\r\n\r\nbody\r\n",
      "Date: today\r\nFROM: a@b\r\nto: c@d\r\n\r\n" },
    { "folded", "To: c@d,\r\n e@f\r\nSubject: a\r\n secret\r\n\tTo: no\r\nMessage-ID: <x>\r\n\r\nFrom: body\r\n",
      "To: c@d,\r\n e@f\r\nMessage-ID: <x>\r\n\r\n" },
    { "no empty line", "Subject: secret\r\nFrom: a@b", "From: a@b\r\n\r\n" },
    { "a name that only begins so", "To-Do: secret\r\nFromage: secret\r\n\r\n", "\r\n" },
    { "begins with a fold", " secret\r\nFrom: a@b\r\n\r\n", "From: a@b\r\n\r\n" },
    { "no header at all", "\r\nFrom: body\r\n", "\r\n" },
};

TEST(mail_redact)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = { 0 };

        CHECK_CASE(cases[i].name, slice_eq(mail_redact(slice_str(cases[i].content), &arena), slice_str(cases[i].kept)));
        arena_release(&arena);
    }
}

RUN_TESTS(T(mail_redact))
