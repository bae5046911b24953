#include "settings/change.h"

#include "base/test.h"
#include "settings/document.h"
#include "settings/password.h"
#include "settings/snapshot.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

/* What every case begins with. */
static const char base[] =
    "{ \"sternpost-settings\": 1,"
    "  \"domain\": { \"ours.example\": { \"description\": \"us\" } },"
    "  \"host\": { \"relay\": { \"servers\": [\"smtp.example.net:587\"], \"username\": \"gw\", \"password\": \"secret-1\" },"
    "              \"inside\": { \"servers\": [\"10.0.0.2\"], \"allow-private\": true, \"tls\": \"may\" },"
    "              \"spare\": { \"servers\": [\"spare.example.net\"] } },"
    "  \"route\": { \"ours.example\": { \"host\": \"inside\" } },"
    "  \"rule\": { \"bank\": { \"to\": [\"list:partners\", \"bank.example\"], \"alternate\": \"relay\" } },"
    "  \"list\": { \"partners\": { \"members\": [\".bank.example\", \"boss@law.example\"] }, \"unused\": {} },"
    "  \"gateway\": { \"gateway\": { \"alternate-route\": \"required\", \"alternate-host\": \"relay\" } } }";

static void make_base(struct arena *arena, const struct setting_row **rows, size_t *len)
{
    struct fault why = { "" };

    if (settings_apply(NULL, 0, SLICE_LIT(base), arena, rows, len, &why) != OK)
        fail_msg("%s", why.text);
}

enum { CREATE = SETTING_CREATE, CHANGE = SETTING_CHANGE, DELETE = SETTING_DELETE };

#define GOOD "" /* the change is taken */

