#include "settings/config.h"

#include "base/memory.h"
#include "settings/config_draft.h"
#include "settings/config_scan.h"
#include "settings/config_value.h"
#include "settings/nearest.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FILE_MAX = 1024 * 1024, OPTIONS_MAX = 80 };

struct loading {
    const char *file;
    struct config_draft draft;
    struct arena scratch;
    struct fault *why;
    bool has_failed;
};

/* libconfuse's callbacks carry no argument of ours. */
static _Thread_local struct loading *current;

const char *listener_role_name(enum listener_role role)
{
    static const char *const names[] = { [ROLE_MX] = "mx", [ROLE_SUBMISSION] = "submission", [ROLE_RELAY] = "relay", [ROLE_POLICY_HOST] = "policy-host" };

    return names[role];
}

/* -- reading through libconfuse --------------------------------------------------------------------------- */

/* Only the first failure is told. */
static void fail_at(struct loading *l, int line, const char *text)
{
    if (!l->has_failed)
        (void)fault_set(l->why, ERR_SYNTAX, "%s:%d: %s", l->file, line, text);
    l->has_failed = true;
}

static const char *section_of(const cfg_t *cfg)
{
    return strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
}

static const struct config_option *find_option(const char *section, const char *name)
{
    const struct config_option *all;
    size_t len = config_options(&all);

    for (size_t i = 0; i < len; i++) {
        if (strcmp(all[i].section, section) == 0 && strcmp(all[i].name, name) == 0)
            return &all[i];
    }
    return NULL;
}

/* An empty scalar that need not be given stands for "not set". */
static bool is_unset(const struct config_option *o, const char *value)
{
    return !o->is_list && value[0] == '\0' && o->initial[0] == '\0' && !o->is_required;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    const struct config_option *o = find_option(section_of(cfg), opt->name);
    union config_any scratch;
    struct fault reason, full;

    assert(o != NULL);
    *(const char **)result = value;
    if (is_unset(o, value) || o->kind->read(o, slice_str(value), &current->scratch, &scratch, &reason) == OK)
        return 0;
    (void)fault_set(&full, ERR_SYNTAX, "%s: %s", o->name, reason.text);
    fail_at(current, cfg->line, full.text);
    return -1;
}

static struct slice suggestion(const cfg_t *cfg, struct slice word)
{
    struct nearest near = { .word = word };
    const struct config_option *all;
    size_t len = config_options(&all);

    for (size_t i = 0; i < len; i++) {
        if (strcmp(all[i].section, section_of(cfg)) == 0)
            nearest_offer(&near, slice_str(all[i].name));
        else if (section_of(cfg)[0] == '\0')
            nearest_offer(&near, slice_str(all[i].section));
    }
    return near.best;
}

/* What the library reports, with the remedy behind it. */
static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    static const struct slice unknown = { "no such option '", sizeof "no such option '" - 1 };
    char text[200];
    struct slice said, near;
    struct fault full;

    (void)vsnprintf(text, sizeof text, fmt, ap);
    said = slice_str(text);
    if (slice_starts(said, unknown)) {
        said = slice_cut(slice_from(said, unknown.len), '\'', &near);
        near = suggestion(cfg, said);
        if (near.len > 0)
            (void)fault_set(&full, ERR_SYNTAX, "no such option '%.*s'; did you mean '%.*s'?", SLICE_FMT(said),
                            SLICE_FMT(near));
        else
            (void)fault_set(&full, ERR_SYNTAX, "no such option '%.*s'; sternpost.conf(5) lists them", SLICE_FMT(said));
    } else {
        (void)fault_set(&full, ERR_SYNTAX,
                        "%s; options are NAME = VALUE or NAME = {VALUE, VALUE}, sections NAME { ... }", text);
    }
    fail_at(current, cfg->line, full.text);
}

static cfg_opt_t describe_option(const struct config_option *o)
{
    if (o->is_list)
        return (cfg_opt_t)CFG_STR_LIST_CB(o->name, NULL, CFGF_NODEFAULT, on_value);
    return (cfg_opt_t)CFG_STR_CB(o->name, NULL, CFGF_NODEFAULT, on_value);
}

static bool is_titled(const char *section)
{
    return strcmp(section, "listener") == 0 || strcmp(section, "certificate") == 0;
}

