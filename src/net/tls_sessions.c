#include "net/tls_sessions.h"

#include "base/map.h"
#include "base/memory.h"
#include "net/tls_setup.h"

#include <openssl/ssl.h>

struct entry {
    struct entry *newer, *older;
    struct slice key;                         /* owned */
    SSL_SESSION *held[TLS_SESSIONS_OF_A_KEY]; /* the newest last */
    size_t held_len;
};

struct tls_sessions {
    struct map by_key;
    struct entry *newest, *oldest;
    size_t keys_max;
};

struct tls_sessions *tls_sessions_new(size_t keys_max)
{
    struct tls_sessions *s = NEW(struct tls_sessions);

    map_init(&s->by_key);
    s->keys_max = keys_max;
    return s;
}

static void unlink_entry(struct tls_sessions *s, struct entry *e)
{
    *(e->newer == NULL ? &s->newest : &e->newer->older) = e->older;
    *(e->older == NULL ? &s->oldest : &e->older->newer) = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct tls_sessions *s, struct entry *e)
{
    e->older = s->newest;
    *(s->newest == NULL ? &s->oldest : &s->newest->newer) = e;
    s->newest = e;
}

static void drop_entry(struct tls_sessions *s, struct entry *e)
{
    (void)map_remove(&s->by_key, e->key);
    unlink_entry(s, e);
    for (size_t i = 0; i < e->held_len; i++)
        SSL_SESSION_free(e->held[i]);
    free((char *)(uintptr_t)e->key.ptr);
    free(e);
}

void tls_sessions_free(struct tls_sessions *s)
{
    if (s == NULL)
        return;
    while (s->oldest != NULL)
        drop_entry(s, s->oldest);
    map_release(&s->by_key);
    free(s);
}

static struct entry *entry_for(struct tls_sessions *s, struct slice key)
{
    struct entry *e = map_get(&s->by_key, key);

    if (e != NULL) {
        unlink_entry(s, e);
    } else {
        if (map_count(&s->by_key) >= s->keys_max)
            drop_entry(s, s->oldest);
        e = NEW(struct entry);
        e->key = slice_of(mem_str(key), key.len);
        (void)map_put(&s->by_key, key, e);
    }
    link_newest(s, e);
    return e;
}

static void remove_at(struct entry *e, size_t at)
{
    e->held_len--;
    memmove(&e->held[at], &e->held[at + 1], (e->held_len - at) * sizeof *e->held);
}

void tls_sessions_put(struct tls_sessions *s, struct slice key, SSL_SESSION *session)
{
    struct entry *e = entry_for(s, key);

    if (e->held_len == TLS_SESSIONS_OF_A_KEY) {
        SSL_SESSION_free(e->held[0]);
        remove_at(e, 0);
    }
    e->held[e->held_len++] = session;
}

static bool is_usable(SSL_SESSION *session, int64_t now_s)
{
    X509 *leaf = SSL_SESSION_get0_peer(session);
    time_t now = (time_t)now_s;

    if (SSL_SESSION_is_resumable(session) != 1 || now_s - SSL_SESSION_get_time(session) > TLS_SESSION_MAX_AGE_S)
        return false;
    return leaf == NULL || X509_cmp_time(X509_get0_notAfter(leaf), &now) > 0;
}

SSL_SESSION *tls_sessions_get(struct tls_sessions *s, struct slice key, int64_t now_s)
{
    struct entry *e = map_get(&s->by_key, key);
    SSL_SESSION *found = NULL;

    while (e != NULL && e->held_len > 0 && found == NULL) {
        SSL_SESSION *last = e->held[e->held_len - 1];

        if (!is_usable(last, now_s)) {
            SSL_SESSION_free(last);
            e->held_len--;
        } else if (SSL_SESSION_get_protocol_version(last) >= TLS1_3_VERSION) {
            found = last;
            e->held_len--;
        } else {
            tls_must(SSL_SESSION_up_ref(last));
            found = last;
        }
    }
    if (e != NULL && e->held_len == 0)
        drop_entry(s, e);
    return found;
}
