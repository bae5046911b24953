#include "certs/describe.h"
#include "certs/ocsp.h"
#include "certs/survey_show.h"

static json_t *string_of(struct slice s)
{
    return json_stringn(s.ptr, s.len);
}

static void put_text(json_t *j, const char *name, const char *value)
{
    if (value[0] != '\0')
        json_object_set_new(j, name, json_string(value));
}

static json_t *extensions(unsigned bits)
{
    json_t *all = json_array();
    const char *word;

    for (size_t i = 0; (word = approach_extension(bits, i)) != NULL; i++)
        json_array_append_new(all, json_string(word));
    return all;
}

static void put_answer(json_t *j, const char *name, enum probe_answer a)
{
    if (a != PROBE_NOT_ASKED)
        json_object_set_new(j, name, json_boolean(a == PROBE_YES));
}

static void put_staple(json_t *j, const struct probe_result *p)
{
    struct ocsp_facts ocsp;

    if (p->session.is_stapled == PROBE_NOT_ASKED)
        return;
    ocsp_read(p->session.staple, p->chain, p->chain_len, &ocsp);
    json_object_set_new(j, "ocsp", json_string(ocsp_state_name(ocsp.state)));
    put_text(j, "ocsp_text", ocsp.text);
}

static json_t *session_json(const struct probe_result *p)
{
    const struct probe_session *s = &p->session;
    json_t *j = json_object();

    json_object_set_new(j, "version", json_string(tls_version_name(s->version)));
    json_object_set_new(j, "cipher", json_string(s->cipher));
    json_object_set_new(j, "cipher_bits", json_integer(s->cipher_bits));
    put_text(j, "group", s->group);
    if (s->group_bits > 0)
        json_object_set_new(j, "group_bits", json_integer(s->group_bits));
    put_text(j, "signature", s->signature);
    put_text(j, "alpn", s->alpn);
    json_object_set_new(j, "secure_renegotiation", json_boolean(s->has_secure_renegotiation));
    json_object_set_new(j, "extended_master_secret", json_boolean(s->has_extended_master_secret));
    put_answer(j, "resumed", s->is_resumed);
    put_staple(j, p);
    return j;
}

static json_t *smtp_json(const struct probe_result *p, bool is_asked_inside)
{
    json_t *j = json_object();

    json_object_set_new(j, "greeting", json_string(p->greeting));
    json_object_set_new(j, "extensions", extensions(p->extensions));
    if (is_asked_inside)
        json_object_set_new(j, "extensions_inside", extensions(p->extensions_inside));
    if (p->size_limit > 0)
        json_object_set_new(j, "size_limit", json_integer((json_int_t)p->size_limit));
    return j;
}

static json_t *times_json(const struct probe_result *p)
{
    json_t *j = json_object();

    json_object_set_new(j, "connect_ms", json_integer(p->connect_ms));
    json_object_set_new(j, "greeting_ms", json_integer(p->greeting_ms));
    json_object_set_new(j, "handshake_ms", json_integer(p->handshake_ms));
    json_object_set_new(j, "total_ms", json_integer(p->total_ms));
    return j;
}

static json_t *finding_json(const struct finding *f)
{
    json_t *j = json_object();

    json_object_set_new(j, "id", json_string(f->id));
    json_object_set_new(j, "severity", json_string(severity_name(f->severity)));
    if (f->at != JUDGE_WHOLE_CHAIN)
        json_object_set_new(j, "certificate", json_integer(f->at + 1));
    json_object_set_new(j, "seen", string_of(f->seen));
    if (f->why.len > 0)
        json_object_set_new(j, "why", string_of(f->why));
    if (f->advice.len > 0)
        json_object_set_new(j, "advice", string_of(f->advice));
    return j;
}

static json_t *judgement_json(const struct judgement *judged, enum judge_how how)
{
    json_t *j = json_object(), *findings = json_array();

    for (size_t i = 0; i < judged->findings_len; i++)
        json_array_append_new(findings, finding_json(&judged->findings[i]));
    json_object_set_new(j, "for", json_string(judge_how_name(how)));
    json_object_set_new(j, "worst", json_string(severity_name(judged->worst)));
    json_object_set_new(j, "trusted", json_boolean(judged->is_trusted));
    json_object_set_new(j, "name_matches", json_boolean(judged->name_matches));
    if (judged->anchor.len > 0)
        json_object_set_new(j, "anchor", string_of(judged->anchor));
    json_object_set_new(j, "findings", findings);
    return j;
}

static struct describe_place place_of(const struct survey *s, size_t at, int64_t now_s)
{
    return (struct describe_place){
        .host = s->name,
        .port = s->target.server.port,
        .is_leaf = at == 0,
        .now_s = now_s,
    };
}

static json_t *chain_json(const struct survey *s, const struct judgement *judged, int64_t now_s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < judged->chain_len; i++) {
        const struct describe_place place = place_of(s, i, now_s);

        json_array_append_new(all, describe_json(&judged->chain[i], &place));
    }
    return all;
}

