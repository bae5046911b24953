#include "reports/compose.h"

#include "mail/dkim.h"
#include "mail/report_mail.h"
#include "reports/calendar.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

static struct slice domain_of(struct slice address)
{
    size_t at = slice_find_last(address, '@');

    return at == SIZE_MAX ? slice_str("") : slice_from(address, at + 1);
}

void report_compose(const struct tlsrpt_row *rows, size_t len, struct slice domain, int64_t start_s,
                    const struct gateway *g, struct slice hostname, struct arena *arena, struct composition *out)
{
    struct tlsrpt_report *r = &out->report;
    bool is_named = g->report_from.len > 0;

    *out = (struct composition){ .domain = domain, .submitter = is_named ? domain_of(g->report_from) : hostname };
    tlsrpt_report_gather(rows, len, arena, r, &out->odd);
    r->organization = is_named ? g->report_organization : hostname;
    r->contact = g->report_contact;
    r->start_s = start_s;
    r->end_s = start_s + CALENDAR_DAY_S - 1;
    r->id = tlsrpt_report_id(start_s, out->submitter, domain, arena);
    for (size_t i = 0; i < r->policies_len; i++) {
        const struct tlsrpt_policy_report *p = &r->policies[i];

        out->success = p->success > UINT64_MAX - out->success ? UINT64_MAX : out->success + p->success;
        out->failure = p->failure > UINT64_MAX - out->failure ? UINT64_MAX : out->failure + p->failure;
        out->has_failures = out->has_failures || p->failure > 0 || p->policy.failures_len > 0;
    }
    out->json = tlsrpt_report_write(r, arena);
}

/* -- the mail ------------------------------------------------------------------------------------------------- */

static enum status read_key(struct slice file, char pem[static MAIL_DKIM_PEM_MAX], size_t *len, struct fault *why)
{
    char path[4096];
    ssize_t got;
    int fd;

    if (file.len == 0 || !slice_to_cstr(file, path, sizeof path))
        return fault_set(why, ERR_NOT_FOUND,
                         "no DKIM key is set, and receivers ignore reports that are not signed: set "
                         "report-dkim-selector and report-dkim-key");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_errno(why, "cannot open the DKIM key '%s'", path);
    got = read(fd, pem, MAIL_DKIM_PEM_MAX);
    close(fd);
    if (got < 0)
        return fault_errno(why, "cannot read the DKIM key '%s'", path);
    *len = (size_t)got;
    return OK;
}

static enum status new_signer(const struct composition *c, const struct gateway *g, struct mail_dkim_signer **out,
                              struct fault *why)
{
    char pem[MAIL_DKIM_PEM_MAX];
    size_t len = 0;
    enum status st = read_key(g->report_dkim_key, pem, &len, why);

    if (st == OK)
        st = mail_dkim_signer_new(c->submitter, g->report_dkim_selector, slice_of(pem, len), out, why);
    explicit_bzero(pem, sizeof pem);
    return st;
}

static enum status write_mail(const struct composition *c, struct slice gzip, const struct slice *to, size_t to_len,
                              const struct gateway *g, int64_t now_s, struct buf *out, struct fault *why)
{
    struct arena arena = { 0 };
    struct report_mail mail = {
        .from = g->report_from,
        .to = to,
        .to_len = to_len,
        .domain = c->domain,
        .submitter = c->submitter,
        .report_id = c->report.id,
        .text = tlsrpt_report_words(&c->report, c->submitter, c->domain, &arena),
        .file_name = tlsrpt_report_file(&c->report, c->submitter, c->domain, &arena),
        .gzip = gzip,
        .now_s = now_s,
    };
    enum status st;

    (void)!getrandom(mail.random, sizeof mail.random, 0);
    st = report_mail_write(&mail, out);
    arena_release(&arena);
    return st == OK ? OK
                    : fault_set(why, st,
                                "a report mail for '%.*s' cannot be written: it is too large, or an address in it "
                                "is none",
                                SLICE_FMT(c->domain));
}

enum status report_compose_mail(const struct composition *c, struct slice gzip, const struct slice *to, size_t to_len,
                                const struct gateway *g, int64_t now_s, struct buf *out, struct fault *why)
{
    struct mail_dkim_signer *signer;
    struct buf message;
    enum status st = new_signer(c, g, &signer, why);

    if (st != OK)
        return st;
    buf_init(&message, COMPOSE_MAIL_MAX);
    st = write_mail(c, gzip, to, to_len, g, now_s, &message, why);
    if (st == OK)
        st = mail_dkim_sign(signer, buf_slice(&message), now_s, out, why);
    if (st == OK)
        st = buf_add(out, buf_slice(&message));
    buf_release(&message);
    mail_dkim_signer_free(signer);
    return st;
}
