#include "queue/message.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct message *message_new(void)
{
    struct message *m = NEW(struct message);

    m->references = 1;
    buf_init(&m->content, STORE_CHUNK_MAX + STORE_INLINE_MAX);
    return m;
}

struct message *message_hold(struct message *m)
{
    m->references++;
    return m;
}

void message_release(struct message *m)
{
    if (m == NULL)
        return;
    assert(m->references > 0);
    if (--m->references > 0)
        return;
    buf_release(&m->content);
    arena_release(&m->arena);
    free(m);
}

void stored_rcpt_copy(struct arena *arena, struct stored_rcpt *to, const struct stored_rcpt *from)
{
    *to = *from;
    to->rcpt.address = arena_copy(arena, from->rcpt.address);
    to->rcpt.orcpt = arena_copy(arena, from->rcpt.orcpt);
    to->domain = arena_copy(arena, from->domain);
    to->last_error = arena_copy(arena, from->last_error);
}

struct message *message_of_claim(const struct stored_message *claimed)
{
    struct message *m = message_new();
    struct stored_rcpt *rcpts = ARENA_ARRAY(&m->arena, struct stored_rcpt, claimed->rcpts_len);

    m->stored = *claimed;
    m->stored.mail.address = arena_copy(&m->arena, claimed->mail.address);
    m->stored.mail.envid = arena_copy(&m->arena, claimed->mail.envid);
    m->stored.mail.auth = arena_copy(&m->arena, claimed->mail.auth);
    m->stored.user = arena_copy(&m->arena, claimed->user);
    m->stored.client = arena_copy(&m->arena, claimed->client);
    m->stored.body = slice_of(NULL, 0);
    for (size_t i = 0; i < claimed->rcpts_len; i++)
        stored_rcpt_copy(&m->arena, &rcpts[i], &claimed->rcpts[i]);
    m->stored.rcpts = rcpts;
    return m;
}
