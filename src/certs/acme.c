#include "certs/acme.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "certs/acme_challenge.h"
#include "certs/acme_process.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_MS = 3 * 1000, EACH_MS = 60 * 1000, ARGS_MOST = 128, NAMES_MOST = 100 };

struct acme {
    struct acme_config config;
    struct snapshot *settings;
    struct acme_host *host;
    struct loop_timer timer;
    struct acme_process process;
    bool is_running, has_account, is_for_account;
    struct acme_set *running;
    struct arena arena; /* of the run */
    struct map sets;    /* by name */
    char hook[PATH_MAX];
    pthread_mutex_t lock; /* guards report and wanted */
    char *report;
    struct map wanted; /* names; values are their own */
};

/* -- what is known --------------------------------------------------------------------------------------------- */

static void publish(struct acme *a)
{
    json_t *list = json_array(), *j;
    size_t len;
    const struct certificate_setting *all = snapshot_certificates(a->settings, &len);
    char *text;

    for (size_t i = 0; i < len; i++) {
        const struct acme_set *set = map_get(&a->sets, all[i].name);

        if (all[i].is_acme && set != NULL)
            json_array_append_new(list, acme_set_json(set, a->running == set));
    }
    j = json_pack("{s:o}", "sets", list);
    text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    (void)pthread_mutex_lock(&a->lock);
    free(a->report);
    a->report = text;
    (void)pthread_mutex_unlock(&a->lock);
}

struct slice acme_report(struct acme *a, struct arena *arena)
{
    struct slice out;

    if (a == NULL)
        return SLICE_LIT("{\"sets\": []}");
    (void)pthread_mutex_lock(&a->lock);
    out = arena_copy(arena, slice_str(a->report));
    (void)pthread_mutex_unlock(&a->lock);
    return out;
}

void acme_renew(struct acme *a, struct slice name)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    (void)map_put(&a->wanted, name, a);
    (void)pthread_mutex_unlock(&a->lock);
}

static bool take_wanted(struct acme *a, struct slice name)
{
    bool was;

    (void)pthread_mutex_lock(&a->lock);
    was = map_remove(&a->wanted, name) != NULL;
    (void)pthread_mutex_unlock(&a->lock);
    return was;
}

/* -- runs -------------------------------------------------------------------------------------------------------- */

struct command {
    char *argv[ARGS_MOST];
    size_t len;
};

static void add(struct command *c, struct arena *arena, struct slice word)
{
    if (c->len < ARGS_MOST - 1)
        c->argv[c->len++] = (char *)(uintptr_t)arena_printf(arena, "%.*s", SLICE_FMT(word)).ptr;
}

static void add_words(struct command *c, struct arena *arena, const char *const *words)
{
    for (; *words != NULL; words++)
        add(c, arena, slice_str(*words));
}

static void start(struct acme *a, struct command *c)
{
    c->argv[c->len] = NULL;
    a->is_running = true;
    acme_process_start(&a->process, a->config.loop, c->argv, a->config.config->folder);
    publish(a);
}

static bool is_there(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_size > 0;
}

static void begin_account(struct acme *a)
{
    const struct config_acme *c = a->config.config;
    const char *const words[] = { c->program, "-v", "-c", c->folder, "-a", c->directory, "-y", "new", NULL };
    struct command command = { .len = 0 };

    add_words(&command, &a->arena, words);
    if (c->contact != NULL)
        add(&command, &a->arena, slice_str(c->contact));
    a->is_for_account = true;
    start(a, &command);
}

/* The key before stands aside until there is a certificate of the new one. */
static void set_key_aside(const struct certificate_setting *files, bool is_back)
{
    char aside[PATH_MAX];

    if (snprintf(aside, sizeof aside, "%s.before", files->key_file.ptr) >= (int)sizeof aside)
        return;
    if (is_back)
        (void)rename(aside, files->key_file.ptr);
    else
        (void)rename(files->key_file.ptr, aside);
}

static void begin_issue(struct acme *a, const struct certificate_setting *s)
{
    const struct config_acme *c = a->config.config;
    const char *const words[] = { c->program, "-v",         "-f", "-o",    "-c", c->folder,
                                  "-a",       c->directory, "-h", a->hook, "-t", s->is_rsa ? "RSA" : "EC",
                                  "issue",    NULL };
    struct certificate_setting files = acme_files(s, c->folder, &a->arena);
    struct command command = { .len = 0 };

    if (s->renews_key)
        set_key_aside(&files, false);
    add_words(&command, &a->arena, words);
    for (size_t i = 0; i < s->names_len && i < NAMES_MOST; i++)
        add(&command, &a->arena, s->names[i]);
    a->is_for_account = false;
    start(a, &command);
}