static const struct { int verb; const char *kind, *name, *fields; enum status status; const char *why; } cases[] = {
    /* kinds, names, fields */
    { CREATE, "hots", "x", "{}", ERR_SYNTAX, "there is no kind 'hots'; did you mean 'host'?" },
    { CREATE, "zone", "x", "{}", ERR_SYNTAX, "there is no kind 'zone'; there are domain, host, route, rule, list, user, certificate, gateway" },
    { CREATE, "host", "", "{}", ERR_SYNTAX, "a host needs a name" }, /* H1 */
    { CREATE, "host", "a b", "{}", ERR_SYNTAX, "'a b' is no name for a host: a name has 1 to 64 letters, digits and -_." },
    { CREATE, "host", "x", "[]", ERR_SYNTAX, "host 'x': the fields are not a JSON object" },
    { CREATE, "host", "x", "{\"sever\": []}", ERR_SYNTAX, "host 'x': a host has no field 'sever'; did you mean 'servers'?" },
    { CREATE, "list", "x", "{\"zzz\": 1}", ERR_SYNTAX, "list 'x': a list has no field 'zzz'; there are members, description" },
    { CREATE, "domain", "ours.example", "{}", ERR_EXISTS, "domain 'ours.example' is there already" },
    { CREATE, "domain", "OURS.Example.", "{}", ERR_EXISTS, "domain 'ours.example' is there already" },
    { CREATE, "domain", "*.example", "{}", ERR_SYNTAX, "'*.example' is no name for a domain" },
    { CHANGE, "rule", "bnk", "{}", ERR_NOT_FOUND, "there is no rule 'bnk'; did you mean 'bank'?" },
    { CHANGE, "user", "jo", "{}", ERR_NOT_FOUND, "there is no user 'jo'" },
    { DELETE, "route", "else.example", NULL, ERR_NOT_FOUND, "there is no route 'else.example'" },
    { CREATE, "gateway", "mine", "{}", ERR_SYNTAX, "there is one gateway only, and it is called 'gateway'" },
    { CREATE, "gateway", "gateway", "{}", ERR_EXISTS, "is there already" },
    /* MTA-STS of our own domains (M10), where their reports go (M4, M5) */
    { CHANGE, "domain", "ours.example", "{\"mta-sts\": \"Enforce\"}", ERR_SYNTAX, "field 'mta-sts'" },
    { CHANGE, "domain", "ours.example", "{\"mta-sts\": \"enforce\", \"mta-sts-mx\": [\"MX1.Ours.Example.\", \"*.mx.example\"]}", OK, GOOD },
    { CHANGE, "domain", "ours.example", "{\"mta-sts-mx\": [\"*.example\"]}", ERR_SYNTAX, "it is too wide or no whole name" },
    { CHANGE, "domain", "ours.example", "{\"mta-sts-mx\": [\"mx.*.example\"]}", ERR_SYNTAX, "field 'mta-sts-mx'" },
    { CHANGE, "domain", "ours.example", "{\"mta-sts-mx\": [\"192.0.2.1\"]}", ERR_SYNTAX, "field 'mta-sts-mx'" },
    { CHANGE, "domain", "ours.example", "{\"mta-sts-max-age\": \"366d\"}", ERR_SYNTAX, "not between a minute and a year" },
    { CHANGE, "domain", "ours.example", "{\"report-to\": [\"mailto:a@b.example\", \"https://c.example/x?y\"]}", OK, GOOD },
    { CHANGE, "domain", "ours.example", "{\"report-to\": [\"tlsrpt@ours.example\"]}", ERR_SYNTAX, "write mailto:" },
    { CHANGE, "domain", "ours.example", "{\"report-to\": [\"http://ours.example/\"]}", ERR_SYNTAX, "write mailto:" },
    { CHANGE, "domain", "ours.example", "{\"report-to\": [\"mailto:a@b.example,mailto:c@d.example\"]}", ERR_SYNTAX, "write mailto:" },
    { CHANGE, "domain", "ours.example", "{\"report-to\": [\"mailto:a@b.example!10m\"]}", ERR_SYNTAX, "%21" },
    { CHANGE, "domain", "ours.example", "{\"report-to\": [\"mailto:a@b.example; rua=x\"]}", ERR_SYNTAX, "write mailto:" },
    /* certificates */
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\", \"key-file\": \"/k.pem\"}", OK, GOOD },
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\", \"key-file\": \"/k.pem\", \"valid-from\": \"2026-12-01\", \"take-over-at\": \"2026-12-03T04:30Z\", \"retire-at\": \"2026-12-10T00:00:00Z\", \"share\": \"10\"}", OK, GOOD },
    { CREATE, "certificate", "x", "{}", ERR_SYNTAX, "certificate 'x': field 'chain': it is missing; give chain and key, or chain-file and key-file" },
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\"}", ERR_SYNTAX, "field 'key-file': it is missing; chain and key go together" },
    { CREATE, "certificate", "x", "{\"key\": \"k\"}", ERR_SYNTAX, "field 'chain': it is missing; chain and key go together" },
    { CREATE, "certificate", "x", "{\"chain\": \"no pem\", \"key\": \"k\"}", ERR_SYNTAX, "it holds no certificate in PEM form" },
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\", \"key-file\": \"/k.pem\", \"chain\": \"-----BEGIN CERTIFICATE-----\", \"key\": \"k\"}", ERR_SYNTAX, "it contradicts chain" },
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\", \"key-file\": \"/k.pem\", \"valid-from\": \"2026-12-03\", \"take-over-at\": \"2026-12-01\"}", ERR_SYNTAX, "it lies before valid-from" },
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\", \"key-file\": \"/k.pem\", \"retire-at\": \"2026-12-01\", \"take-over-at\": \"2026-12-01\"}", ERR_SYNTAX, "it would be retired before it is in service" },
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\", \"key-file\": \"/k.pem\", \"share\": \"10\", \"take-over-at\": \"2026-12-01\"}", ERR_SYNTAX, "set valid-from, too" },
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\", \"key-file\": \"/k.pem\", \"share\": \"100\"}", ERR_SYNTAX, "a share is a whole number of percent, 1 to 99" },
    { CREATE, "certificate", "x", "{\"chain-file\": \"/c.pem\", \"key-file\": \"/k.pem\", \"valid-from\": \"tomorrow\"}", ERR_SYNTAX, "it is no moment; write it like 2026-12-31" },
    /* types */
    { CHANGE, "list", "unused", "{\"members\": \"a.example\"}", ERR_SYNTAX, "list 'unused': field 'members': the value must be an array of strings" },
    { CHANGE, "list", "unused", "{\"members\": [1]}", ERR_SYNTAX, "field 'members': the value must be an array of strings" },
    { CHANGE, "list", "unused", "{\"members\": [\"\"]}", ERR_SYNTAX, "field 'members': the value is empty" },
    { CHANGE, "list", "unused", "{\"members\": [\"list:partners\"]}", ERR_SYNTAX, "a list cannot be named here" },
    { CHANGE, "list", "unused", "{\"members\": [\"Jo@B\u00fccher.Example\"]}", OK, GOOD },
    { CHANGE, "list", "unused", "{\"members\": null}", OK, GOOD },
    { CHANGE, "host", "spare", "{\"mx-lookup\": \"true\"}", ERR_SYNTAX, "field 'mx-lookup': the value must be true or false" },
    { CHANGE, "host", "spare", "{\"description\": 5}", ERR_SYNTAX, "field 'description': the value must be a string" },
    { CHANGE, "host", "spare", "{\"description\": \"a\\nb\"}", ERR_SYNTAX, "it holds a line end or a control character" },
    { CHANGE, "host", "spare", "{\"tls\": \"tight\"}", ERR_SYNTAX, "field 'tls': 'tight' is not known; one of none|may|encrypt|verify|dane" },
    { CHANGE, "host", "spare", "{\"ca\": \"ca.pem\"}", ERR_SYNTAX, "field 'ca': 'ca.pem': a file is named from the root" },
    { CHANGE, "gateway", "gateway", "{\"expire\": 5}", ERR_SYNTAX, "field 'expire': the value must be a string, such as 5d" },
    { CHANGE, "gateway", "gateway", "{\"expire\": \"5\"}", ERR_SYNTAX, "field 'expire': '5' is not a duration" },
    { CHANGE, "gateway", "gateway", "{\"expire\": \"90500ms\"}", ERR_SYNTAX, "it counts in whole seconds" },
    { CHANGE, "gateway", "gateway", "{\"expire\": \"5s\"}", ERR_SYNTAX, "shorter than a minute" },
    { CHANGE, "gateway", "gateway", "{\"postmaster\": \"example.org\"}", ERR_SYNTAX, "it is no address" },
    { CHANGE, "gateway", "gateway", "{\"postmaster\": \"pm@Example.org\", \"expire\": \"2d\"}", OK, GOOD },
    /* servers (H2, H3, H4, H7) */
    { CREATE, "host", "x", "{}", ERR_SYNTAX, "host 'x': field 'servers': there is none" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example:26\"]}", ERR_SYNTAX, "port 26 of 'a.example:26' is not one for mail; use 25, 465, 587 or 1024 and above" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example:99999\"]}", ERR_SYNTAX, "has no valid port" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example:1024\", \"[2001:4860::1]:25\", \"2001:4860::2\", \"8.8.8.8\"]}", OK, GOOD },
    { CREATE, "host", "x", "{\"servers\": [\"a.example wheight=5\"]}", ERR_SYNTAX, "has something unknown behind the name" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example weight=101\"]}", ERR_SYNTAX, "a weight that is not a number from 0 to 100" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example weight=60\", \"b.example weight=40\"]}", OK, GOOD },
    { CREATE, "host", "x", "{\"servers\": [\"a.example weight=60\", \"b.example weight=50\"]}", ERR_SYNTAX, "field 'servers': the weights sum up to 110" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"secondary\": [\"b.example weight=50\"]}", ERR_SYNTAX, "field 'secondary': the weights sum up to 50" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example weight=100\", \"b.example\"]}", ERR_SYNTAX, "some servers have a weight and some have none" },
    { CREATE, "host", "x", "{\"servers\": [\"a_b.example\"]}", ERR_SYNTAX, "'a_b.example' is not a domain name" },
    { CREATE, "host", "x", "{\"servers\": [\"10.1.1.1\"]}", ERR_SYNTAX, "10.1.1.1 is a private address; set allow-private" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\", \"b.example\"], \"mx-lookup\": true}", ERR_SYNTAX, "it needs exactly one server" },
    { CREATE, "host", "x", "{\"servers\": [\"8.8.8.8\"], \"mx-lookup\": true}", ERR_SYNTAX, "'8.8.8.8' is an address and has no MX" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example:465\", \"b.example:587\"]}", ERR_SYNTAX, "port 465 speaks TLS from the first byte" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example:465\"], \"implicit-tls\": false}", ERR_SYNTAX, "port 465 speaks TLS" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example:465\"], \"tls\": \"none\"}", ERR_SYNTAX, "it contradicts tls none" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example:2465\"], \"implicit-tls\": true}", OK, GOOD },
    /* demands (T4) */
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"tls\": \"encrypt\", \"names\": [\"b.example\"]}", ERR_SYNTAX, "looked at by level verify alone" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"names\": [\"b.example\"], \"any-name\": true}", ERR_SYNTAX, "it contradicts names" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"tls\": \"may\", \"min-version\": \"1.3\"}", ERR_SYNTAX, "a version is a demand for TLS" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"min-version\": \"1.4\"}", ERR_SYNTAX, "'1.4' is not known; one of 1.0|1.1|1.2|1.3" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"username\": \"u\"}", ERR_SYNTAX, "field 'password': it is missing" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"password\": \"u\"}", ERR_SYNTAX, "field 'username': it is missing" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"tls\": \"may\", \"username\": \"u\", \"password\": \"p\"}", ERR_SYNTAX, "never sent outside TLS" },
    { CREATE, "host", "x", "{\"servers\": [\"a.example\"], \"username\": \"u\", \"password\": \"(secret)\"}", ERR_SYNTAX, "there is none; give it" },
    { CHANGE, "host", "relay", "{\"password\": \"(secret)\", \"description\": \"x\"}", OK, GOOD },
    { CHANGE, "host", "relay", "{\"password\": \"\"}", ERR_SYNTAX, "a secret is a string that is not empty" },
    { CHANGE, "host", "relay", "{\"password\": null}", ERR_SYNTAX, "field 'password': it is missing" },
    { CHANGE, "rule", "bank", "{\"level\": \"none\"}", ERR_SYNTAX, "'none' is not known; one of may|encrypt|verify|dane" },
    { CHANGE, "rule", "bank", "{\"level\": \"may\"}", ERR_SYNTAX, "may demands nothing" },
    { CHANGE, "rule", "bank", "{\"level\": \"may\", \"exempt-until\": \"2026-12-31\"}", OK, GOOD },
    { CHANGE, "rule", "bank", "{\"exempt-until\": \"2026-02-29\"}", ERR_SYNTAX, "it is no day; write it like 2026-12-31" },
    { CHANGE, "rule", "bank", "{\"level\": \"dane\"}", OK, GOOD },
    { CHANGE, "rule", "bank", "{\"level\": \"dane\", \"direction\": \"inbound\", \"alternate\": null}", ERR_SYNTAX, "dane is for outbound rules" },
    { CHANGE, "gateway", "gateway", "{\"report-from\": \"tls@example.org\", \"report-dkim-key\": \"/k\"}", ERR_SYNTAX,
      "field 'report-dkim-selector': it is missing" },
    { CHANGE, "rule", "bank", "{\"level\": \"encrypt\", \"names\": [\"a.example\"]}", ERR_SYNTAX, "looked at by level verify alone" },
    { CHANGE, "rule", "bank", "{\"any-name\": true, \"names\": [\"a.example\"]}", ERR_SYNTAX, "it contradicts names" },
    { CHANGE, "rule", "bank", "{\"to\": [\"*.example\"]}", ERR_SYNTAX, "'*' stands alone" },
    { CHANGE, "rule", "bank", "{\"to\": null}", OK, GOOD }, /* T2: everyone */
    { CHANGE, "rule", "bank", "{\"defer-for\": \"4h\"}", ERR_SYNTAX, "field 'defer-for': it needs on-failure defer" },
    { CHANGE, "rule", "bank", "{\"on-failure\": \"defer\", \"defer-for\": \"4h\"}", ERR_SYNTAX, "on-failure defer does not use it" },
    { CHANGE, "rule", "bank", "{\"on-failure\": \"defer\", \"defer-for\": \"4h\", \"alternate\": null}", OK, GOOD },
    { CHANGE, "rule", "bank", "{\"on-failure\": \"alternate\", \"alternate\": null}", OK, GOOD },
    { CHANGE, "rule", "bank", "{\"refuse\": \"421\"}", ERR_SYNTAX, "it is for inbound rules" },
    { CHANGE, "rule", "bank", "{\"direction\": \"inbound\"}", ERR_SYNTAX, "field 'alternate': it is for outbound rules" },
    { CHANGE, "rule", "bank", "{\"direction\": \"inbound\", \"alternate\": null, \"refuse\": \"421\"}", OK, GOOD },
    /* references (R6) */
    { CHANGE, "rule", "bank", "{\"alternate\": \"nowhere\"}", ERR_SYNTAX, "rule 'bank': field 'alternate': there is no host 'nowhere'; add it first" },
    { CHANGE, "rule", "bank", "{\"from\": [\"list:nobody\"]}", ERR_SYNTAX, "rule 'bank': field 'from': there is no list 'nobody'" },
    { CREATE, "route", "new.example", "{}", ERR_SYNTAX, "route 'new.example': field 'host': it is missing" },
    { CREATE, "route", "jo@new.example", "{\"host\": \"relay\"}", ERR_SYNTAX, "a route is for a whole domain" },
    { CREATE, "route", ".New.example", "{\"host\": \"relay\"}", OK, GOOD },
    { CREATE, "route", "*", "{\"host\": \"relay\"}", OK, GOOD },
    { DELETE, "host", "inside", NULL, ERR_CONFLICT, "host 'inside' is in use by route 'ours.example' (field 'host'); change that first" },
    { DELETE, "host", "relay", NULL, ERR_CONFLICT, "host 'relay' is in use by rule 'bank' (field 'alternate')" },
    { DELETE, "list", "partners", NULL, ERR_CONFLICT, "list 'partners' is in use by rule 'bank' (field 'to')" },
    { DELETE, "host", "spare", NULL, OK, GOOD },
    { DELETE, "gateway", "gateway", NULL, OK, GOOD },
    { CHANGE, "gateway", "gateway", "{\"alternate-host\": null}", ERR_SYNTAX, "the alternate secure route needs a host" },
    { CHANGE, "gateway", "gateway", "{\"alternate-route\": \"sometimes\"}", ERR_SYNTAX, "one of off|required|always" },
    /* users */
    { CREATE, "user", "jo", "{}", ERR_SYNTAX, "user 'jo': field 'password': it is missing" },
    { CREATE, "user", "jo", "{\"disabled\": true}", OK, GOOD },
    { CREATE, "user", "jo", "{\"password\": \"short\"}", ERR_SYNTAX, "user 'jo': field 'password': the password is shorter than 8" },
    { CREATE, "user", "jo", "{\"password\": \"12345\\u00018901\"}", ERR_SYNTAX, "RFC 4013" },
    { CREATE, "user", "jo smith", "{\"password\": \"long enough\"}", ERR_SYNTAX, "is no name for a user" },
};

