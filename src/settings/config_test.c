#include "settings/config.h"

#include "base/test.h"

#include <stdlib.h>
#include <unistd.h>

static enum status load(const char *text, struct config **out, struct fault *why)
{
    char path[] = "/tmp/sternpost-config-XXXXXX";
    int fd = mkstemp(path);
    size_t len = strlen(text);
    enum status st;

    CHECK(fd >= 0 && write(fd, text, len) == (ssize_t)len);
    close(fd);
    st = config_load(path, out, why);
    unlink(path);
    return st;
}

#define CERT "certificate \"default\" { chain = \"/c.pem\" key = \"/k.pem\" }\n"
#define MX "listener \"mx\" { role = \"mx\" address = {\"0.0.0.0:25\"} }\n"
#define HOST "hostname = \"mail.example.org\"\n"

/* The reference example, with every option. */
static const char whole[] =
    "hostname = \"Mail.Example.org\"   # ours\n"
    "store = \"sqlite:/tmp/s.db\"\n"
    "control-socket = \"/run/x.sock\"\n"
    "user = \"sternpost\"\n"
    "workers = 3\n"
    "log { level = \"debug\"  format = \"json\" }\n"
    "certificate \"default\" { chain = \"/c.pem\"  key = \"/k.pem\" }\n"
    "certificate \"other\" { chain = '/c2.pem'  key = '/k2.pem' }\n"
    "listener \"mx\" {\n"
    "  role = \"mx\"\n"
    "  address = {\"0.0.0.0:25\", \"[::]:25\"}\n"
    "  proxy-from = {\"192.0.2.0/24\", \"2001:db8::/32\"}\n"
    "  bare-newline = \"normalize\"\n"
    "  tls-profile = legacy\n"
    "}\n"
    "listener \"submissions\" { role = submission  address = {[::]:465}  tls = implicit  certificates = {\"other\"} }\n"
    "listener \"inside\" { role = relay  address = {10.0.0.1:25}  networks = {10.0.0.0/8}  tls = none }\n"
    "limits { message-size = \"10MiB\" recipients = 200 line = 1000 errors = 5 junk = 7 idle-timeout = \"1m\"\n"
    "  session-timeout = 2h handshake-timeout = 5s connections = 10 connections-per-address = 2\n"
    "  received-headers = 60 min-free-space = 0 }\n"
    "outbound { port = 2525 address4 = 192.0.2.9 address6 = 2001:db8::9 helo = \"out.example.org\"\n"
    "  tls-profile = modern connections = 9 connections-per-destination = 8 messages-per-connection = 7\n"
    "  servers-per-attempt = 6 addresses-per-attempt = 5 connect-timeout = 1s handshake-timeout = 2s\n"
    "  command-timeout = 3s end-timeout = 4s reuse-timeout = 0 allow-private = true retry = {\"1s\", \"2m\"} }\n"
    "resolver { forwarders = {127.0.0.1@53} stubs = {\"example.test=127.0.0.1@5301\"}\n"
    "  local-data = {\"mx.example.test. 60 IN A 127.0.0.2\"} trust-anchor-file = \"/r.key\"\n"
    "  trust-anchors = {\"a\", \"b\"} timeout = 3s }\n"
    "admin { address = \"127.0.0.1:8025\" }\n"
    "queue { trace-keep = 1d window = 20 dsn-per-minute = 2 }\n"
    "bridge { socketmap = \"unix:/run/s/policy.sock\" socketmap-mode = 0666 tlsrpt-socket = \"/run/s/tlsrpt.sock\"\n"
    "  tlsrpt-mode = \"0222\" group = postfix bracketed = policy }\n";