static const struct certificate_setting *setting_of(const struct acme *a, struct slice name)
{
    size_t len;
    const struct certificate_setting *all = snapshot_certificates(a->settings, &len);

    for (size_t i = 0; i < len; i++)
        if (all[i].is_acme && slice_eq(all[i].name, name))
            return &all[i];
    return NULL;
}

static const struct slice alert_cause = { "certificate-acme", 16 };

static struct slice subject_of(const struct acme_set *set, struct arena *arena)
{
    return arena_printf(arena, "certificate %s", set->name);
}

static void tell(struct acme *a, const struct acme_set *set)
{
    struct arena arena = { 0 };
    struct alert alert = { .cause = alert_cause, .severity = ALERT_ERROR };

    alert.subject = subject_of(set, &arena);
    alert.text = arena_printf(&arena, "the authority gave no certificate: %s", set->text);
    alert.remedy = arena_printf(
        &arena, "mend that, then 'sternpost certificate renew %s'; what is served stays until it ends", set->name);
    if (set->failures > 0)
        alert_book_raise(a->config.alerts, &alert);
    else
        alert_book_end(a->config.alerts, alert.cause, alert.subject, SLICE_LIT("the authority gave a certificate"));
    arena_release(&arena);
}

static void conclude(struct acme *a, struct acme_set *set)
{
    const struct certificate_setting *s = setting_of(a, slice_str(set->name));
    struct slice line = acme_process_last_line(&a->process);
    bool is_good = a->process.code == 0;
    struct certificate_setting files;
    char shown[ACME_SET_TEXT];

    if (s != NULL) {
        files = acme_files(s, a->config.config->folder, &a->arena);
        if (s->renews_key && !is_good)
            set_key_aside(&files, true);
        acme_set_look(set, &files);
    }
    line = utf8_printable(line, shown, sizeof shown);
    (void)snprintf(set->text, sizeof set->text, "%.*s", SLICE_FMT(line));
    set->tried_s = clock_wall_s();
    set->failures = is_good ? 0 : set->failures + 1;
    set->retry_s = is_good ? 0 : acme_retry_s(set->failures, set->tried_s);
    log_info(NULL, is_good ? "certificate obtained" : "no certificate was obtained",
             LOG_CSTR("certificate", set->name), LOG_CSTR("said", set->text));
    tell(a, set);
}

static void on_done(struct acme_process *p)
{
    struct acme *a = CONTAINER_OF(p, struct acme, process);
    struct acme_set *set = a->running;
    bool goes_on = a->is_for_account && p->code == 0;
    const struct certificate_setting *s = set == NULL ? NULL : setting_of(a, slice_str(set->name));

    a->is_running = false;
    a->has_account = a->has_account || goes_on;
    if (goes_on && s != NULL) {
        begin_issue(a, s);
        return;
    }
    if (set != NULL)
        conclude(a, set);
    a->running = NULL;
    publish(a);
    loop_timer_set(a->config.loop, &a->timer, FIRST_MS);
}

/* -- which is next ----------------------------------------------------------------------------------------------- */

/* What failed last before a restart waits as after a first failure: a daemon that starts again and again must not ask an
 * authority each time. */
static void recall_failure(struct acme *a, struct acme_set *set)
{
    struct arena arena = { 0 };
    int64_t now_s = clock_wall_s();

    if (alert_book_is_open(a->config.alerts, alert_cause, subject_of(set, &arena))) {
        set->failures = 1;
        set->retry_s = acme_retry_s(set->failures, now_s);
        (void)snprintf(set->text, sizeof set->text, "it failed before the daemon was started");
    }
    arena_release(&arena);
}

static struct acme_set *set_of(struct acme *a, struct slice name)
{
    struct acme_set *set = map_get(&a->sets, name);

    if (set != NULL)
        return set;
    set = NEW(struct acme_set);
    set->name = mem_str(name);
    (void)map_put(&a->sets, name, set);
    recall_failure(a, set);
    return set;
}

