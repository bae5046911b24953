#include "cli/demo_world.h"

#include "base/buf.h"
#include "cli/demo_certificates.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 32 * 1024, SERVERS_MOST = 32 };

static const char *file_in(struct demo_world *w, const char *name, const char *ending)
{
    return demo_file(&w->arena, w->folder, name, ending);
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

/* -- the daemon's files ----------------------------------------------------------------------------------------------
 */

static enum status write_config(struct demo_world *w, struct fault *why)
{
    struct buf text;
    enum status st;

    buf_init(&text, TEXT_MAX);
    (void)!buf_addf(
        &text,
        "hostname = \"gateway.demo.test\"\n"
        "store = \"sqlite:%s/sternpost.db\"\n"
        "control-socket = \"%s\"\n"
        "user = \"\"\n"
        "certificate \"gateway\" { chain = \"%s\" key = \"%s\" }\n"
        "listener \"mx\" { role = \"mx\" address = {\"127.0.0.1:%d\"} tls = \"starttls\" }\n"
        "listener \"submission\" { role = \"submission\" address = {\"127.0.0.1:%d\"} tls = \"starttls\" }\n"
        "listener \"relay\" { role = \"relay\" address = {\"127.0.0.1:%d\"} tls = \"starttls\" "
        "networks = {\"127.0.0.0/8\"} }\n"
        "outbound { port = %d https-port = %d ca-file = \"%s\" allow-private = true retry = {\"3s\"} }\n"
        "admin { address = \"127.0.0.1:%d\" }\n",
        w->folder, w->socket, file_in(w, DEMO_GATEWAY, ".pem"), file_in(w, DEMO_GATEWAY, ".key"), DEMO_MX_PORT,
        DEMO_SUBMISSION_PORT, DEMO_RELAY_PORT, DEMO_PEER_PORT, DEMO_HTTPS_PORT, w->ca_file, DEMO_ADMIN_PORT);
    (void)!demo_dns_write_config(w->dns, &text);
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
        "  \"gateway\": { \"gateway\": { \"report-from\": \"tls-reports@home.test\" } },\n"
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

/* -- servers
 * -------------------------------------------------------------------------------------------------------------- */

static enum status start_servers(struct demo_world *w, struct fault *why)
{
    struct demo_peer_config peers[SERVERS_MOST];
    const struct demo_server *servers;
    size_t len = demo_servers(&servers);

    assert(len <= SERVERS_MOST);
    for (size_t i = 0; i < len; i++) {
        const struct demo_server *who = &servers[i];
        bool has_tls = who->certificate != DEMO_NONE;

        peers[i] = (struct demo_peer_config){
            .name = who->name,
            .ip = who->ip,
            .port = DEMO_PEER_PORT,
            .chain_file = has_tls ? file_in(w, who->name, ".pem") : NULL,
            .key_file = has_tls ? file_in(w, who->name, ".key") : NULL,
            .is_late = who->is_late,
            .offers_requiretls = who->offers_requiretls,
        };
    }
    return demo_peers_start(peers, len, &w->peers, why);
}

enum status demo_world_start(struct demo_world *w, struct fault *why)
{
    enum status st = start_servers(w, why);

    if (st == OK)
        st = demo_policy_host_start(w->folder, &w->policy_host, why);
    if (st == OK)
        st = demo_dns_start(w->dns, why);
    return st;
}

/* -- life
 * ----------------------------------------------------------------------------------------------------------------- */

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
        st = demo_certificates_make(w->folder, why);
    if (st == OK)
        st = demo_dns_new(w->folder, &w->dns, why);
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
    demo_policy_host_stop(w->policy_host);
    demo_dns_free(w->dns);
    if (w->folder != NULL)
        remove_folder(w->folder);
    arena_release(&w->arena);
}
