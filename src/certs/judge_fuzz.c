/* Chains that nobody vouches for: certificates with two bytes of length before each. Whatever they hold, there is a
 * verdict, in words that can be shown; none is trusted, for the store holds a stranger alone. */
#include "base/fuzz.h"
#include "base/utf8.h"
#include "certs/judge.h"
#include "net/minica.h"
#include "net/tls_trust.h"

#include <unistd.h>

enum { CHAIN_MAX = 32 };

static const char *bundle(void)
{
    static char path[] = "/tmp/sternpost-fuzz-XXXXXX";
    static bool is_made;
    X509_STORE *store;
    struct minica *ca;
    struct fault why;
    int fd;

    if (is_made)
        return path;
    fd = mkstemp(path);
    must(fd >= 0);
    close(fd);
    ca = minica_new("Stranger");
    must(minica_write_root(ca, path, &why) == OK);
    minica_free(ca);
    must(tls_trust_store(path, &store, &why) == OK); /* kept, though the file goes */
    X509_STORE_free(store);
    (void)unlink(path);
    is_made = true;
    return path;
}

static size_t split(struct slice in, struct slice *out)
{
    size_t len = 0;

    while (in.len >= 2 && len < CHAIN_MAX) {
        size_t size = (size_t)(unsigned char)in.ptr[0] << 8 | (unsigned char)in.ptr[1];

        out[len++] = slice_first(slice_from(in, 2), size);
        in = slice_from(in, 2 + size);
    }
    return len;
}

static void must_be_printable(struct slice s)
{
    while (s.len > 0) {
        size_t n = utf8_printable_len(s);

        must(n > 0);
        s = slice_from(s, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice chain[CHAIN_MAX];
    size_t chain_len = split(slice_of((const char *)data, len), chain);
    struct judge_context context = { .how = (enum judge_how)(len % 4 == JUDGE_DANE ? JUDGE_MTA_STS : len % 4),
                                     .name = SLICE_LIT("mx.example.test"),
                                     .ca_file = bundle(),
                                     .now_s = 1800000000 };
    struct arena arena = { 0 };
    struct judgement j;
    struct fault why;

    if (judge_chain(chain, chain_len, &context, &arena, &j, &why) == OK) {
        must(!j.is_trusted && j.findings_len > 0 && j.worst == j.findings[0].severity);
        for (size_t i = 0; i < j.findings_len; i++) {
            must_be_printable(j.findings[i].seen);
            must_be_printable(j.findings[i].advice);
        }
    }
    arena_release(&arena);
    return 0;
}
