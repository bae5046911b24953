#include "reports/receive_private.h"

static bool is_within(struct slice inner, struct slice outer)
{
    return slice_find(outer, '.') != SIZE_MAX && inner.len > outer.len && slice_ends_case(inner, outer) &&
           inner.ptr[inner.len - outer.len - 1] == '.';
}

/* What is recorded is who signed, so a name above or below it does no harm (RPT-05). */
static bool is_aligned(struct slice signer, struct slice claimed)
{
    return claimed.len > 0 &&
           (slice_eq_case(signer, claimed) || is_within(signer, claimed) || is_within(claimed, signer));
}

static void judge(const struct mail_dkim_signature *signatures, size_t len, struct slice claimed, struct arena *arena,
                  struct receive_sender *out)
{
    const struct mail_dkim_signature *nearest = NULL;

    for (size_t i = 0; i < len; i++) {
        bool fits = is_aligned(signatures[i].domain, claimed);

        if (signatures[i].is_good && fits) {
            *out = (struct receive_sender){ .is_verified = true, .domain = signatures[i].domain };
            return;
        }
        if (nearest == NULL || fits)
            nearest = &signatures[i];
    }
    if (nearest == NULL)
        out->why = SLICE_LIT("unverified: the mail has no DKIM signature");
    else if (!nearest->is_good)
        out->why =
            arena_printf(arena, "unverified: DKIM of %.*s: %.*s", SLICE_FMT(nearest->domain), SLICE_FMT(nearest->why));
    else
        out->why =
            arena_printf(arena, "unverified: signed by %.*s, but it says to be from %.*s", SLICE_FMT(nearest->domain),
                         claimed.len == 0 ? 6 : (int)claimed.len, claimed.len == 0 ? "nobody" : claimed.ptr);
}

void receive_find_sender(const struct receive_found *found, const struct receive_context *c, struct arena *arena,
                         struct receive_sender *out)
{
    struct mail_dkim_signature signatures[MAIL_DKIM_SIGNATURES_MAX];
    struct slice claimed = found->parts.submitter.len > 0 ? found->parts.submitter : found->parts.from_domain;
    size_t len = 0;

    *out = (struct receive_sender){ .is_verified = false };
    if (found->is_mail && c->verifier != NULL)
        len = mail_dkim_verify(c->verifier, found->item->bytes, c->keys, c->keys_len, arena, signatures);
    if (found->is_mail)
        judge(signatures, len, claimed, arena, out);
    else if (found->item->channel == RECEIVED_BY_HTTPS)
        out->why = SLICE_LIT("unverified: by HTTPS nothing tells who sent it");
    else
        out->why = SLICE_LIT("unverified: there is no mail with a signature around it");
    if (!out->is_verified && found->item->is_vouched) {
        out->is_verified = true;
        out->why = SLICE_LIT("taken as verified by whoever imported it");
    }
}
