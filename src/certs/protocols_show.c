#include "certs/protocols_show.h"

#include "certs/survey_show.h"

static void show_state(FILE *out, const char *name, int width, const struct protocol_state *s)
{
    (void)fprintf(out, "    %-*s  ", width, name);
    if (s->text[0] == '\0')
        (void)fprintf(out, "%s\n", protocol_known_name(s->known));
    else
        (void)fprintf(out, "%-10s  %s\n", protocol_known_name(s->known), s->text);
}

static void show_states(FILE *out, const struct protocol_facts *f)
{
    (void)fputs("  versions\n", out);
    for (size_t v = PROTOCOL_VERSIONS; v-- > 0;)
        show_state(out, wire_version_name(protocol_wire((enum protocol_version)v)), 7, &f->versions[v]);
    (void)fputs("  kinds of suites\n", out);
    for (size_t c = SUITE_CLASSES; c-- > 0;)
        show_state(out, suite_class_text((enum suite_class)c), 28, &f->classes[c]);
    (void)fputs("  conduct\n", out);
    for (size_t c = 0; c < PROTOCOL_CONDUCTS; c++)
        show_state(out, protocol_conduct_name((enum protocol_conduct)c), 28, &f->conducts[c]);
}

static void show_choices(FILE *out, const struct protocol_facts *f)
{
    struct arena arena = { 0 };

    if (f->choices_len == 0)
        return;
    (void)fprintf(out, "  chosen by the server%s\n",
                  f->lists_all ? "" : " (of each kind it may accept more than were asked for)");
    for (size_t i = 0; i < f->choices_len; i++)
        (void)fprintf(out, "    %.*s\n", SLICE_FMT(protocol_choice_text(&f->choices[i], &arena)));
    arena_release(&arena);
}

static void show_findings(FILE *out, const struct protocol_judgement *j)
{
    (void)fprintf(out, "  verdict: %s\n", severity_name(j->worst));
    findings_text(out, j->findings, j->findings_len);
}

void protocols_text(FILE *out, const struct protocol_facts *f, const struct protocol_judgement *j)
{
    (void)fprintf(out, "  asked in %u connection%s%s%s\n", f->connections, f->connections == 1 ? "" : "s",
                  f->stopped[0] == '\0' ? "" : "; ", f->stopped);
    if (j->is_known)
        show_states(out, f);
    show_choices(out, f);
    show_findings(out, j);
}

static json_t *string_of(struct slice s)
{
    return json_stringn(s.ptr, s.len);
}

static json_t *state_json(const char *key, const char *name, const struct protocol_state *s)
{
    json_t *o = json_pack("{s:s, s:s}", key, name, "state", protocol_known_name(s->known));

    if (s->text[0] != '\0')
        json_object_set_new(o, "text", json_string(s->text));
    return o;
}

static json_t *choice_json(const struct protocol_choice *c, struct arena *arena)
{
    struct suite s = { 0 };
    char name[SUITE_NAME];
    json_t *o = json_object();

    (void)suite_find(c->suite, &s);
    json_object_set_new(o, "version", json_string(wire_version_name(c->version)));
    json_object_set_new(o, "suite", json_string(suite_name(c->suite, name)));
    json_object_set_new(o, "kind", json_string(suite_class_name(s.class)));
    json_object_set_new(o, "cipher", json_string(s.cipher));
    json_object_set_new(o, "bits", json_integer(s.bits));
    json_object_set_new(o, "effective_bits", json_integer(s.strength));
    json_object_set_new(o, "key_exchange", string_of(protocol_exchange_text(c, arena)));
    if (c->bits > 0)
        json_object_set_new(o, "key_exchange_bits", json_integer(c->bits));
    json_object_set_new(o, "forward_secrecy", json_boolean(suite_has_forward_secrecy(&s)));
    return o;
}

static json_t *finding_json(const struct finding *f)
{
    json_t *o = json_object();

    json_object_set_new(o, "id", json_string(f->id));
    json_object_set_new(o, "severity", json_string(severity_name(f->severity)));
    json_object_set_new(o, "seen", string_of(f->seen));
    if (f->why.len > 0)
        json_object_set_new(o, "why", string_of(f->why));
    if (f->advice.len > 0)
        json_object_set_new(o, "advice", string_of(f->advice));
    return o;
}

json_t *protocols_json(const struct protocol_facts *f, const struct protocol_judgement *j)
{
    json_t *o = json_object(), *versions = json_array(), *kinds = json_array(), *chosen = json_array(),
           *findings = json_array(), *conducts = json_array();
    struct arena arena = { 0 };

    for (size_t v = PROTOCOL_VERSIONS; v-- > 0;)
        json_array_append_new(
            versions,
            state_json("version", wire_version_name(protocol_wire((enum protocol_version)v)), &f->versions[v]));
    for (size_t c = SUITE_CLASSES; c-- > 0;)
        json_array_append_new(kinds, state_json("kind", suite_class_name((enum suite_class)c), &f->classes[c]));
    for (size_t c = 0; c < PROTOCOL_CONDUCTS; c++)
        json_array_append_new(
            conducts, state_json("conduct", protocol_conduct_name((enum protocol_conduct)c), &f->conducts[c]));
    for (size_t i = 0; i < f->choices_len; i++)
        json_array_append_new(chosen, choice_json(&f->choices[i], &arena));
    for (size_t i = 0; i < j->findings_len; i++)
        json_array_append_new(findings, finding_json(&j->findings[i]));
    json_object_set_new(o, "connections", json_integer(f->connections));
    if (f->stopped[0] != '\0')
        json_object_set_new(o, "stopped", json_string(f->stopped));
    json_object_set_new(o, "versions", versions);
    json_object_set_new(o, "kinds", kinds);
    json_object_set_new(o, "conduct", conducts);
    json_object_set_new(o, "suites", chosen);
    json_object_set_new(o, "suites_complete", json_boolean(f->lists_all));
    json_object_set_new(o, "worst", json_string(severity_name(j->worst)));
    json_object_set_new(o, "findings", findings);
    arena_release(&arena);
    return o;
}