/* The options of one section, from `all` on, into `out`; returns how many of `all` that were. */
static size_t describe_section(const struct config_option *all, size_t len, cfg_opt_t *out)
{
    size_t n = 0;

    while (n < len && strcmp(all[n].section, all[0].section) == 0) {
        out[n] = describe_option(&all[n]);
        n++;
    }
    return n;
}

static cfg_t *describe_all(struct arena *arena)
{
    const struct config_option *all;
    size_t len = config_options(&all), top = 0, at = 0;
    cfg_opt_t *root = ARENA_ARRAY(arena, cfg_opt_t, OPTIONS_MAX);
    cfg_t *cfg;

    top = describe_section(all, len, root);
    for (at = top; at < len && top + 1 < OPTIONS_MAX;) {
        cfg_opt_t *sub = ARENA_ARRAY(arena, cfg_opt_t, OPTIONS_MAX);
        const char *name = all[at].section;
        cfg_flag_t flags = is_titled(name) ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_NODEFAULT;

        at += describe_section(&all[at], len - at, sub);
        root[top++] = (cfg_opt_t)CFG_SEC(name, sub, flags);
    }
    cfg = cfg_init(root, CFGF_NONE);
    cfg_set_error_function(cfg, on_error);
    return cfg;
}

/* -- from its values to ours ------------------------------------------------------------------------------ */

static size_t value_count(const struct config_option *o, cfg_opt_t *opt)
{
    if (opt == NULL || (opt->flags & CFGF_MODIFIED) == 0 || cfg_opt_size(opt) == 0)
        return 0;
    return is_unset(o, cfg_opt_getnstr(opt, 0)) ? 0 : cfg_opt_size(opt);
}

static void read_into(struct loading *l, const struct config_option *o, struct slice text, void *field)
{
    /* on_value() has read the same text before, and our own defaults are good. */
    if (o->kind->read(o, text, &l->draft.out.arena, field, l->why) != OK)
        l->has_failed = true;
}

static void store_list(void *base, const struct config_option *o, void *items, size_t len)
{
    memcpy((char *)base + o->offset, &items, sizeof items);
    memcpy((char *)base + o->also, &len, sizeof len);
}

static void fill_list(struct loading *l, const struct config_option *o, cfg_opt_t *opt, size_t count, void *base)
{
    char *items = arena_alloc(&l->draft.out.arena, count * o->kind->size);

    for (size_t i = 0; i < count; i++)
        read_into(l, o, slice_str(cfg_opt_getnstr(opt, (unsigned)i)), items + i * o->kind->size);
    store_list(base, o, items, count);
}

/* The default of a list stands in the table as in a file: "{5m, 15m}". */
static void fill_initial_list(struct loading *l, const struct config_option *o, void *base)
{
    struct slice rest = slice_str(o->initial);
    char *items = arena_alloc(&l->draft.out.arena, rest.len * o->kind->size);
    size_t count = 0;

    rest = rest.len == 0 ? rest : slice_of(rest.ptr + 1, rest.len - 2);
    while (rest.len > 0) {
        read_into(l, o, slice_trim(slice_cut(rest, ',', &rest)), items + count * o->kind->size);
        count++;
    }
    store_list(base, o, items, count);
}

static void fill_option(struct loading *l, const struct config_option *o, cfg_opt_t *opt, int line, void *base)
{
    size_t count = value_count(o, opt);
    struct fault full;

    if (count == 0 && o->is_required) {
        (void)fault_set(&full, ERR_SYNTAX, "'%s' is missing%s%s; add %s = %s (%s)", o->name,
                        o->section[0] == '\0' ? "" : " in a section ", o->section, o->name,
                        o->is_list ? "{...}" : "...", o->help);
        fail_at(l, line, full.text);
    } else if (o->is_list && count == 0) {
        fill_initial_list(l, o, base);
    } else if (o->is_list) {
        fill_list(l, o, opt, count, base);
    } else if (count > 0 || o->initial[0] != '\0') {
        read_into(l, o, slice_str(count > 0 ? cfg_opt_getnstr(opt, 0) : o->initial), (char *)base + o->offset);
        if (o->also != 0)
            *(bool *)((char *)base + o->also) = count > 0;
    }
}

