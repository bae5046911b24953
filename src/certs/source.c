#include "certs/source.h"

#include "base/memory.h"
#include "net/tls_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

enum { FILE_MOST = 256 * 1024, JUDGE_EVERY_S = 60 };

/* -- copies --------------------------------------------------------------------------------------------------- */

static void copy_free(struct cert_copy *c)
{
    if (c == NULL)
        return;
    tls_certificate_release(&c->certificate);
    arena_release(&c->arena);
    free(c);
}

static void write_hex(const unsigned char *digest, unsigned len, char out[static CERT_FINGERPRINT])
{
    for (unsigned i = 0; i < len && 2 * i + 2 < CERT_FINGERPRINT; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* That of the whole is made of those of its parts. */
static void set_fingerprints(struct cert_copy *c)
{
    EVP_MD_CTX *whole = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    tls_must(whole != NULL && EVP_DigestInit_ex(whole, EVP_sha256(), NULL));
    tls_must(X509_digest(c->certificate.leaf, EVP_sha256(), digest, &len));
    write_hex(digest, len, c->fingerprint);
    tls_must(EVP_DigestUpdate(whole, digest, len));
    for (int i = 0; i < sk_X509_num(c->certificate.chain); i++)
        tls_must(X509_digest(sk_X509_value(c->certificate.chain, i), EVP_sha256(), digest, &len) &&
                 EVP_DigestUpdate(whole, digest, len));
    tls_must(EVP_DigestFinal_ex(whole, digest, &len));
    write_hex(digest, len, c->whole);
    EVP_MD_CTX_free(whole);
}

/* The names it serves, when these are not all of its own. Those it does not have are among its faults. */
static void choose_names(struct cert_copy *c, const struct certificate_setting *s)
{
    struct slice *names = ARENA_ARRAY(&c->arena, struct slice, s->names_len);
    size_t len = 0;

    for (size_t i = 0; i < s->names_len; i++) {
        if (set_covers(&c->certificate, s->names[i]))
            names[len++] = arena_copy(&c->arena, s->names[i]);
    }
    if (s->names_len == 0)
        return;
    c->certificate.names = names;
    c->certificate.names_len = len;
}

static void judge(struct cert_copy *c, const struct certificate_setting *s, bool is_config, struct slice hostname,
                  int64_t now_s)
{
    struct set_demand demand = {
        .names = s->names_len > 0 ? s->names : &hostname,
        .names_len = s->names_len > 0 ? s->names_len : !is_config,
        .ca_file = s->ca_file.len > 0 ? s->ca_file.ptr : NULL,
        .now_s = now_s,
    };

    c->faults.text[0] = '\0';
    (void)!set_check(&c->certificate, &demand, &c->faults);
}

/* -- reading -------------------------------------------------------------------------------------------------- */

static enum status read_file(const char *path, const char *what, struct arena *arena, struct slice *out,
                             struct fault *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *text = arena_alloc(arena, FILE_MOST);
    ssize_t n;

    if (fd < 0)
        return fault_errno(why, "cannot read the %s '%s'", what, path);
    out->ptr = text;
    out->len = 0;
    while ((n = read(fd, text + out->len, FILE_MOST - out->len)) > 0)
        out->len += (size_t)n;
    close(fd);
    if (n < 0)
        return fault_errno(why, "cannot read the %s '%s'", what, path);
    return out->len < FILE_MOST ? OK : fault_set(why, ERR_LIMIT, "the %s '%s' is too large", what, path);
}

static enum status read_texts(const struct certificate_setting *s, struct arena *arena, struct slice *chain,
                              struct slice *key, struct fault *why)
{
    enum status st;

    *chain = s->chain;
    *key = s->key;
    if (s->chain_file.len == 0)
        return OK;
    st = read_file(s->chain_file.ptr, "certificate", arena, chain, why);
    return st == OK ? read_file(s->key_file.ptr, "private key", arena, key, why) : st;
}

static enum status read_copy(const struct certificate_setting *s, struct cert_copy **out, struct fault *why)
{
    struct cert_copy *c = NEW(struct cert_copy);
    struct slice chain, key = SLICE_LIT("");
    struct arena texts = { 0 };
    enum status st = read_texts(s, &texts, &chain, &key, why);
    bool has_files = s->chain_file.len > 0;

    if (st == OK)
        st = tls_certificate_read(chain, key,
                                  has_files ? s->chain_file.ptr : arena_printf(&texts, "chain of %s", s->name.ptr).ptr,
                                  has_files ? s->key_file.ptr : arena_printf(&texts, "key of %s", s->name.ptr).ptr,
                                  &c->arena, &c->certificate, why);
    if (has_files && key.len > 0)
        explicit_bzero((char *)(uintptr_t)key.ptr, key.len);
    arena_release(&texts);
    if (st != OK) {
        copy_free(c);
        return st;
    }
    set_fingerprints(c);
    *out = c;
    return OK;
}

enum status cert_setting_check(const struct certificate_setting *setting, struct slice hostname, int64_t now_s,
                               struct fault *why)
{
    struct cert_copy *c;
    struct fault reason;
    enum status st = read_copy(setting, &c, &reason);

    if (st == OK) {
        judge(c, setting, false, hostname, now_s);
        reason = c->faults;
        copy_free(c);
    }
    if (st == OK && reason.text[0] == '\0')
        return OK;
    return fault_set(why, ERR_SYNTAX, "certificate '%.*s': %s", SLICE_FMT(setting->name), reason.text);
}

/* -- a source --------------------------------------------------------------------------------------------------- */

static const struct slice *copy_list(const struct slice *from, size_t len, struct arena *arena)
{
    struct slice *out = ARENA_ARRAY(arena, struct slice, len);

    for (size_t i = 0; i < len; i++)
        out[i] = arena_copy(arena, from[i]);
    return out;
}

static void copy_setting(struct cert_source *s, const struct certificate_setting *from)
{
    struct arena *a = &s->arena;

    s->setting = *from;
    s->setting.name = arena_copy(a, from->name);
    s->setting.chain = arena_copy(a, from->chain);
    s->setting.key = arena_copy(a, from->key);
    s->setting.chain_file = arena_copy(a, from->chain_file);
    s->setting.key_file = arena_copy(a, from->key_file);
    s->setting.ca_file = arena_copy(a, from->ca_file);
    s->setting.names = copy_list(from->names, from->names_len, a);
    s->setting.nodes = copy_list(from->nodes, from->nodes_len, a);
    s->setting.listeners = copy_list(from->listeners, from->listeners_len, a);
}

struct cert_source *cert_source_new(const struct certificate_setting *setting, bool is_config)
{
    struct cert_source *s = NEW(struct cert_source);

    s->is_config = is_config;
    s->is_unread = true;
    copy_setting(s, setting);
    return s;
}

static void wipe_setting(struct cert_source *s)
{
    if (s->setting.key.len > 0)
        explicit_bzero((char *)(uintptr_t)s->setting.key.ptr, s->setting.key.len);
    arena_release(&s->arena);
}

void cert_source_free(struct cert_source *s)
{
    if (s == NULL)
        return;
    copy_free(s->now);
    copy_free(s->next);
    wipe_setting(s);
    free(s);
}

static bool same_list(const struct slice *a, size_t a_len, const struct slice *b, size_t b_len)
{
    for (size_t i = 0; i < a_len && a_len == b_len; i++) {
        if (!slice_eq(a[i], b[i]))
            return false;
    }
    return a_len == b_len;
}

void cert_source_set(struct cert_source *s, const struct certificate_setting *n)
{
    const struct certificate_setting *was = &s->setting;

    s->is_unread = s->is_unread || !slice_eq(was->chain, n->chain) || !slice_eq(was->key, n->key) ||
                   !slice_eq(was->chain_file, n->chain_file) || !slice_eq(was->key_file, n->key_file) ||
                   !slice_eq(was->ca_file, n->ca_file) ||
                   !same_list(was->names, was->names_len, n->names, n->names_len);
    wipe_setting(s);
    copy_setting(s, n);
}

static bool update_stamp(struct cert_stamp *at, const char *path)
{
    struct stat st;
    struct cert_stamp now = { 0 };
    bool is_other;

    if (stat(path, &st) == 0)
        now = (struct cert_stamp){ .changed = st.st_mtim, .size = st.st_size, .inode = st.st_ino };
    is_other = at->changed.tv_sec != now.changed.tv_sec || at->changed.tv_nsec != now.changed.tv_nsec ||
               at->size != now.size || at->inode != now.inode;
    *at = now;
    return is_other;
}

static bool is_to_be_read(struct cert_source *s)
{
    bool is = s->is_unread;

    s->is_unread = false;
    if (s->setting.chain_file.len > 0) {
        is |= update_stamp(&s->stamps[0], s->setting.chain_file.ptr);
        is |= update_stamp(&s->stamps[1], s->setting.key_file.ptr);
    }
    return is;
}

/* Faults of the configuration file's certificates do not keep the daemon from its work, but nothing good goes for
 * them; nor is what was served before a restart (and has expired, which DANE does not mind) given up by it. */
static bool is_acceptable(const struct cert_source *s, const struct cert_copy *fresh)
{
    if (fresh->faults.text[0] == '\0' || (s->now == NULL && strcmp(s->served, fresh->fingerprint) == 0))
        return true;
    return s->is_config && (s->now == NULL || s->now->faults.text[0] != '\0');
}

static bool is_same(const struct cert_copy *a, const struct cert_copy *b)
{
    return a != NULL && strcmp(a->whole, b->whole) == 0;
}

static void take_in(struct cert_source *s, struct cert_copy *fresh)
{
    copy_free(s->next);
    s->next = NULL;
    if (s->now == NULL || is_same(s->now, fresh)) { /* the same, but for names and judgement */
        copy_free(s->now);
        s->now = fresh;
    } else {
        s->next = fresh;
    }
}

bool cert_source_look(struct cert_source *s, struct slice hostname, int64_t now_s)
{
    struct cert_copy *fresh;

    if (s->now != NULL && (now_s < s->judged_s || now_s - s->judged_s >= JUDGE_EVERY_S)) {
        judge(s->now, &s->setting, s->is_config, hostname, now_s);
        s->judged_s = now_s;
    }
    if (!is_to_be_read(s))
        return false;
    s->refused.text[0] = '\0';
    if (read_copy(&s->setting, &fresh, &s->refused) != OK)
        return true;
    judge(fresh, &s->setting, s->is_config, hostname, now_s);
    choose_names(fresh, &s->setting);
    if (is_acceptable(s, fresh)) {
        take_in(s, fresh);
    } else {
        s->refused = fresh->faults;
        copy_free(fresh);
    }
    return true;
}

void cert_source_advance(struct cert_source *s)
{
    copy_free(s->now);
    s->now = s->next;
    s->next = NULL;
}

bool cert_source_serves(const struct cert_source *s, const struct config_listener *l)
{
    for (size_t i = 0; i < s->setting.listeners_len; i++) {
        struct slice item = s->setting.listeners[i];

        if (slice_eq(item, slice_str(l->name)) || slice_eq(item, slice_str(listener_role_name(l->role))))
            return true;
    }
    return s->setting.listeners_len == 0;
}
