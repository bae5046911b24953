#include "queue/schedule.h"

#include <assert.h>

static int64_t age_s(int64_t received_s, int64_t now_s)
{
    return now_s > received_s ? now_s - received_s : 0;
}

int64_t schedule_wait_s(const struct schedule *s, uint32_t attempts, uint32_t random)
{
    size_t step = attempts == 0 ? 0 : attempts - 1;
    int64_t base, spread;

    assert(s->retry_len > 0);
    base = s->retry_s[step < s->retry_len ? step : s->retry_len - 1];
    spread = base / 5;
    return base - spread / 2 + (spread == 0 ? 0 : (int64_t)random % (spread + 1));
}

int64_t schedule_due_s(const struct schedule *s, int64_t received_s, int64_t now_s, uint32_t attempts, uint32_t random)
{
    int64_t wait = schedule_wait_s(s, attempts, random);
    int64_t left = s->expire_s - age_s(received_s, now_s);

    if (left > 0 && wait > left)
        wait = left;
    return now_s + (wait < 1 ? 1 : wait);
}

bool schedule_is_expired(const struct schedule *s, int64_t received_s, int64_t now_s, int64_t patience_s)
{
    return age_s(received_s, now_s) >= (patience_s != 0 ? patience_s : s->expire_s);
}

bool schedule_wants_warning(const struct schedule *s, int64_t received_s, int64_t now_s, bool already_warned)
{
    return s->warn_s > 0 && !already_warned && age_s(received_s, now_s) >= s->warn_s;
}
