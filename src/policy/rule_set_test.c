#include "policy/rule.h"

#include "base/test.h"

#define S(text) { (text), sizeof(text) - 1 }

static const struct slice partner_members[] = { S("bank.example"), S(".clinic.example"), S("boss@law.example") };
static const struct slice nobody[] = { S("nobody.example") };
static const struct named_list lists[] = {
    { .name = S("partners"), .members = partner_members, .members_len = COUNT_OF(partner_members) },
    { .name = S("empty") },
};

static const struct slice to_list[] = { S("list:partners") }, to_sub[] = { S(".clinic.example") };
static const struct slice to_two[] = { S("bank.example"), S("bank.example"), S("*") };
static const struct slice from_user[] = { S("cfo@ours.example") }, to_empty_list[] = { S("list:empty") };
static const struct slice to_any[] = { S("*") };

static const struct rule rules[] = {
    { .name = S("0 everyone") },
    { .name = S("1 list"), .to = to_list, .to_len = 1 },
    { .name = S("2 sub"), .to = to_sub, .to_len = 1, .is_testing = true },
    { .name = S("3 twice"), .to = to_two, .to_len = 3 },
    { .name = S("4 sender"), .from = from_user, .from_len = 1, .to = to_list, .to_len = 1 },
    { .name = S("5 inbound"), .direction = RULE_INBOUND, .from = to_list, .from_len = 1 },
    { .name = S("6 empty list"), .to = to_empty_list, .to_len = 1 },
    { .name = S("7 nobody"), .from = nobody, .from_len = 1, .to = to_any, .to_len = 1 },
};

static const struct {
    const char *name, *from_local, *from_domain, *to_local, *to_domain;
    enum rule_direction direction;
    const char *found; /* first characters of the rules' names */
} set_cases[] = {
    { "a stranger", "a", "ours.example", "b", "else.example", RULE_OUTBOUND, "03" },
    { "the domain of a list", "a", "ours.example", "b", "bank.example", RULE_OUTBOUND, "013" },
    { "a subdomain of a domain", "a", "ours.example", "b", "sub.bank.example", RULE_OUTBOUND, "03" },
    { "the parent of subdomains", "a", "ours.example", "b", "clinic.example", RULE_OUTBOUND, "03" },
    { "a subdomain", "a", "ours.example", "b", "x.clinic.example", RULE_OUTBOUND, "0123" },
    { "a deep subdomain", "a", "ours.example", "b", "y.x.clinic.example", RULE_OUTBOUND, "0123" },
    { "suffix confusion", "a", "ours.example", "b", "notclinic.example", RULE_OUTBOUND, "03" },
    { "an address", "a", "ours.example", "boss", "law.example", RULE_OUTBOUND, "013" },
    { "another local part", "a", "ours.example", "Boss", "law.example", RULE_OUTBOUND, "03" },
    { "sender and recipient", "cfo", "ours.example", "b", "bank.example", RULE_OUTBOUND, "0134" },
    { "the sender alone", "cfo", "ours.example", "b", "else.example", RULE_OUTBOUND, "03" },
    { "the null sender", "", "", "b", "bank.example", RULE_OUTBOUND, "013" },
    { "postmaster without a domain", "a", "ours.example", "postmaster", "", RULE_OUTBOUND, "03" },
    { "inbound", "a", "bank.example", "b", "ours.example", RULE_INBOUND, "5" },
    { "inbound, other sender", "a", "else.example", "b", "ours.example", RULE_INBOUND, "" },
};