TEST(settings_change_says_what_is_wrong)
{
    struct arena arena = { 0 };
    const struct setting_row *rows;
    size_t len;

    make_base(&arena, &rows, &len);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *fields = cases[i].fields == NULL ? NULL : json_loads(cases[i].fields, JSON_DECODE_ANY, NULL);
        struct setting_change c = { (enum setting_verb)cases[i].verb, slice_str(cases[i].kind), slice_str(cases[i].name),
                                    fields };
        const struct setting_row *out = NULL;
        size_t out_len = 0;
        struct fault why = { "" };
        enum status st = settings_change(rows, len, &c, 1, &arena, &out, &out_len, &why);

        CHECK_CASE(cases[i].fields, (cases[i].fields == NULL) == (fields == NULL));
        if (st != cases[i].status || strstr(why.text, cases[i].why) == NULL)
            fail_msg("case %zu, %s %s %s: got %s, '%s'", i, cases[i].kind, cases[i].name, cases[i].fields,
                     status_name(st), why.text);
        CHECK_CASE(cases[i].name, st == OK || out == NULL);
        json_decref(fields);
    }
    arena_release(&arena);
}

/* Several changes are judged by what they lead to, not by their order; nothing is half done. */
TEST(settings_change_is_whole)
{
    struct arena arena = { 0 };
    const struct setting_row *rows, *out;
    size_t len, out_len;
    struct fault why;
    json_t *route = json_pack("{s:s}", "host", "new"), *host = json_pack("{s:[s]}", "servers", "new.example");
    struct setting_change changes[] = {
        { SETTING_CHANGE, SLICE_LIT("route"), SLICE_LIT("ours.example"), route },
        { SETTING_DELETE, SLICE_LIT("host"), SLICE_LIT("inside"), NULL },
        { SETTING_CREATE, SLICE_LIT("host"), SLICE_LIT("new"), host },
    };

    make_base(&arena, &rows, &len);
    CHECK(settings_change(rows, len, changes, 2, &arena, &out, &out_len, &why) == ERR_SYNTAX);
    CHECK(settings_change(rows, len, changes, 3, &arena, &out, &out_len, &why) == OK);
    CHECK_INT(out_len, 3);
    CHECK_STR(out[0].before, "{\"host\":\"inside\"}");
    CHECK_STR(out[0].after, "{\"host\":\"new\"}");
    CHECK(out[1].after.ptr == NULL && out[1].audit_after.ptr == NULL && out[1].before.ptr != NULL);
    CHECK(out[2].before.ptr == NULL && out[2].audit_before.ptr == NULL);
    json_decref(route);
    json_decref(host);
    arena_release(&arena);
}

