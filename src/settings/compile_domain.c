#include "settings/setting_set.h"

enum { DAY_S = 86400, MAX_AGE_LEAST_S = 60 };

/* Short while it is tried and while it goes, long where it protects: who keeps a policy cannot be kept from it. */
static const int64_t usual_max_age_s[] = {
    [STS_MODE_NONE] = DAY_S,
    [STS_MODE_TESTING] = 7 * DAY_S,
    [STS_MODE_ENFORCE] = 14 * DAY_S,
};

enum status compile_domain(const struct setting_object *o, struct arena *arena, struct own_domain *out,
                           struct fault *why)
{
    int mode = setting_choice(o, "mta-sts"); /* in the order of enum sts_mode */

    out->name = arena_copy(arena, o->name);
    out->hosts_policy = mode >= 0;
    out->sts_mode = mode < 0 ? STS_MODE_NONE : (enum sts_mode)mode;
    out->sts_mx = setting_list(o, "mta-sts-mx", arena, &out->sts_mx_len);
    out->sts_max_age_s =
        setting_has(o, "mta-sts-max-age") ? setting_seconds(o, "mta-sts-max-age") : usual_max_age_s[out->sts_mode];
    out->report_to = setting_list(o, "report-to", arena, &out->report_to_len);
    if (out->sts_max_age_s < MAX_AGE_LEAST_S || out->sts_max_age_s > STS_MAX_AGE_MOST_S)
        return setting_refuse(o, "mta-sts-max-age", why, "it is not between a minute and a year; write 14d");
    if (out->sts_mx_len > STS_MX_MOST)
        return setting_refuse(o, "mta-sts-mx", why, "there are more than %d servers; use *.example.org", STS_MX_MOST);
    out->report_mailbox = setting_text(o, "report-mailbox", arena);
    out->forwards_reports = setting_yes(o, "report-forward");
    if (out->report_mailbox.len > 0 &&
        !slice_eq(slice_from(out->report_mailbox, slice_find_last(out->report_mailbox, '@') + 1), out->name))
        return setting_refuse(o, "report-mailbox", why, "it is an address of another domain; mail to it is not ours to read");
    return OK;
}
