#include "cli/demo_world.h"

#include "base/buf.h"
#include "net/minica.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Who lives in this world. */
static const struct inhabitant {
    const char *name, *ip;
    bool        has_tls, is_expired, is_late;
} inhabitants[] = {
    { "mx.good.test", "127.0.0.11", true, false, false },
    { "mx.clear.test", "127.0.0.12", false, false, false },
    { "mx.expired.test", "127.0.0.13", true, true, false },
    { "mx.late.test", "127.0.0.14", true, false, true },
    { "alternate.test", "127.0.0.15", true, false, false },
    { "inside.home.test", "127.0.0.16", true, false, false },
};

static const struct { const char *domain, *mx; } domains[] = {
    { "good.test", "mx.good.test" },       { "verified.test", "mx.good.test" }, { "clear.test", "mx.clear.test" },
    { "bank.test", "mx.clear.test" },      { "clinic.test", "mx.clear.test" },  { "expired.test", "mx.expired.test" },
    { "strict.test", "mx.expired.test" },  { "late.test", "mx.late.test" },
};

enum { TEXT_MAX = 32 * 1024, DAY_S = 86400 };

static const char *file_in(struct demo_world *w, const char *name, const char *ending)
{
    return arena_printf(&w->arena, "%s/%s%s", w->folder, name, ending).ptr;
}

static enum status write_file(const char *path, struct slice text, struct fault *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0)
        return fault_errno(why, "cannot create '%s'", path);
    n = write(fd, text.ptr, text.len);
    close(fd);
    return n == (ssize_t)text.len ? OK : fault_errno(why, "cannot write '%s'", path);
}

/* -- certificates -------------------------------------------------------------------------------------------------- */

static enum status issue(struct demo_world *w, const struct minica *ca, const char *name, bool is_expired,
                         struct fault *why)
{
    struct minica_leaf leaf = { .names = &name, .names_len = 1, .key = MINICA_P256 };

    if (is_expired) {
        leaf.valid_from_s = -10 * DAY_S;
        leaf.valid_for_s = 9 * DAY_S;
    }
    return minica_issue(ca, &leaf, file_in(w, name, ".pem"), file_in(w, name, ".key"), why);
}

static enum status make_certificates(struct demo_world *w, struct fault *why)
{
    struct minica *ca = minica_new("sternpost demo CA");
    enum status st = minica_write_root(ca, w->ca_file, why);

    if (st == OK)
        st = issue(w, ca, "gateway.demo.test", false, why);
    for (size_t i = 0; i < COUNT_OF(inhabitants) && st == OK; i++)
        if (inhabitants[i].has_tls)
            st = issue(w, ca, inhabitants[i].name, inhabitants[i].is_expired, why);
    minica_free(ca);
    return st;
}

/* -- the daemon's files ---------------------------------------------------------------------------------------------- */

static void add_dns(struct buf *text)
{
    (void)!buf_addf(text, "resolver {\n  local-data = {\n");
    for (size_t i = 0; i < COUNT_OF(domains); i++)
        (void)!buf_addf(text, "    \"%s. 60 IN MX 10 %s.\",\n", domains[i].domain, domains[i].mx);
    for (size_t i = 0; i < COUNT_OF(inhabitants); i++)
        (void)!buf_addf(text, "    \"%s. 60 IN A %s\"%s\n", inhabitants[i].name, inhabitants[i].ip,
                        i + 1 < COUNT_OF(inhabitants) ? "," : "");
    (void)!buf_addf(text, "  }\n}\n");
}

static enum status write_config(struct demo_world *w, struct fault *why)
{
    struct buf text;
    enum status st;

    buf_init(&text, TEXT_MAX);
    (void)!buf_addf(&text,
                    "hostname = \"gateway.demo.test\"\n"
                    "store = \"sqlite:%s/sternpost.db\"\n"
                    "control-socket = \"%s\"\n"
                    "user = \"\"\n"
                    "certificate \"gateway\" { chain = \"%s\" key = \"%s\" }\n"
                    "listener \"mx\" { role = \"mx\" address = {\"127.0.0.1:%d\"} tls = \"starttls\" }\n"
                    "listener \"submission\" { role = \"submission\" address = {\"127.0.0.1:%d\"} tls = \"starttls\" }\n"
                    "listener \"relay\" { role = \"relay\" address = {\"127.0.0.1:%d\"} tls = \"starttls\" "
                    "networks = {\"127.0.0.0/8\"} }\n"
                    "outbound { port = %d allow-private = true retry = {\"3s\"} }\n"
                    "admin { address = \"127.0.0.1:%d\" }\n",
                    w->folder, w->socket, file_in(w, "gateway.demo.test", ".pem"),
                    file_in(w, "gateway.demo.test", ".key"), DEMO_MX_PORT, DEMO_SUBMISSION_PORT, DEMO_RELAY_PORT,
                    DEMO_PEER_PORT, DEMO_ADMIN_PORT);
    add_dns(&text);
    st = write_file(w->config_file, buf_slice(&text), why);
    buf_release(&text);
    return st;
}