TEST(settings_change_to_the_same_is_none)
{
    struct arena arena = { 0 };
    const struct setting_row *rows, *out;
    size_t len, out_len = 9;
    json_t *same = json_pack("{s:s}", "host", "inside");
    struct setting_change c = { SETTING_CHANGE, SLICE_LIT("route"), SLICE_LIT("ours.example"), same };

    make_base(&arena, &rows, &len);
    CHECK(settings_change(rows, len, &c, 1, &arena, &out, &out_len, NULL) == OK);
    CHECK_INT(out_len, 0);
    json_decref(same);
    arena_release(&arena);
}

static bool mentions(struct slice s, const char *word)
{
    return s.ptr != NULL && memmem(s.ptr, s.len, word, strlen(word)) != NULL;
}

/* Secrets reach the store, never the audit; of a user's password only hashes (AUT-03, WEB-12). */
TEST(secrets_stay_inside)
{
    struct arena arena = { 0 };
    const struct setting_row *rows, *out;
    size_t len, out_len;
    json_t *fields = json_pack("{s:s}", "password", "correct horse");
    struct setting_change user = { SETTING_CREATE, SLICE_LIT("user"), SLICE_LIT("jo@ours.example"), fields };
    struct setting_change host = { SETTING_CHANGE, SLICE_LIT("host"), SLICE_LIT("relay"), fields };

    make_base(&arena, &rows, &len);
    CHECK(settings_change(rows, len, &user, 1, &arena, &out, &out_len, NULL) == OK);
    CHECK(mentions(out[0].after, "$argon2id$") && mentions(out[0].after, "scram") && !mentions(out[0].after, "horse"));
    CHECK_STR(out[0].audit_after, "{\"password\":\"(secret, new)\"}");
    CHECK(settings_change(rows, len, &host, 1, &arena, &out, &out_len, NULL) == OK);
    CHECK_INT(out_len, 1);
    CHECK(mentions(out[0].after, "correct horse") && mentions(out[0].before, "secret-1"));
    CHECK(mentions(out[0].audit_before, "\"(secret)\"") && !mentions(out[0].audit_before, "secret-1"));
    CHECK(mentions(out[0].audit_after, "\"(secret, new)\"") && !mentions(out[0].audit_after, "horse"));
    json_decref(fields);
    arena_release(&arena);
}

