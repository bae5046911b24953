#include "certs/describe.h"
#include "certs/ocsp.h"
#include "certs/survey_show.h"

#include <inttypes.h>

enum { INDENT = 2 };

static void extensions(FILE *out, const char *name, unsigned bits)
{
    const char *word;

    if (bits == 0)
        return;
    (void)fprintf(out, "  %s:", name);
    for (size_t i = 0; (word = approach_extension(bits, i)) != NULL; i++)
        (void)fprintf(out, " %s", word);
    (void)fputc('\n', out);
}

static const char *answer_name(enum probe_answer a)
{
    static const char *const names[] = { "not asked", "no", "yes" };

    return names[a];
}

static void staple(FILE *out, const struct probe_result *p)
{
    struct ocsp_facts ocsp;

    if (p->session.is_stapled == PROBE_NOT_ASKED)
        return;
    ocsp_read(p->session.staple, p->chain, p->chain_len, &ocsp);
    (void)fprintf(out, "  OCSP staple: %s%s%s\n", ocsp_state_name(ocsp.state), ocsp.text[0] != '\0' ? ", " : "",
                  ocsp.text);
}

static void session(FILE *out, const struct probe_result *p)
{
    const struct probe_session *s = &p->session;

    (void)fprintf(out, "  session: %s, %s of %d bit, key exchange %s", tls_version_name(s->version), s->cipher,
                  s->cipher_bits, s->group[0] == '\0' ? "unknown" : s->group);
    if (s->group_bits > 0)
        (void)fprintf(out, " of %d bit", s->group_bits);
    (void)fprintf(out, "%s%s\n", s->signature[0] == '\0' ? "" : ", proved by ", s->signature);
    if (s->alpn[0] != '\0')
        (void)fprintf(out, "  ALPN: %s\n", s->alpn);
    if (!s->has_secure_renegotiation)
        (void)fputs("  renegotiation: insecure (RFC 5746 is missing)\n", out);
    if (s->is_resumed != PROBE_NOT_ASKED)
        (void)fprintf(out, "  resumption: %s\n", answer_name(s->is_resumed));
    staple(out, p);
}

static void times(FILE *out, const struct probe_result *p)
{
    (void)fprintf(out, "  time: connected in %" PRId64 " ms, ", p->connect_ms);
    if (p->greeting[0] != '\0')
        (void)fprintf(out, "greeted in %" PRId64 " ms, ", p->greeting_ms);
    (void)fprintf(out, "handshake in %" PRId64 " ms\n", p->handshake_ms);
}

void findings_text(FILE *out, const struct finding *findings, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const struct finding *f = &findings[i];

        (void)fprintf(out, "    %s: %.*s (%s)\n", severity_name(f->severity), SLICE_FMT(f->seen), f->id);
        if (f->why.len > 0)
            (void)fprintf(out, "      why: %.*s\n", SLICE_FMT(f->why));
        if (f->advice.len > 0)
            (void)fprintf(out, "      do: %.*s\n", SLICE_FMT(f->advice));
    }
}

static void judged(FILE *out, const struct judgement *j, enum judge_how how)
{
    (void)fprintf(out, "  judged for %s: %s\n", judge_how_name(how), severity_name(j->worst));
    findings_text(out, j->findings, j->findings_len);
}

static bool same_chain(const struct survey_address *a, const struct survey_address *b)
{
    if (!a->is_judged || !b->is_judged || a->judgement.chain_len != b->judgement.chain_len)
        return false;
    for (size_t i = 0; i < a->judgement.chain_len; i++)
        if (strcmp(a->judgement.chain[i].sha256, b->judgement.chain[i].sha256) != 0)
            return false;
    return true;
}

/* A chain is shown once, at the first address that has it. */
static bool shown_before(FILE *out, const struct survey *s, size_t at)
{
    char ip[NET_ADDRESS_TEXT];

    for (size_t i = 0; i < at; i++) {
        if (!same_chain(&s->addresses[i], &s->addresses[at]))
            continue;
        (void)fprintf(out, "  certificates: the same as of %s\n", net_address_ip(&s->addresses[i].address, ip));
        return true;
    }
    return false;
}

static void certificates(FILE *out, const struct survey *s, size_t at, int64_t now_s)
{
    const struct judgement *j = &s->addresses[at].judgement;

    if (j->chain_len == 0 || shown_before(out, s, at))
        return;
    for (size_t i = 0; i < j->chain_len; i++) {
        const struct describe_place place = {
            .host = s->name,
            .port = s->target.server.port,
            .is_leaf = i == 0,
            .now_s = now_s,
        };

        (void)fprintf(out, "  certificate %zu of %zu\n", i + 1, j->chain_len);
        describe_text(out, &j->chain[i], &place, 2 * INDENT);
    }
}

static void address(FILE *out, const struct survey *s, size_t at, int64_t now_s)
{
    const struct survey_address *a = &s->addresses[at];
    char text[NET_ADDRESS_TEXT];

    (void)fprintf(out, "\n%s\n", net_address_text(&a->address, text));
    if (a->text[0] != '\0')
        (void)fprintf(out, "  %s at %s: %s\n", a->probe->has_session ? "trouble" : "failed",
                      probe_stage_name(a->probe->failed_at), a->text);
    if (a->probe->greeting[0] != '\0')
        (void)fprintf(out, "  greeting: %s\n", a->probe->greeting);
    extensions(out, "extensions", a->probe->extensions);
    extensions(out, "inside TLS", a->probe->extensions_inside);
    if (!a->probe->has_session)
        return;
    session(out, a->probe);
    times(out, a->probe);
    certificates(out, s, at, now_s);
    if (a->is_judged)
        judged(out, &a->judgement, s->how);
}

static void dane(FILE *out, const struct survey *s)
{
    if (s->dane_state == DANE_UNKNOWN)
        return;
    (void)fprintf(out, "DANE: %s, %s\n", dane_state_name(s->dane_state), s->dane_text);
    for (size_t i = 0; i < s->tlsa.texts_len; i++)
        (void)fprintf(out, "  TLSA %.*s\n", SLICE_FMT(s->tlsa.texts[i]));
}

void survey_text(FILE *out, const struct survey *s, int64_t now_s)
{
    struct arena arena = { 0 };

    (void)fprintf(out, "%.*s, %s\n", SLICE_FMT(cert_target_text(&s->target.server, &arena)),
                  tls_way_name(s->target.way));
    if (s->text[0] != '\0')
        (void)fprintf(out, "failed: %s\n", s->text);
    dane(out, s);
    for (size_t i = 0; i < s->addresses_len; i++)
        address(out, s, i, now_s);
    if (s->difference[0] != '\0')
        (void)fprintf(out, "\nwarning: the addresses of one server should show the same certificate: %s\n",
                      s->difference);
    arena_release(&arena);
}