/* What an administrator would enter with `sternpost domain add`, `host add`, `rule add` and so on. */
static void make_settings(struct demo_world *w)
{
    unsigned char random[12];
    char *password = arena_alloc(&w->arena, 2 * sizeof random + 1);

    randombytes_buf(random, sizeof random);
    w->password = sodium_bin2hex(password, 2 * sizeof random + 1, random, sizeof random);
    w->settings = arena_printf(
        &w->arena,
        "{ \"sternpost-settings\": 1,\n"
        "  \"domain\": { \"home.test\": {} },\n"
        "  \"host\": {\n"
        "    \"inside\": { \"servers\": [\"inside.home.test:%d\"], \"tls\": \"verify\", \"ca\": \"%s\","
        " \"allow-private\": true },\n"
        "    \"alternate\": { \"servers\": [\"alternate.test:%d\"], \"tls\": \"verify\", \"ca\": \"%s\","
        " \"allow-private\": true } },\n"
        "  \"route\": { \"home.test\": { \"host\": \"inside\" } },\n"
        "  \"rule\": {\n"
        "    \"verified\": { \"to\": [\"verified.test\"], \"level\": \"verify\", \"ca\": \"%s\", \"names\":"
        " [\"mx.good.test\"] },\n"
        "    \"bank\": { \"to\": [\"bank.test\"], \"level\": \"encrypt\", \"alternate\":"
        " \"alternate\" },\n"
        "    \"clinic\": { \"to\": [\"clinic.test\"], \"level\": \"encrypt\", \"on-failure\": \"bounce\" },\n"
        "    \"strict\": { \"to\": [\"strict.test\"], \"level\": \"verify\", \"ca\": \"%s\", \"names\":"
        " [\"mx.expired.test\"], \"alternate\": \"alternate\" },\n"
        "    \"partner\": { \"direction\": \"inbound\", \"from\": [\"partner.test\"], \"level\": \"encrypt\" } },\n"
        "  \"user\": { \"demo\": { \"password\": \"%s\" } } }\n",
        DEMO_PEER_PORT, w->ca_file, DEMO_PEER_PORT, w->ca_file, w->ca_file, w->ca_file, w->password);
}

/* -- servers -------------------------------------------------------------------------------------------------------------- */

enum status demo_world_start_peers(struct demo_world *w, struct fault *why)
{
    struct demo_peer_config peers[COUNT_OF(inhabitants)];

    for (size_t i = 0; i < COUNT_OF(inhabitants); i++) {
        const struct inhabitant *who = &inhabitants[i];

        peers[i] = (struct demo_peer_config){
            .name = who->name,
            .ip = who->ip,
            .port = DEMO_PEER_PORT,
            .chain_file = who->has_tls ? file_in(w, who->name, ".pem") : NULL,
            .key_file = who->has_tls ? file_in(w, who->name, ".key") : NULL,
            .is_late = who->is_late,
        };
    }
    return demo_peers_start(peers, COUNT_OF(peers), &w->peers, why);
}

/* -- life ----------------------------------------------------------------------------------------------------------------- */

static enum status make_folder(struct demo_world *w, struct fault *why)
{
    char path[] = "/tmp/sternpost-demo-XXXXXX";

    if (mkdtemp(path) == NULL)
        return fault_errno(why, "cannot make a folder '%s'", path);
    w->folder = arena_copy(&w->arena, slice_str(path)).ptr;
    w->config_file = file_in(w, "sternpost", ".conf");
    w->socket = file_in(w, "control", ".sock");
    w->log_file = file_in(w, "sternpost", ".log");
    w->ca_file = file_in(w, "ca", ".pem");
    return OK;
}

enum status demo_world_init(struct demo_world *w, struct fault *why)
{
    enum status st;

    *w = (struct demo_world){ 0 };
    st = make_folder(w, why);
    if (st == OK)
        st = make_certificates(w, why);
    if (st == OK)
        st = write_config(w, why);
    if (st == OK)
        make_settings(w);
    else
        demo_world_release(w);
    return st;
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);

    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir))
        (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    (void)rmdir(path);
}

void demo_world_release(struct demo_world *w)
{
    demo_peers_stop(w->peers);
    if (w->folder != NULL)
        remove_folder(w->folder);
    arena_release(&w->arena);
}