static void check_listeners(const struct config *c)
{
    char text[NET_ADDRESS_TEXT];
    const struct config_listener *l = c->listeners;

    CHECK_INT(c->listeners_len, 3);
    CHECK_STR(slice_str(l[0].name), "mx");
    CHECK(l[0].role == ROLE_MX && l[0].tls == LISTENER_STARTTLS && l[0].normalizes_newlines && !l[0].requires_tls);
    CHECK_STR(slice_str(net_address_text(&l[0].addresses[1], text)), "[::]:25");
    CHECK_INT(l[0].proxy_from_len, 2);
    CHECK_INT(l[0].proxy_from[1].bits, 32);
    CHECK(l[0].tls_config.profile == TLS_PROFILE_LEGACY && l[0].tls_config.asks_client_certificate);
    CHECK_INT(l[0].tls_config.certificates_len, 2);
    CHECK_STR(slice_str(l[0].tls_config.certificates[0].chain_file), "/c.pem");
    CHECK(l[1].role == ROLE_SUBMISSION && l[1].tls == LISTENER_IMPLICIT && l[1].requires_tls);
    CHECK_INT(l[1].tls_config.certificates_len, 1);
    CHECK_STR(slice_str(l[1].tls_config.certificates[0].key_file), "/k2.pem");
    CHECK(l[2].role == ROLE_RELAY && l[2].tls == LISTENER_CLEAR && !l[2].requires_tls);
    CHECK(l[2].networks_len == 1 && l[2].networks[0].bits == 8 && l[2].tls_config.certificates_len == 0);
}

TEST(config_with_everything)
{
    struct config *c = NULL;
    struct fault why = { "" };
    char text[NET_ADDRESS_TEXT];

    if (load(whole, &c, &why) != OK)
        fail_msg("%s", why.text);
    CHECK_STR(c->hostname, "mail.example.org");
    CHECK_STR(slice_str(c->store), "sqlite:/tmp/s.db");
    CHECK_STR(slice_str(c->user), "sternpost");
    CHECK(c->workers == 3 && c->log_level == LOG_LEVEL_DEBUG && c->log_format == LOG_FORMAT_JSON);
    check_listeners(c);
    CHECK(c->limits.message_bytes == 10 << 20 && c->limits.recipients == 200 && c->limits.line_bytes == 1000);
    CHECK(c->limits.idle_ms == 60000 && c->limits.session_ms == 7200000 && c->limits.min_free_bytes == 0);
    CHECK(c->outbound.port == 2525 && c->outbound.has_address4 && c->outbound.has_address6);
    CHECK_STR(slice_str(net_address_ip(&c->outbound.address6, text)), "2001:db8::9");
    CHECK_STR(c->outbound.helo, "out.example.org");
    CHECK(c->outbound.tls_profile == TLS_PROFILE_MODERN && c->outbound.allows_private && c->outbound.reuse_ms == 0);
    CHECK(c->outbound.retry_len == 2 && c->outbound.retry_s[0] == 1 && c->outbound.retry_s[1] == 120);
    CHECK(c->resolver.stubs_len == 1 && c->resolver.trust_anchors_len == 2 && c->resolver.timeout_ms == 3000);
    CHECK_STR(slice_str(c->resolver.local_data[0]), "mx.example.test. 60 IN A 127.0.0.2");
    CHECK(c->has_admin && c->queue.trace_keep_s == 86400 && c->queue.window == 20 && c->queue.dsn_per_minute == 2);
    CHECK_STR(slice_str(net_address_text(&c->admin, text)), "127.0.0.1:8025");
    CHECK_STR(slice_str(c->bridge.socketmap_path), "/run/s/policy.sock");
    CHECK_STR(slice_str(c->bridge.tlsrpt_socket), "/run/s/tlsrpt.sock");
    CHECK_STR(slice_str(c->bridge.group), "postfix");
    CHECK(c->bridge.socketmap_mode == 0666 && c->bridge.tlsrpt_mode == 0222 && c->bridge.asks_in_brackets);
    config_free(c);
}