TEST(passwords)
{
    struct arena arena = { 0 };
    struct slice hash, again, scram;

    CHECK(password_hash(SLICE_LIT("correct horse"), &arena, &hash, NULL) == OK);
    CHECK(password_hash(SLICE_LIT("correct horse"), &arena, &again, NULL) == OK);
    CHECK(!slice_eq(hash, again)); /* salted */
    CHECK(slice_starts(hash, SLICE_LIT("$argon2id$v=19$m=19456,t=2,p=1$")));
    CHECK(password_is_right(SLICE_LIT("correct horse"), hash));
    CHECK(!password_is_right(SLICE_LIT("correct hors"), hash));
    CHECK(!password_is_right(SLICE_LIT(""), hash));
    CHECK(!password_is_right(SLICE_LIT("correct horse"), SLICE_LIT(""))); /* AUT-02: nobody, at the same cost */
    CHECK(!password_is_right(SLICE_LIT("correct horse"), SLICE_LIT("plain")));
    CHECK(password_scram(SLICE_LIT("correct horse"), &arena, &scram, NULL) == OK);
    CHECK(slice_starts(scram, SLICE_LIT("10000,")));
    CHECK(password_hash(SLICE_LIT("1234567"), &arena, &hash, NULL) == ERR_SYNTAX);
    CHECK(password_hash(SLICE_LIT("12345678\0x"), &arena, &hash, NULL) == ERR_SYNTAX);
    CHECK(password_hash(SLICE_LIT("1234567\xff"), &arena, &hash, NULL) == ERR_SYNTAX);
    arena_release(&arena);
}

