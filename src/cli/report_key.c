/* `sternpost report key`: the key that signs TLS reports by mail, and the record that lets others verify them. */
#include "cli/client.h"
#include "cli/commands.h"

#include "domains/own_record.h"
#include "mail/dkim.h"
#include "settings/domain_name.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP "sternpost"

enum { RECORD_MAX = 2048 };

static bool read_type(const struct invocation *inv, enum mail_dkim_algorithm *out)
{
    const char *given = invocation_option(inv, "type");

    *out = given != NULL && strcmp(given, "ed25519") == 0 ? MAIL_DKIM_ED25519_SHA256 : MAIL_DKIM_RSA_SHA256;
    return given == NULL || strcmp(given, "rsa") == 0 || *out == MAIL_DKIM_ED25519_SHA256;
}

/* The daemon reads it when it is no longer root. Where its group is not there, the file is for its owner alone. */
static void let_daemon_read(int fd)
{
    struct group found, *g = NULL;
    char text[1024];

    if (geteuid() == 0 && getgrnam_r(GROUP, &found, text, sizeof text, &g) == 0 && g != NULL && fchown(fd, (uid_t)-1, g->gr_gid) == 0)
        (void)fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP);
}

static enum status write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno != EINTR)
            return ERR_TEMPORARY;
        bytes = slice_from(bytes, n < 0 ? 0 : (size_t)n);
    }
    return fsync(fd) == 0 ? OK : ERR_TEMPORARY;
}

/* Nothing is overwritten: reports signed with the key of now must stay good. */
static int make(const char *file, enum mail_dkim_algorithm type, struct buf *pem)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (fd < 0)
        return complain(EXIT_NEGATIVE, "cannot make '%s': %s", file, strerror(errno));
    if (mail_dkim_key_generate(type, pem) != OK || write_all(fd, buf_slice(pem)) != OK) {
        (void)complain(0, "cannot write '%s': %s", file, strerror(errno));
        close(fd);
        (void)unlink(file);
        return EXIT_NEGATIVE;
    }
    let_daemon_read(fd);
    close(fd);
    return EXIT_DONE;
}

static int read_file(const char *file, struct buf *pem)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    size_t room;
    char *at = buf_room(pem, MAIL_DKIM_PEM_MAX, &room);
    ssize_t n = fd < 0 ? -1 : read(fd, at, room);
    int why = errno;

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return complain(EXIT_NEGATIVE, "cannot read '%s': %s", file, strerror(why));
    buf_grew(pem, (size_t)n);
    return EXIT_DONE;
}

static void show(const struct invocation *inv, const char *name, struct slice record, bool is_new)
{
    struct arena arena = { 0 };
    struct slice value = own_record_value_text(DNS_TXT, record, &arena);

    if (invocation_has(inv, "json")) {
        print_json(json_pack("{s:s, s:b, s:s, s:s%}", "file", inv->args[0], "made", is_new, "name", name, "record",
                             record.ptr, record.len));
    } else {
        (void)printf("%s %s; publish the other half:\n%s. IN TXT %.*s\n", inv->args[0],
                     is_new ? "was made" : "is there already, and stays as it is", name, SLICE_FMT(value));
    }
    arena_release(&arena);
}

/* Can the daemon sign with it, in this name? */
static int check(const char *file, struct slice pem, struct slice domain, struct slice selector)
{
    struct mail_dkim_signer *signer = NULL;
    struct fault why;

    if (mail_dkim_signer_new(domain, selector, pem, &signer, &why) != OK)
        return complain(EXIT_NEGATIVE, "'%s': %s", file, why.text);
    mail_dkim_signer_free(signer);
    return EXIT_DONE;
}

static int read_domain(const struct invocation *inv, struct slice *out)
{
    const char *domain = invocation_option(inv, "domain");
    struct fault why;

    if (domain == NULL || invocation_option(inv, "selector") == NULL)
        return complain(EXIT_USAGE,
                        "--domain and --selector are needed: whose reports it signs, and a name for the key, such as "
                        "tlsrpt2026");
    if (domain_name_normalise(slice_str(domain), inv->arena, out, &why) != OK)
        return complain(EXIT_USAGE, "--domain: %s", why.text);
    return EXIT_DONE;
}

int run_report_key(const struct invocation *inv)
{
    const char *file = inv->args[0], *selector = invocation_option(inv, "selector");
    enum mail_dkim_algorithm type;
    bool is_new = access(file, F_OK) != 0;
    struct buf pem, record;
    struct slice domain;
    struct fault why;
    int code = read_domain(inv, &domain);

    if (code == EXIT_DONE && !read_type(inv, &type))
        code = complain(EXIT_USAGE, "--type is rsa or ed25519");
    if (code != EXIT_DONE)
        return code;
    buf_init(&pem, MAIL_DKIM_PEM_MAX);
    buf_init(&record, RECORD_MAX);
    code = is_new ? make(file, type, &pem) : read_file(file, &pem);
    if (code == EXIT_DONE)
        code = check(file, buf_slice(&pem), domain, slice_str(selector));
    if (code == EXIT_DONE && mail_dkim_key_record(buf_slice(&pem), &record, &why) != OK)
        code = complain(EXIT_NEGATIVE, "'%s': %s", file, why.text);
    if (code == EXIT_DONE)
        show(inv, arena_printf(inv->arena, "%s._domainkey.%.*s", selector, SLICE_FMT(domain)).ptr, buf_slice(&record),
             is_new);
    if (pem.mem != NULL)
        explicit_bzero(pem.mem, pem.cap);
    buf_release(&pem);
    buf_release(&record);
    return code;
}