TEST(rule_set_match)
{
    struct rule_set *set = NULL;
    struct arena arena = { 0 };
    struct fault why;

    CHECK(rule_set_new(rules, COUNT_OF(rules), lists, COUNT_OF(lists), &set, &why) == OK);
    for (size_t i = 0; i < COUNT_OF(set_cases); i++) {
        struct rule_address from = { slice_str(set_cases[i].from_local), slice_str(set_cases[i].from_domain) };
        struct rule_address to = { slice_str(set_cases[i].to_local), slice_str(set_cases[i].to_domain) };
        const struct rule **found;
        size_t len = rule_set_match(set, set_cases[i].direction, from, to, &arena, &found);
        char got[COUNT_OF(rules) + 1] = "";

        for (size_t k = 0; k < len; k++)
            got[k] = found[k]->name.ptr[0];
        if (strcmp(got, set_cases[i].found) != 0)
            fail_msg("case '%s': got %s, want %s", set_cases[i].name, got, set_cases[i].found);
    }
    rule_set_free(set);
    arena_release(&arena);
}

TEST(rule_set_copies)
{
    char name[] = "mine", pattern[] = "bank.example", ca[] = "/etc/ca.pem", cert_name[] = "mx.bank.example";
    struct slice to = slice_str(pattern), names = slice_str(cert_name);
    struct rule rule = { .name = slice_str(name), .to = &to, .to_len = 1, .ca_file = slice_str(ca),
                         .names = &names, .names_len = 1 };
    struct rule_set *set = NULL;
    struct arena arena = { 0 };
    const struct rule **found;
    struct rule_address a = { SLICE_LIT("a"), SLICE_LIT("bank.example") };

    CHECK(rule_set_new(&rule, 1, NULL, 0, &set, NULL) == OK);
    memset(name, 'x', sizeof name - 1);
    memset(pattern, 'x', sizeof pattern - 1);
    memset(ca, 'x', sizeof ca - 1);
    memset(cert_name, 'x', sizeof cert_name - 1);
    CHECK_INT(rule_set_match(set, RULE_OUTBOUND, a, a, &arena, &found), 1);
    CHECK_STR(found[0]->name, "mine");
    CHECK_STR(found[0]->ca_file, "/etc/ca.pem");
    CHECK_STR(found[0]->names[0], "mx.bank.example");
    rule_set_free(set);
    arena_release(&arena);
}

TEST(rule_set_unknown_list)
{
    static const struct rule outbound = { .name = S("a"), .to = to_list, .to_len = 1 };
    static const struct rule inbound = { .name = S("b"), .direction = RULE_INBOUND, .from = to_list, .from_len = 1 };
    struct rule_set *set = NULL;
    struct fault why;

    CHECK(rule_set_new(&outbound, 1, NULL, 0, &set, &why) == ERR_NOT_FOUND);
    CHECK_STR(slice_str(why.text), "rule 'a' names the list 'partners', which does not exist");
    CHECK(rule_set_new(&inbound, 1, NULL, 0, &set, &why) == ERR_NOT_FOUND);
    CHECK(set == NULL);
    rule_set_free(NULL);
}

/* RES-06: a look-up among very many rules costs the labels of the address, and finds the one. */
TEST(rule_set_of_many_rules)
{
    enum { MANY = 5000 };
    static struct rule many[MANY];
    static struct slice to[MANY];
    struct arena arena = { 0 };
    struct rule_set *set = NULL;
    const struct rule **found;
    struct rule_address a = { SLICE_LIT("a"), SLICE_LIT("d4321.example") };

    for (int i = 0; i < MANY; i++) {
        to[i] = arena_printf(&arena, "d%d.example", i);
        many[i] = (struct rule){ .name = to[i], .to = &to[i], .to_len = 1 };
    }
    CHECK(rule_set_new(many, MANY, NULL, 0, &set, NULL) == OK);
    CHECK_INT(rule_set_match(set, RULE_OUTBOUND, a, a, &arena, &found), 1);
    CHECK_STR(found[0]->name, "d4321.example");
    rule_set_free(set);
    arena_release(&arena);
}

RUN_TESTS(T(rule_set_match), T(rule_set_copies), T(rule_set_unknown_list), T(rule_set_of_many_rules))
