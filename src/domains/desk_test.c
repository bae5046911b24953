#include "domains/desk.h"

#include "base/test.h"
#include "net/loop.h"

/* The thread that asked waits for an answer, and nobody turns the loop any more. */
TEST(desk_answers_at_its_end_what_it_did_not_begin)
{
    struct loop *loop = loop_new();
    struct handoff *replies = handoff_new();
    struct desk *d = desk_new(loop, NULL, NULL, NULL);
    struct desk_request q = { .verb = DESK_RECORDS, .reply_to = replies, .domain = SLICE_LIT("ours.example") };

    desk_send(d, &q);
    desk_stop(d);
    CHECK(handoff_take(replies) == &q.item);
    CHECK_INT(q.status, ERR_TEMPORARY);
    CHECK(q.answer == NULL);
    desk_free(d);
    handoff_free(replies);
    loop_free(loop);
}

RUN_TESTS(T(desk_answers_at_its_end_what_it_did_not_begin))