static size_t decode(struct slice base64, unsigned char out[static 64])
{
    char text[64];
    int pads = base64.len > 0 && base64.ptr[base64.len - 1] == '=' ? 1 + (base64.ptr[base64.len - 2] == '=') : 0;
    int len;

    CHECK(slice_to_cstr(base64, text, sizeof text));
    len = EVP_DecodeBlock(out, (const unsigned char *)text, (int)base64.len);
    CHECK(len > pads);
    return (size_t)(len - pads);
}

/* The keys by another library: RFC 5802 section 3. */
TEST(scram_keys)
{
    struct arena arena = { 0 };
    struct slice scram, rest;
    unsigned char salt[64], stored[64], server[64], salted[32], client[32], want_stored[32], want_server[32];
    size_t salt_len;

    CHECK(password_scram(SLICE_LIT("correct horse"), &arena, &scram, NULL) == OK);
    CHECK_STR(slice_cut(scram, ',', &rest), "10000");
    salt_len = decode(slice_cut(rest, ',', &rest), salt);
    CHECK_INT(salt_len, 16);
    CHECK_INT(decode(slice_cut(rest, ',', &rest), stored), 32);
    CHECK_INT(decode(rest, server), 32);
    CHECK(PKCS5_PBKDF2_HMAC("correct horse", 13, salt, 16, 10000, EVP_sha256(), 32, salted) == 1);
    CHECK(HMAC(EVP_sha256(), salted, 32, (const unsigned char *)"Client Key", 10, client, NULL) != NULL);
    CHECK(HMAC(EVP_sha256(), salted, 32, (const unsigned char *)"Server Key", 10, want_server, NULL) != NULL);
    CHECK(EVP_Digest(client, 32, want_stored, NULL, EVP_sha256(), NULL) == 1);
    CHECK(memcmp(stored, want_stored, 32) == 0 && memcmp(server, want_server, 32) == 0);
    arena_release(&arena);
}