TEST(config_defaults)
{
    struct config *c = NULL;
    struct fault why = { "" };

    if (load(HOST CERT MX "user = \"\"\noutbound { helo = \"\" address4 = \"\" }\nresolver { forwarders = {} }\n", &c, &why) != OK)
        fail_msg("%s", why.text);
    CHECK_STR(slice_str(c->control_socket), "/run/sternpost/control.sock");
    CHECK(c->user == NULL && c->workers == 0 && !c->has_admin && !c->outbound.has_address4);
    CHECK(c->log_level == LOG_LEVEL_INFO && c->log_format == LOG_FORMAT_LOGFMT);
    CHECK(c->limits.message_bytes == 50 << 20 && c->limits.errors == 20 && c->limits.session_ms == 3600000);
    CHECK_STR(c->outbound.helo, "mail.example.org");
    CHECK(c->outbound.retry_len == 6 && c->outbound.retry_s[0] == 300 && c->outbound.retry_s[5] == 14400);
    CHECK(c->resolver.forwarders_len == 0 && c->queue.trace_keep_s == 30 * 86400);
    CHECK(c->bridge.socketmap == NULL && c->bridge.tlsrpt_socket == NULL && c->bridge.group == NULL);
    CHECK(c->bridge.socketmap_mode == 0660 && c->bridge.tlsrpt_mode == 0220 && !c->bridge.asks_in_brackets);
    CHECK(c->listeners[0].tls_config.profile == TLS_PROFILE_INTERMEDIATE);
    config_free(c);
    config_free(NULL);
}