static void put_outcome(json_t *j, const struct survey_address *a)
{
    char ip[NET_ADDRESS_TEXT];

    json_object_set_new(j, "address", json_string(net_address_ip(&a->address, ip)));
    json_object_set_new(j, "stage", json_string(probe_stage_name(a->probe->failed_at)));
    put_text(j, "text", a->text);
    if (a->probe->reply_code > 0)
        json_object_set_new(j, "reply_code", json_integer(a->probe->reply_code));
    if (a->probe->is_unwanted)
        json_object_set_new(j, "unwanted", json_true());
}

static json_t *address_json(const struct survey *s, const struct survey_address *a, int64_t now_s)
{
    json_t *j = json_object();

    put_outcome(j, a);
    if (tls_way_is_smtp(s->target.way) && a->probe->greeting[0] != '\0')
        json_object_set_new(j, "smtp", smtp_json(a->probe, !s->target.has_few_questions));
    if (a->probe->has_session)
        json_object_set_new(j, "session", session_json(a->probe));
    json_object_set_new(j, "times", times_json(a->probe));
    if (a->is_judged) {
        json_object_set_new(j, "chain", chain_json(s, &a->judgement, now_s));
        json_object_set_new(j, "judgement", judgement_json(&a->judgement, s->how));
    }
    return j;
}

static void put_dane(json_t *j, const struct survey *s)
{
    json_t *dane, *records;

    if (s->dane_state == DANE_UNKNOWN)
        return;
    dane = json_object();
    records = json_array();
    for (size_t i = 0; i < s->tlsa.texts_len; i++)
        json_array_append_new(records, string_of(s->tlsa.texts[i]));
    json_object_set_new(dane, "state", json_string(dane_state_name(s->dane_state)));
    json_object_set_new(dane, "text", json_string(s->dane_text));
    json_object_set_new(dane, "records", records);
    json_object_set_new(j, "dane", dane);
}

static json_t *server_json(const struct survey *s)
{
    json_t *j = json_object();

    json_object_set_new(j, "host", string_of(s->target.server.host));
    json_object_set_new(j, "port", json_integer(s->target.server.port));
    json_object_set_new(j, "tls", json_string(tls_way_name(s->target.way)));
    return j;
}

json_t *survey_json(const struct survey *s, int64_t now_s)
{
    json_t *j = server_json(s), *addresses = json_array();

    put_text(j, "text", s->text);
    put_dane(j, s);
    for (size_t i = 0; i < s->addresses_len; i++)
        json_array_append_new(addresses, address_json(s, &s->addresses[i], now_s));
    json_object_set_new(j, "addresses", addresses);
    put_text(j, "difference", s->difference);
    return j;
}

/* The address with a chain; else the one that got furthest. */
static const struct survey_address *best_of(const struct survey *s)
{
    const struct survey_address *best = &s->addresses[0];

    for (size_t i = 1; i < s->addresses_len; i++)
        if (best->probe->chain_len == 0 &&
            (s->addresses[i].probe->chain_len > 0 || s->addresses[i].probe->failed_at > best->probe->failed_at))
            best = &s->addresses[i];
    return best;
}

static void put_session_briefly(json_t *j, const struct probe_result *p)
{
    if (!p->has_session)
        return;
    json_object_set_new(j, "version", json_string(tls_version_name(p->session.version)));
    json_object_set_new(j, "cipher", json_string(p->session.cipher));
    put_text(j, "group", p->session.group);
}

static void put_judgement_briefly(json_t *j, const struct survey *s, const struct survey_address *a, int64_t now_s)
{
    const struct describe_place place = place_of(s, 0, now_s);
    json_t *findings = json_array();

    for (size_t i = 0; i < a->judgement.findings_len; i++) {
        const struct finding *f = &a->judgement.findings[i];

        if (f->severity > SEVERITY_OK)
            json_array_append_new(findings, json_pack("{s:s, s:s, s:s%}", "id", f->id, "severity",
                                                      severity_name(f->severity), "seen", f->seen.ptr, f->seen.len));
    }
    json_object_set_new(j, "for", json_string(judge_how_name(s->how)));
    json_object_set_new(j, "worst", json_string(severity_name(a->judgement.worst)));
    json_object_set_new(j, "chain_length", json_integer((json_int_t)a->judgement.chain_len));
    json_object_set_new(j, "findings", findings);
    if (a->judgement.chain_len > 0)
        json_object_set_new(j, "certificate", describe_json(&a->judgement.chain[0], &place));
}

json_t *survey_brief_json(const struct survey *s, int64_t now_s)
{
    json_t *j = server_json(s);
    const struct survey_address *a;

    if (s->addresses_len == 0) {
        json_object_set_new(j, "stage", json_string("dns"));
        put_text(j, "text", s->text);
        return j;
    }
    a = best_of(s);
    put_outcome(j, a);
    put_session_briefly(j, a->probe);
    if (a->is_judged)
        put_judgement_briefly(j, s, a, now_s);
    return j;
}