static const struct { const char *kind, *field, *text, *json, *again; } word_cases[] = {
    { "host", "servers", "a.example, b.example", "[\"a.example\",\"b.example\"]", "a.example,b.example" },
    { "host", "mx-lookup", "yes", "true", "true" },
    { "host", "mx-lookup", "false", "false", "false" },
    { "host", "mx-lookup", "maybe", "\"maybe\"", "maybe" },
    { "host", "description", "a, b", "\"a, b\"", "a, b" },
    { "host", "description", "", "null", "" },
    { "host", "password", "pw", "\"pw\"", "(secret)" },
    { "gateway", "expire", "5d", "\"5d\"", "5d" },
};

TEST(words_of_the_command_line)
{
    for (size_t i = 0; i < COUNT_OF(word_cases); i++) {
        const struct setting_kind *k = setting_kind_find(slice_str(word_cases[i].kind));
        const struct setting_field *f = setting_field_find(k, slice_str(word_cases[i].field));
        json_t *value = setting_field_from_text(f, slice_str(word_cases[i].text));
        char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        struct arena arena = { 0 };

        CHECK_CASE(word_cases[i].text, strcmp(json, word_cases[i].json) == 0);
        CHECK_CASE(word_cases[i].text, slice_eq(setting_field_text(f, value, &arena), slice_str(word_cases[i].again)));
        free(json);
        json_decref(value);
        arena_release(&arena);
    }
}