static const struct { const char *name, *text, *why; } bad_cases[] = {
    { "empty", "", ":1: 'hostname' is missing; add hostname = ... (Our name" },
    { "unknown option", HOST "adress = 1\n", ":2: no such option 'adress'; sternpost.conf(5) lists them" },
    { "unknown option, near a known one", HOST "worker = 1\n", ":2: no such option 'worker'; did you mean 'workers'?" },
    { "unknown option in a section", HOST "limits {\n recipient = 1\n}\n",
      ":3: no such option 'recipient'; did you mean 'recipients'?" },
    { "unknown section", HOST "listner \"x\" {\n}\n", ":2: no such option 'listner'; did you mean 'listener'?" },
    { "option of another section", HOST "recipients = 100\n", ":2: no such option 'recipients'" },
    { "twice", HOST "\n" HOST, ":3: 'hostname' is set a second time; keep one of them" },
    { "list twice", HOST CERT "listener \"mx\" { role = mx address = {0.0.0.0:25}\naddress = {} }\n",
      ":4: 'address' is set a second time" },
    { "section twice", "log { level = info }\nlog { format = json }\n", ":2: 'log' is set a second time" },
    { "title twice", HOST CERT MX "\n" MX, ":5: 'listener' is set a second time" },
    { "the same option in two sections is fine, a bad one is found", HOST CERT MX "listener \"b\" {\nrole = max\n}\n",
      ":5: role: 'max' is not known; one of mx|submission|relay" },
    { "no title", HOST "listener {\n}\n", ":2: missing title for section 'listener'" },
    { "section left open", HOST "log {\n level = info\n", ":2: '{' is opened here and never closed; add '}'" },
    { "list left open", HOST CERT "listener \"mx\" {\n address = {\"0.0.0.0:25\"\n}\n", ":3: '{' is opened here" },
    { "closed twice", HOST "log { level = info }\n}\n", ":3: '}' closes nothing" },
    { "string left open", "hostname = \"mail.example.org\nstore = \"x\"\n", ":1: a string is not closed" },
    { "single quotes left open", HOST "store = 'x\n", ":2: a string is not closed; put ' at its end" },
    { "environment", HOST "user = \"${HOME}\"\n", ":2: a value cannot come from the environment" },
    { "environment without quotes", HOST "user = ${HOME}\n", ":2: the character '$' stands outside of quotes" },
    { "single quotes keep a dollar", "hostname = '${HOME}'\n", ":1: hostname: '${HOME}' is not a domain name" },
    { "plus", HOST "user += x\n", ":2: '+=' is not known" },
    { "old comment", HOST "/* x */\n", ":2: a comment begins with '#'" },
    { "slashes in a value", HOST "user = a//b\n", ":2: '//' or '/*' stands inside a value" },
    { "star", HOST "user = a*b\n", ":2: the character '*' stands outside of quotes" },
    { "control byte", HOST "user = \x01\n", ":2: a byte that is not text (0x01)" },
    { "nested", HOST "log { log { log { log { log { log { log { log { log {\n", ":2: sections are nested too deeply" },
    { "no equal sign", HOST "user x\n", ":2: missing equal sign after option 'user'" },
    { "list for a scalar", HOST "user = {x}\n", ":2: unexpected token '{'" },
    { "two values", HOST "user = a b\n", ":2: no such option 'b'" },
    { "empty list item", HOST CERT "listener \"x\" { certificates = {\"\"} }\n", ":3: certificates: the value is empty" },
    { "empty scalar", HOST "store = \"\"\n", ":2: store: the value is empty" },
    { "bad name", "hostname = \"mail_1.example.org\"\n", ":1: hostname: 'mail_1.example.org' is not a domain name" },
    { "an address as a name", "hostname = 192.0.2.1\n", ":1: hostname: '192.0.2.1' is not a domain name" },
    { "number", HOST "workers = many\n", ":2: workers: 'many' is not a whole number" },
    { "negative", HOST "workers = -1\n", ":2: workers: '-1' is not a whole number" },
    { "range", HOST "limits { recipients = 99 }\n", ":2: recipients: 99 is out of range; 100 to 100000" },
    { "range over 64 bits", HOST "workers = 18446744073709551616\n", ":2: workers: '18446744073709551616' is not a whole" },
    { "port", HOST "outbound { port = 65536 }\n", ":2: port: 65536 is out of range; 1 to 65535" },
    { "duration", HOST "limits { idle-timeout = 5 }\n", ":2: idle-timeout: '5' is not a duration" },
    { "short duration", HOST "limits { idle-timeout = 5ms }\n", ":2: idle-timeout: 5ms is too short; at least 1s" },
    { "size", HOST "limits { message-size = 50MB }\n", ":2: message-size: '50MB' is not a size" },
    { "boolean", HOST "outbound { allow-private = 1 }\n", ":2: allow-private: '1' is neither true nor false" },
    { "address", HOST "admin { address = \"127.0.0.1\" }\n", ":2: address: '127.0.0.1' has no port" },
    { "family", HOST "outbound { address4 = \"2001:db8::1\" }\n", ":2: address4: '2001:db8::1' is not an IPv4 address" },
    { "network", HOST CERT "listener \"r\" { networks = {\"10.0.0.0/33\"} }\n", ":3: networks: " },
    { "retry", HOST "outbound { retry = {5m, soon} }\n", ":2: retry: 'soon' is not a duration" },
    { "store", HOST CERT MX "store = \"postgres://x\"\n", "the store 'postgres://x' is of no known kind" },
    { "no listener", HOST CERT, ":3: there is no listener" },
    { "socketmap, no scheme", HOST CERT MX "bridge { socketmap = \"/run/p.sock\" }\n",
      "bridge: socketmap '/run/p.sock' is no place to listen" },
    { "socketmap, not absolute", HOST CERT MX "bridge { socketmap = \"unix:p.sock\" }\n",
      "bridge: socketmap 'unix:p.sock' is no place to listen" },
    { "socketmap, reachable", HOST CERT MX "bridge { socketmap = \"0.0.0.0:8461\" }\n",
      "bridge: socketmap '0.0.0.0:8461' can be reached from outside" },
    { "socketmap, mode", HOST "bridge { socketmap-mode = rw }\n", ":2: socketmap-mode: 'rw' is not a file mode" },
    { "socketmap, decimal", HOST "bridge { socketmap-mode = 880 }\n", ":2: socketmap-mode: '880' is not a file mode" },
    { "socketmap, no mode", HOST "bridge { socketmap-mode = 0000 }\n", ":2: socketmap-mode: a file mode is from" },
    { "tlsrpt, no path", HOST CERT MX "bridge { tlsrpt-socket = \"tlsrpt.sock\" }\n",
      "bridge: tlsrpt-socket 'tlsrpt.sock' is no path" },
    { "brackets", HOST "bridge { bracketed = all }\n", ":2: bracketed: 'all' is not known; one of none|policy" },
    { "no role", HOST CERT "listener \"x\" {\n address = {0.0.0.0:25}\n}\n", ":5: 'role' is missing in a section listener" },
    { "no address", HOST CERT "listener \"x\" {\n role = mx\n address = {}\n}\n", ":6: 'address' is missing in a section" },
    { "no key", HOST MX "certificate \"default\" { chain = \"/c.pem\" }\n", ":3: 'key' is missing in a section certificate" },
    { "no certificate", HOST MX, ":2: listener 'mx' has TLS, but there is no certificate" },
    { "unknown certificate", HOST CERT "listener \"x\" { role = mx address = {0.0.0.0:25} certificates = {a} }\n",
      ":3: listener 'x' names the certificate 'a', which does not exist" },
    { "clear, but TLS required", HOST "listener \"x\" { role = mx address = {0.0.0.0:25} tls = none require-tls = yes }\n",
      ":2: listener 'x' requires TLS, but its tls is none" },
    { "clear submission must be said", HOST "listener \"x\" { role = submission address = {0.0.0.0:587} tls = none }\n",
      ":2: listener 'x' requires TLS, but its tls is none" },
    { "relay for nobody", HOST CERT "listener \"x\" { role = relay address = {0.0.0.0:25} }\n",
      ":3: listener 'x' of role relay has no networks" },
    { "networks that do nothing", HOST CERT "listener \"x\" { role = mx address = {0.0.0.0:25} networks = {10.0.0.0/8} }\n",
      ":3: listener 'x' has networks, which only role relay uses" },
    { "address twice", HOST CERT MX "listener \"x\" { role = mx address = {0.0.0.0:25} }\n",
      ":4: listener 'x' has the address 0.0.0.0:25, which listener 'mx' has already" },
    { "address twice in one", HOST CERT "listener \"x\" { role = mx address = {0.0.0.0:25, 0.0.0.0:25} }\n",
      ":3: listener 'x' has the address 0.0.0.0:25, which listener 'x' has already" },
};

