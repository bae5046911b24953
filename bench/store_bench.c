/* What the store costs a message: put claimed and settled, in batches of several sizes. Prints one line a batch size:
 *   store_bench [SQLITE-FILE [MESSAGES]]
 * The file is made, used and removed. Each batch puts its messages and settles those of the batch before, as the
 * daemon does under load. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/store.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BODY_BYTES = 4096, BATCH_MAX = 128 };

struct slot {
    struct stored_message message;
    struct stored_rcpt rcpt;
    struct stored_trace trace;
    struct delivery_change done;
    struct store_request put, settle;
};

static char body[BODY_BYTES];

static void fill(struct slot *s, struct handoff *reply)
{
    *s = (struct slot){ .message = { .id = message_id_new(), .received_s = clock_wall_s() } };
    s->message.mail.address = SLICE_LIT("someone@sender.example");
    s->message.mail.size = BODY_BYTES;
    s->message.client = SLICE_LIT("192.0.2.25");
    s->message.body = slice_of(body, sizeof body);
    s->message.rcpts = &s->rcpt;
    s->message.rcpts_len = 1;
    s->rcpt.rcpt.address = SLICE_LIT("somebody@recipient.example");
    s->rcpt.domain = SLICE_LIT("recipient.example");
    s->trace = (struct stored_trace){
        .at_ms = clock_wall_ms(),
        .json = SLICE_LIT("{\"event\":\"attempt\",\"mx\":\"mx.recipient.example\",\"address\":\"192.0.2.1\",\"tls\":"
                          "\"TLSv1.3\",\"cipher\":\"TLS_AES_256_GCM_SHA384\",\"reply\":\"250 2.0.0 Ok: queued\"}"),
    };
    s->put = (struct store_request){ .verb = STORE_PUT,
                                     .message = &s->message,
                                     .is_claimed = true,
                                     .traces_in = &s->trace,
                                     .traces_in_len = 1,
                                     .reply_to = reply };
    s->settle = (struct store_request){ .verb = STORE_SETTLE,
                                        .id = s->message.id,
                                        .changes = &s->done,
                                        .changes_len = 1,
                                        .traces_in = &s->trace,
                                        .traces_in_len = 1,
                                        .reply_to = reply };
}

static void wait_for(struct handoff *reply, size_t count)
{
    while (count > 0) {
        struct handoff_item *item = handoff_take(reply);

        if (item == NULL)
            (void)handoff_wait(reply, -1);
        for (; item != NULL; item = item->next, count--)
            if (((struct store_request *)(void *)item)->status != OK)
                abort();
    }
}

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void run(struct store *store, struct handoff *reply, size_t batch, size_t messages)
{
    struct slot *slots = mem_new(2 * batch, sizeof *slots), *now = slots, *before = slots + batch, *other;
    size_t rounds = messages / batch;
    double cpu = cpu_us();
    int64_t start_ms = clock_mono_ms(), took_ms;

    for (size_t i = 0; i <= rounds; i++) {
        for (size_t j = 0; j < batch && i < rounds; j++) {
            fill(&now[j], reply);
            store_send(store, &now[j].put);
        }
        for (size_t j = 0; j < batch && i > 0; j++)
            store_send(store, &before[j].settle);
        wait_for(reply, i == 0 || i == rounds ? batch : 2 * batch);
        other = now;
        now = before;
        before = other;
    }
    took_ms = clock_mono_ms() - start_ms;
    (void)printf("batch %4zu: %6.1f us CPU a message, %7.0f messages/s\n", batch,
                 (cpu_us() - cpu) / (double)(rounds * batch),
                 (double)(rounds * batch) * 1000 / (double)(took_ms == 0 ? 1 : took_ms));
    free(slots);
}

int main(int argc, char **argv)
{
    static const size_t batches[] = { 1, 8, 16, 32, BATCH_MAX };
    const char *path = argc > 1 ? argv[1] : "store_bench.db";
    struct slice count = argc > 2 ? slice_str(argv[2]) : SLICE_LIT("20000");
    uint64_t messages;
    char url[512];
    struct fault why;
    struct store_config config = { .url = url };
    struct store *store;
    struct handoff *reply;

    if (!slice_to_u64(count, &messages) || access(path, F_OK) == 0) {
        (void)fprintf(stderr, "usage: store_bench [NEW-SQLITE-FILE [MESSAGES]]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)('a' + i * 7 % 26);
    (void)snprintf(url, sizeof url, "sqlite:%s", path);
    if (store_open(&config, &store, &why) != OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    reply = handoff_new();
    for (size_t i = 0; i < COUNT_OF(batches); i++)
        run(store, reply, batches[i], batches[i] == 1 ? messages / 10 : messages);
    store_close(store); /* whose thread is then done with `reply` */
    handoff_free(reply);
    (void)unlink(path);
    return 0;
}
