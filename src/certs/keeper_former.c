/* Keys that were in service once. A TLSA record for one of them is our own doing, and may be taken out of DNS when nothing has
 * shown the key for a while and another record stands for what is served. */
#include "base/log.h"
#include "base/memory.h"
#include "certs/keeper_private.h"
#include "certs/tlsa_match.h"

#include <stdio.h>

enum { FORMER_MOST = 1000, SPKI_USAGE = 3, SPKI_SELECTOR = 1, SPKI_TYPE = 1 };

static struct former_key *find(const struct cert_keeper *k, struct slice spki)
{
    for (size_t i = 0; i < k->former_len; i++)
        if (slice_eq(slice_str(k->former[i].spki), spki))
            return &k->former[i];
    return NULL;
}

static void put(struct cert_keeper *k, struct slice spki, int64_t until_s)
{
    struct former_key *f = find(k, spki);

    if (f == NULL) {
        if (spki.len != sizeof f->spki - 1 || k->former_len == FORMER_MOST)
            return;
        k->former = mem_grow(k->former, k->former_len, &k->former_cap, sizeof *k->former);
        f = &k->former[k->former_len++];
        *f = (struct former_key){ .until_s = until_s };
        (void)slice_to_cstr(spki, f->spki, sizeof f->spki);
    }
    if (until_s == 0 || (f->until_s != 0 && until_s > f->until_s))
        f->until_s = until_s;
}

void keeper_load_former(struct cert_keeper *k)
{
    struct store_request r = { .verb = STORE_CERT_HISTORY, .limit = FORMER_MOST };

    if (store_call(k->config.store, &r) != OK)
        log_warning(NULL, "cannot tell which keys were in service", LOG_CSTR("why", r.why.text));
    for (size_t i = 0; i < r.certs_len && r.status == OK; i++)
        put(k, r.certs[i].spki, r.certs[i].until_s);
    arena_release(&r.arena);
}

void keeper_note_served(struct cert_keeper *k, const struct cert_row *rows, size_t len)
{
    for (size_t i = 0; i < k->former_len; i++)
        if (k->former[i].until_s == 0)
            k->former[i].until_s = keeper_now_s(k);
    for (size_t i = 0; i < len; i++)
        put(k, rows[i].spki, 0);
}

/* -- what may go ------------------------------------------------------------------------------------------------ */

static bool is_rested(const struct cert_keeper *k, const struct watched_record *r)
{
    const struct former_key *f;
    char spki[CERT_FINGERPRINT];

    if (r->record.usage != SPKI_USAGE || r->record.selector != SPKI_SELECTOR || r->record.type != SPKI_TYPE ||
        r->record.data.len * 2 + 1 != sizeof spki)
        return false;
    for (size_t i = 0; i < r->record.data.len; i++)
        (void)snprintf(spki + 2 * i, 3, "%02x", (unsigned char)r->record.data.ptr[i]);
    f = find(k, slice_str(spki));
    return f != NULL && f->until_s != 0 && keeper_now_s(k) - f->until_s >= CERT_KEY_RESTS_S;
}

static struct slice rdata_of(const struct watched_record *r, struct arena *arena)
{
    char *out = arena_alloc(arena, r->record.data.len + 3);

    out[0] = (char)r->record.usage;
    out[1] = (char)r->record.selector;
    out[2] = (char)r->record.type;
    memcpy(out + 3, r->record.data.ptr, r->record.data.len);
    return slice_of(out, r->record.data.len + 3);
}

size_t cert_keeper_tlsa_gone(const struct cert_keeper *k, struct slice host, struct arena *arena, struct slice *out,
                             size_t most)
{
    const struct tlsa_watch *w = keeper_find_watch(k, arena_printf(arena, "_25._tcp.%.*s", SLICE_FMT(host)));
    size_t len = 0;

    for (size_t i = 0; w != NULL && i < w->records_len && len < most; i++)
        if (keeper_can_go(k, w, &w->records[i]) && is_rested(k, &w->records[i]))
            out[len++] = rdata_of(&w->records[i], arena);
    return len;
}