TEST(config_says_what_is_wrong)
{
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
        struct config *c = NULL;
        struct fault why = { "" };

        if (load(bad_cases[i].text, &c, &why) != ERR_SYNTAX || strstr(why.text, bad_cases[i].why) == NULL)
            fail_msg("case '%s': got '%s'", bad_cases[i].name, why.text);
        CHECK_CASE(bad_cases[i].name, strncmp(why.text, "/tmp/sternpost-config-", 22) == 0 && c == NULL);
        CHECK_CASE(bad_cases[i].name, strchr(why.text, '\n') == NULL);
    }
}

TEST(config_file_is_not_there)
{
    struct config *c = NULL;
    struct fault why;

    CHECK(config_load("/tmp/sternpost-there-is-no-such-file", &c, &why) == ERR_NOT_FOUND);
    CHECK_STR(slice_str(why.text), "cannot open '/tmp/sternpost-there-is-no-such-file': No such file or directory");
}

/* The table is what the manual is made from: complete sentences, sections together, no name twice. */
TEST(config_options_are_told)
{
    const struct config_option *o;
    size_t len = config_options(&o);

    for (size_t i = 0; i < len; i++) {
        CHECK_CASE(o[i].name, o[i].help[0] >= 'A' && o[i].help[0] <= 'Z');
        CHECK_CASE(o[i].name, o[i].help[strlen(o[i].help) - 1] != '.');
        for (size_t k = 0; k < i; k++) {
            CHECK_CASE(o[i].name, strcmp(o[i].section, o[k].section) != 0 || strcmp(o[i].name, o[k].name) != 0);
            CHECK_CASE(o[i].name, strcmp(o[i].section, o[k].section) != 0 || strcmp(o[i - 1].section, o[i].section) == 0);
        }
    }
}

RUN_TESTS(T(config_with_everything), T(config_defaults), T(config_says_what_is_wrong), T(config_file_is_not_there),
          T(config_options_are_told))