static bool is_due(struct acme *a, struct acme_set *set, const struct certificate_setting *s)
{
    struct arena arena = { 0 };
    struct certificate_setting files = acme_files(s, a->config.config->folder, &arena);

    acme_set_look(set, &files);
    arena_release(&arena);
    set->is_wanted = take_wanted(a, s->name) || set->is_wanted;
    return set->is_wanted || clock_wall_s() >= acme_set_next_s(set);
}

static void run(struct acme *a, struct acme_set *set, const struct certificate_setting *s)
{
    char account[PATH_MAX];

    arena_reset(&a->arena);
    set->is_wanted = false;
    a->running = set;
    (void)snprintf(account, sizeof account, "%s/private/key.pem", a->config.config->folder);
    a->has_account = a->has_account || is_there(account);
    log_info(NULL, "a certificate is asked for", LOG_CSTR("certificate", set->name),
             LOG_CSTR("from", a->config.config->directory));
    if (a->has_account)
        begin_issue(a, s);
    else
        begin_account(a);
}

static void on_timer(struct loop_timer *t)
{
    struct acme *a = CONTAINER_OF(t, struct acme, timer);
    size_t len;
    const struct certificate_setting *all = snapshot_certificates(a->settings, &len);

    loop_timer_set(a->config.loop, t, FIRST_MS);
    for (size_t i = 0; i < len && !a->is_running; i++) {
        struct acme_set *set = all[i].is_acme ? set_of(a, all[i].name) : NULL;

        if (set != NULL && is_due(a, set, &all[i]))
            run(a, set, &all[i]);
    }
    publish(a);
}

/* -- life ----------------------------------------------------------------------------------------------------------
 */

static enum status make_folder(const char *path, struct fault *why)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fault_errno(why, "acme: cannot make the folder '%s'", path);
    return OK;
}

/* uacme runs us under another name, so that nothing but we ourselves writes answers. */
static enum status make_hook(struct acme *a, struct fault *why)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    if (len < 0)
        return fault_errno(why, "acme: cannot tell where this program lies");
    self[len] = '\0';
    (void)snprintf(a->hook, sizeof a->hook, "%s/" ACME_HOOK_NAME, a->config.config->folder);
    (void)unlink(a->hook);
    if (symlink(self, a->hook) != 0)
        return fault_errno(why, "acme: cannot make '%s'", a->hook);
    return OK;
}

static enum status open_all(struct acme *a, struct fault *why)
{
    const struct config_acme *c = a->config.config;
    char challenges[PATH_MAX];
    enum status st = make_folder(c->folder, why);

    (void)snprintf(challenges, sizeof challenges, "%s/challenge", c->folder);
    if (st == OK)
        st = make_folder(challenges, why);
    if (st == OK)
        st = make_hook(a, why);
    if (st == OK)
        st = acme_host_new(a->config.loop, c->addresses, c->addresses_len, c->folder, &a->host, why);
    return st;
}

enum status acme_new(const struct acme_config *config, struct snapshot *settings, struct acme **out, struct fault *why)
{
    struct acme *a;
    enum status st;

    *out = NULL;
    if (config->config->addresses_len == 0) {
        snapshot_release(settings);
        return OK;
    }
    a = NEW(struct acme);
    a->config = *config;
    a->settings = settings;
    a->timer.fire = on_timer;
    a->process.done = on_done;
    a->process.io.fd = -1;
    map_init(&a->sets);
    map_init(&a->wanted);
    (void)pthread_mutex_init(&a->lock, NULL);
    st = open_all(a, why);
    if (st != OK) {
        acme_free(a);
        return st;
    }
    publish(a);
    loop_timer_set(config->loop, &a->timer, FIRST_MS);
    *out = a;
    return OK;
}

void acme_adopt(struct acme *a, struct snapshot *fresh)
{
    if (a == NULL) {
        snapshot_release(fresh);
        return;
    }
    snapshot_release(a->settings);
    a->settings = fresh;
}

void acme_free(struct acme *a)
{
    struct map_entry *at = NULL;
    struct slice name;
    void *value;

    if (a == NULL)
        return;
    acme_process_end(&a->process);
    loop_timer_clear(a->config.loop, &a->timer);
    acme_host_free(a->host);
    while (map_next(&a->sets, &at, &name, &value)) {
        free(((struct acme_set *)value)->name);
        free(value);
    }
    map_release(&a->sets);
    map_release(&a->wanted);
    arena_release(&a->arena);
    snapshot_release(a->settings);
    (void)pthread_mutex_destroy(&a->lock);
    free(a->report);
    free(a);
}
