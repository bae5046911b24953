/* Our own certificates: what there is, what wants attention, and what must be true of one before it is saved. */
#include "admin/api.h"
#include "base/clock.h"
#include "certs/source.h"
#include "settings/setting_set.h"

enum { SOON_DAYS = 14 };

static json_t *report_of(struct call *c)
{
    struct slice text = c->admin->certificates(c->admin->ctx, c->arena);

    return json_loadb(text.ptr, text.len, 0, NULL);
}

void api_certificates(struct call *c)
{
    call_answer(c, report_of(c));
}

/* -- the status ------------------------------------------------------------------------------------------------- */

static bool is_state(const json_t *certificate, const char *state)
{
    return strcmp(json_string_value(json_object_get(certificate, "state")), state) == 0;
}

static bool is_served(const json_t *certificate)
{
    return json_integer_value(json_object_get(certificate, "share")) > 0;
}

/* What waits for the clock is as asked for; everything else that is not simply served is worth a word. */
static bool wants_attention(const json_t *certificate)
{
    const json_t *days = json_object_get(certificate, "days_left");

    return is_state(certificate, "refused") || is_state(certificate, "held") || is_state(certificate, "rolls") ||
           json_object_get(certificate, "refused") != NULL || json_object_get(certificate, "next") != NULL ||
           (is_served(certificate) && (json_object_get(certificate, "faults") != NULL ||
                                       json_integer_value(days) < SOON_DAYS || is_state(certificate, "retired")));
}

static void add_notice(json_t *notices, const json_t *certificate)
{
    const json_t *days = json_object_get(certificate, "days_left");
    const char *text = json_string_value(json_object_get(certificate, "text"));

    if (!wants_attention(certificate))
        return;
    if (json_integer_value(days) < SOON_DAYS && days != NULL)
        json_array_append_new(notices, json_sprintf("%s: %s; %lld days are left of it",
                                                    json_string_value(json_object_get(certificate, "name")), text,
                                                    (long long)json_integer_value(days)));
    else
        json_array_append_new(notices,
                              json_sprintf("%s: %s", json_string_value(json_object_get(certificate, "name")), text));
}

static void add_record_notices(json_t *notices, const json_t *watch)
{
    const json_t *record;
    size_t at;

    json_array_foreach(json_object_get(watch, "records"), at, record) {
        if (json_is_true(json_object_get(record, "can_go")))
            json_array_append_new(notices, json_sprintf("the record %s. IN TLSA %s stands for nothing that is served here; "
                                                        "it can go",
                                                        json_string_value(json_object_get(watch, "question")),
                                                        json_string_value(json_object_get(record, "record"))));
    }
}

json_t *certificates_summary(struct call *c)
{
    json_t *report = report_of(c), *notices = json_array(), *out = json_object(), *item;
    json_int_t served = 0;
    size_t at;

    json_array_foreach(json_object_get(report, "certificates"), at, item) {
        served += is_served(item);
        add_notice(notices, item);
    }
    json_array_foreach(json_object_get(report, "tlsa"), at, item) {
        add_record_notices(notices, item);
    }
    json_object_set_new(out, "known", json_integer((json_int_t)json_array_size(json_object_get(report, "certificates"))));
    json_object_set_new(out, "served", json_integer(served));
    json_object_set_new(out, "notices", notices);
    json_decref(report);
    return out;
}

/* -- before it is saved -------------------------------------------------------------------------------------------- */

/* Does the row bring another certificate, or other demands on it? Times may be set whatever has become of it. */
static bool brings_another(const struct setting_row *row)
{
    static const char *const fields[] = { "chain", "key", "chain-file", "key-file", "ca", "names" };
    json_t *before = row->before.ptr == NULL ? NULL : json_loadb(row->before.ptr, row->before.len, 0, NULL);
    json_t *after = json_loadb(row->after.ptr, row->after.len, 0, NULL);
    bool is_other = before == NULL;

    for (size_t i = 0; i < COUNT_OF(fields) && !is_other; i++) {
        const json_t *was = json_object_get(before, fields[i]), *is = json_object_get(after, fields[i]);

        is_other = (was != NULL || is != NULL) && !json_equal(was, is);
    }
    json_decref(before);
    json_decref(after);
    return is_other;
}

static enum status check_row(const struct call *c, const struct setting_row *row, struct fault *why)
{
    struct certificate_setting setting;
    struct arena arena = { 0 };
    struct setting_set set;
    enum status st;

    setting_set_init(&set);
    st = setting_set_load(&set, row, 1, why);
    if (st == OK)
        st = compile_certificate(set.items[0], &arena, &setting, why);
    if (st == OK)
        st = setting.is_acme ? OK : cert_setting_check(&setting, c->admin->config->hostname, clock_wall_s(), why);
    arena_release(&arena);
    setting_set_release(&set);
    return st;
}

enum status certificates_check(const struct call *c, const struct setting_row *rows, size_t len, struct fault *why)
{
    enum status st = OK;

    for (size_t i = 0; i < len && st == OK; i++) {
        if (slice_eq(rows[i].kind, SLICE_LIT("certificate")) && rows[i].after.ptr != NULL && brings_another(&rows[i]))
            st = check_row(c, &rows[i], why);
    }
    return st;
}