/* `section` NULL: it is not in the file, every option has its default. */
static void fill_section(struct loading *l, const char *name, cfg_t *section, int line, void *base)
{
    const struct config_option *all;
    size_t len = config_options(&all);

    for (size_t i = 0; i < len; i++) {
        if (strcmp(all[i].section, name) == 0)
            fill_option(l, &all[i], section == NULL ? NULL : cfg_getopt(section, all[i].name), line, base);
    }
}

static void fill_titled(struct loading *l, cfg_t *root)
{
    struct config_draft *d = &l->draft;

    d->certificates_len = cfg_size(root, "certificate");
    d->certificates = ARENA_ARRAY(&d->out.arena, struct certificate_draft, d->certificates_len);
    for (size_t i = 0; i < d->certificates_len; i++) {
        cfg_t *section = cfg_getnsec(root, "certificate", (unsigned)i);

        d->certificates[i].name = arena_copy(&d->out.arena, slice_str(cfg_title(section))).ptr;
        fill_section(l, "certificate", section, section->line, &d->certificates[i]);
    }
    d->listeners_len = cfg_size(root, "listener");
    d->listeners = ARENA_ARRAY(&d->out.arena, struct listener_draft, d->listeners_len);
    for (size_t i = 0; i < d->listeners_len; i++) {
        cfg_t *section = cfg_getnsec(root, "listener", (unsigned)i);

        d->listeners[i].out.name = arena_copy(&d->out.arena, slice_str(cfg_title(section))).ptr;
        d->listeners[i].line = (unsigned)section->line;
        fill_section(l, "listener", section, section->line, &d->listeners[i]);
    }
}

static cfg_t *find_section(cfg_t *root, const char *name)
{
    if (name[0] == '\0')
        return root;
    return cfg_size(root, name) > 0 ? cfg_getsec(root, name) : NULL;
}

static void fill_all(struct loading *l, cfg_t *root)
{
    const struct config_option *all;
    size_t len = config_options(&all);
    const char *done = NULL;

    for (size_t i = 0; i < len; i++) {
        const char *name = all[i].section;

        if (is_titled(name) || (done != NULL && strcmp(done, name) == 0))
            continue;
        done = name;
        fill_section(l, name, find_section(root, name), root->line, &l->draft);
    }
    fill_titled(l, root);
}

/* -- the file --------------------------------------------------------------------------------------------- */

static enum status read_file(const char *file, struct arena *arena, struct slice *out, struct fault *why)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    enum status st = OK;
    char *text;
    size_t len = 0;
    ssize_t n;

    if (fd < 0)
        return fault_errno(why, "cannot open '%s'", file);
    text = arena_alloc(arena, FILE_MAX + 1);
    while ((n = read(fd, text + len, FILE_MAX - len)) > 0)
        len += (size_t)n;
    if (n < 0)
        st = fault_errno(why, "cannot read '%s'", file);
    else if (len == FILE_MAX)
        st = fault_set(why, ERR_SYNTAX, "%s:1: the file is larger than 1 MiB; is it a configuration file?", file);
    close(fd);
    *out = slice_of(text, len);
    return st;
}

static enum status parse(struct loading *l, struct slice text)
{
    cfg_t *root = describe_all(&l->scratch);

    current = l;
    if (cfg_parse_buf(root, text.ptr) != CFG_SUCCESS)
        fail_at(l, root->line, "this is not understood; options are NAME = VALUE, sections NAME { ... }");
    current = NULL;
    if (!l->has_failed)
        fill_all(l, root);
    l->draft.line = (unsigned)root->line;
    cfg_free(root);
    return l->has_failed ? ERR_SYNTAX : OK;
}

enum status config_load(const char *file, struct config **out, struct fault *why)
{
    struct loading l = { .file = file, .why = why };
    struct slice text;
    enum status st = read_file(file, &l.scratch, &text, why);

    if (st == OK)
        st = config_scan(file, text, why);
    if (st == OK)
        st = parse(&l, text);
    if (st == OK)
        st = config_draft_finish(&l.draft, file, why);
    arena_release(&l.scratch);
    if (st != OK) {
        arena_release(&l.draft.out.arena);
        return st;
    }
    *out = NEW(struct config);
    **out = l.draft.out;
    return OK;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    arena_release(&c->arena);
    free(c);
}