/* The table is what help, manual and completion are made from: its own examples and defaults are good. */
TEST(schema_examples_are_good)
{
    const struct setting_kind *kinds;
    size_t kinds_len = setting_kinds(&kinds);

    for (size_t i = 0; i < kinds_len; i++) {
        for (size_t k = 0; k < kinds[i].fields_len; k++) {
            const struct setting_field *f = &kinds[i].fields[k];
            json_t *value = setting_field_from_text(f, slice_str(f->example)), *good = NULL;
            json_t *initial = f->initial == NULL ? json_null() : setting_field_from_text(f, slice_str(f->initial));
            struct fault why = { "" };

            if (!f->is_file_text && setting_field_check(f, value, &good, &why) != OK)
                fail_msg("example of %s.%s: %s", kinds[i].name, f->name, why.text);
            json_decref(good);
            CHECK_CASE(f->name, json_is_null(initial) || setting_field_check(f, initial, &good, &why) == OK);
            if (!json_is_null(initial))
                json_decref(good);
            CHECK_CASE(f->name, f->help[0] != '\0' && f->help[strlen(f->help) - 1] != '.');
            CHECK(strlen(setting_type_name(f->type)) > 0);
            json_decref(value);
            json_decref(initial);
        }
    }
}

RUN_TESTS(T(settings_change_says_what_is_wrong), T(settings_change_is_whole), T(settings_change_to_the_same_is_none),
          T(secrets_stay_inside), T(passwords), T(scram_keys),
          T(words_of_the_command_line), T(schema_examples_are_good))
