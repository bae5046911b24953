#include "bridge/own_reports.h"

#include "base/test.h"

#define D SLICE_LIT("partner.example")

TEST(each_report_explains_one_event)
{
    struct own_reports *o = own_reports_new();

    CHECK(!own_reports_take(o, D, 0));
    own_reports_note(o, D, 1000);
    own_reports_note(o, D, 2000);
    CHECK(!own_reports_take(o, SLICE_LIT("other.example"), 3000));
    CHECK(own_reports_take(o, D, 3000));
    CHECK(own_reports_take(o, D, 3000));
    CHECK(!own_reports_take(o, D, 3000));
    own_reports_free(o);
}

TEST(not_for_ever)
{
    struct own_reports *o = own_reports_new();

    own_reports_note(o, D, 0);
    CHECK(!own_reports_take(o, D, OWN_REPORT_MS));
    own_reports_note(o, D, OWN_REPORT_MS);
    CHECK(own_reports_take(o, D, 2 * OWN_REPORT_MS - 1));
    own_reports_note(o, D, 0);
    own_reports_note(o, D, OWN_REPORT_MS + 1); /* the first is too old to count along */
    CHECK(own_reports_take(o, D, OWN_REPORT_MS + 2));
    CHECK(!own_reports_take(o, D, OWN_REPORT_MS + 2));
    own_reports_free(o);
}

TEST(bounded)
{
    struct own_reports *o = own_reports_new();
    char name[32];

    for (int i = 0; i < OWN_REPORTS_MOST; i++) {
        (void)snprintf(name, sizeof name, "d%d.example", i);
        own_reports_note(o, slice_str(name), 0);
    }
    own_reports_note(o, D, 1);
    CHECK(!own_reports_take(o, D, 2));
    own_reports_note(o, D, OWN_REPORT_MS); /* the others are old by now */
    CHECK(own_reports_take(o, D, OWN_REPORT_MS));
    own_reports_free(o);
    own_reports_free(NULL);
}

RUN_TESTS(T(each_report_explains_one_event), T(not_for_ever), T(bounded))
