#include "domains/mode_change.h"

#include "base/memory.h"
#include "settings/change.h"

#include <stdlib.h>

enum { TRIES_MOST = 3 }; /* when administrators change settings at the same moment */

struct mode_change {
    struct mode_change_config config;
    struct arena arena;
    struct store_request load, save;
    unsigned tries;
};

static void load(struct mode_change *m, void (*done)(struct store_request *r))
{
    arena_release(&m->load.arena);
    m->load = (struct store_request){ .verb = STORE_SETTINGS_LOAD, .reply_to = m->config.stored, .done = done };
    store_send(m->config.store, &m->load);
}

static void finish(struct mode_change *m, enum status st, const struct fault *why)
{
    m->config.done(m->config.ctx, st, why);
}

static void on_loaded_again(struct store_request *r)
{
    struct mode_change *m = CONTAINER_OF(r, struct mode_change, load);
    struct snapshot *fresh = NULL;
    struct fault why = r->why;
    enum status st = r->status;

    if (st == OK)
        st = snapshot_new(r->settings, r->settings_len, r->version, &fresh, &why);
    if (st == OK)
        m->config.publish(m->config.publish_ctx, fresh);
    finish(m, st, &why);
}

static void on_loaded(struct store_request *r);

static void on_saved(struct store_request *r)
{
    struct mode_change *m = CONTAINER_OF(r, struct mode_change, save);

    arena_release(&r->arena);
    if (r->status == ERR_CONFLICT && ++m->tries < TRIES_MOST)
        load(m, on_loaded);
    else if (r->status == OK)
        load(m, on_loaded_again);
    else
        finish(m, r->status, &r->why);
}

static enum status make_rows(struct mode_change *m, const struct setting_row **rows, size_t *len, struct fault *why)
{
    json_t *fields = json_object();
    struct setting_change change = {
        .verb = SETTING_CHANGE, .kind = SLICE_LIT("domain"), .name = m->config.domain, .fields = fields
    };
    enum status st;

    json_object_set_new(fields, "mta-sts", m->config.mode == NULL ? json_null() : json_string(m->config.mode));
    st = settings_change(m->load.settings, m->load.settings_len, &change, 1, &m->arena, rows, len, why);
    json_decref(fields);
    return st;
}

static void on_loaded(struct store_request *r)
{
    struct mode_change *m = CONTAINER_OF(r, struct mode_change, load);
    const struct setting_row *rows = NULL;
    size_t len = 0;
    struct fault why = r->why;
    enum status st = r->status == OK ? make_rows(m, &rows, &len, &why) : r->status;

    if (st != OK || len == 0) {
        finish(m, st, &why);
        return;
    }
    m->save = (struct store_request){ .verb = STORE_SETTINGS_CHANGE,
                                      .settings_in = rows,
                                      .settings_in_len = len,
                                      .base_version = r->version,
                                      .who = m->config.who,
                                      .from = SLICE_LIT("plan"),
                                      .reply_to = m->config.stored,
                                      .done = on_saved };
    store_send(m->config.store, &m->save);
}

struct mode_change *mode_change_start(const struct mode_change_config *config)
{
    struct mode_change *m = NEW(struct mode_change);

    m->config = *config;
    load(m, on_loaded);
    return m;
}

void mode_change_free(struct mode_change *m)
{
    if (m == NULL)
        return;
    arena_release(&m->load.arena);
    arena_release(&m->save.arena);
    arena_release(&m->arena);
    free(m);
}
