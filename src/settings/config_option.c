#include "settings/config.h"

#include "settings/config_draft.h"
#include "settings/config_value.h"

#define TOP(m) offsetof(struct config_draft, out.m)
#define LIS(m) offsetof(struct listener_draft, m)
#define CERT(m) offsetof(struct certificate_draft, m)

/* Words are read as int into these enums. */
_Static_assert(sizeof(enum listener_role) == sizeof(int) && sizeof(enum tls_profile) == sizeof(int) &&
                   sizeof(enum log_level) == sizeof(int),
               "an enum has the size of an int");

static const struct config_option options[] = {
    { "", "hostname", "host name", "", "Our name in greetings, EHLO, Received and DSNs; its address records should point here",
      .is_required = true, .kind = &config_host_name, .offset = TOP(hostname) },
    { "", "store", "string", "sqlite:/var/lib/sternpost/sternpost.db", "Where messages and settings are kept: sqlite:/PATH",
      .kind = &config_text, .offset = TOP(store) },
    { "", "control-socket", "string", "/run/sternpost/control.sock", "Socket on which the commands of sternpost reach the daemon",
      .kind = &config_text, .offset = TOP(control_socket) },
    { "", "user", "string", "", "User to become after the listeners are bound, when started as root; empty: stay",
      .kind = &config_text, .offset = TOP(user) },
    { "", "workers", "number", "0", "Threads that serve connections; 0: one for each processor core",
      .kind = &config_number, .offset = TOP(workers), .max = 256 },

    { "log", "level", "error|warning|info|debug", "info", "The least important lines that are still written",
      .kind = &config_word, .offset = TOP(log_level) },
    { "log", "format", "logfmt|json", "logfmt", "How a line of the log is written",
      .kind = &config_word, .offset = TOP(log_format) },

    { "certificate", "chain", "string", "", "PEM file with the certificate and its intermediates, the leaf first",
      .is_required = true, .kind = &config_text, .offset = CERT(files.chain_file) },
    { "certificate", "key", "string", "", "PEM file with the private key",
      .is_required = true, .kind = &config_text, .offset = CERT(files.key_file) },

    { "listener", "role", "mx|submission|relay", "", "What it is for: mail from the internet for our domains, mail of signed-in "
      "users, or mail from trusted networks to anywhere",
      .is_required = true, .kind = &config_word, .offset = LIS(out.role) },
    { "listener", "address", "address with port", "", "Where it listens, such as 0.0.0.0:25 and [::]:25",
      .is_list = true, .is_required = true, .kind = &config_address, .offset = LIS(out.addresses),
      .also = LIS(out.addresses_len) },
    { "listener", "tls", "starttls|implicit|none", "starttls", "How TLS begins: by STARTTLS, from the first byte (port 465), never",
      .kind = &config_word, .offset = LIS(out.tls) },
    { "listener", "certificates", "string", "", "Names of the certificate sections it uses, the first for clients without SNI; empty: all",
      .is_list = true, .kind = &config_text, .offset = LIS(certificates), .also = LIS(certificates_len) },
    { "listener", "tls-profile", "modern|intermediate|legacy", "intermediate", "Versions and ciphers offered: TLS 1.3 alone, TLS 1.2 "
      "and later, or TLS 1.0 and later",
      .kind = &config_word, .offset = LIS(out.tls_config.profile) },
    { "listener", "networks", "network", "", "Who may relay through a listener of role relay, such as 10.0.0.0/8",
      .is_list = true, .kind = &config_network, .offset = LIS(out.networks), .also = LIS(out.networks_len) },
    { "listener", "proxy-from", "network", "", "Load balancers that speak the PROXY protocol to us",
      .is_list = true, .kind = &config_network, .offset = LIS(out.proxy_from), .also = LIS(out.proxy_from_len) },
    { "listener", "bare-newline", "reject|normalize", "reject", "What becomes of a message with line ends other than CR LF",
      .kind = &config_word, .offset = LIS(bare_newline) },
    { "listener", "require-tls", "true or false", "", "Refuse mail outside TLS; true for role submission unless set, else false",
      .kind = &config_yes_no, .offset = LIS(out.requires_tls), .also = LIS(requires_tls_is_set) },

    { "limits", "message-size", "size", "50MiB", "The largest message taken, announced by SIZE",
      .kind = &config_size, .offset = TOP(limits.message_bytes) },
    { "limits", "recipients", "number", "1000", "Recipients of one message (RFC 5321 asks for at least 100)",
      .kind = &config_number, .offset = TOP(limits.recipients), .min = 100, .max = 100000 },
    { "limits", "line", "number", "2048", "Bytes of a command line, with CR LF",
      .kind = &config_number, .offset = TOP(limits.line_bytes), .min = 512, .max = 65536 },
    { "limits", "errors", "number", "20", "Refused commands before a session is closed",
      .kind = &config_number, .offset = TOP(limits.errors), .min = 1, .max = 10000 },
    { "limits", "junk", "number", "100", "Commands without effect (NOOP, RSET, VRFY) before a session is closed",
      .kind = &config_number, .offset = TOP(limits.junk), .min = 1, .max = 100000 },
    { "limits", "idle-timeout", "duration", "5m", "How long a client may be silent",
      .kind = &config_duration_ms, .offset = TOP(limits.idle_ms), .min = 1000 },
    { "limits", "session-timeout", "duration", "1h", "How long a session may last in all",
      .kind = &config_duration_ms, .offset = TOP(limits.session_ms), .min = 1000 },
    { "limits", "handshake-timeout", "duration", "30s", "How long a TLS handshake may take",
      .kind = &config_duration_ms, .offset = TOP(limits.handshake_ms), .min = 1000 },
    { "limits", "connections", "number", "5000", "Sessions at the same time, over all listeners",
      .kind = &config_number, .offset = TOP(limits.connections), .min = 1, .max = 1000000 },
    { "limits", "connections-per-address", "number", "50", "The same from one IPv4 address or IPv6 /64 network",
      .kind = &config_number, .offset = TOP(limits.connections_per_address), .min = 1, .max = 1000000 },
    { "limits", "received-headers", "number", "50", "Received headers of a message before it counts as a loop",
      .kind = &config_number, .offset = TOP(limits.received_headers), .min = 10, .max = 1000 },
    { "limits", "min-free-space", "size", "100MiB", "Mail is refused for now while the store's disk has less than this",
      .kind = &config_size, .offset = TOP(limits.min_free_bytes) },

    { "outbound", "port", "port", "25", "Port of recipients' mail exchangers",
      .kind = &config_port, .offset = TOP(outbound.port), .min = 1, .max = 65535 },
    { "outbound", "address4", "IP address", "", "IPv4 address to connect from; empty: the system chooses",
      .kind = &config_ip, .offset = TOP(outbound.address4), .also = TOP(outbound.has_address4), .max = 4 },
    { "outbound", "address6", "IP address", "", "IPv6 address to connect from; empty: the system chooses",
      .kind = &config_ip, .offset = TOP(outbound.address6), .also = TOP(outbound.has_address6), .max = 6 },
    { "outbound", "helo", "host name", "", "Name we give in EHLO; empty: the hostname",
      .kind = &config_host_name, .offset = TOP(outbound.helo), .also = offsetof(struct config_draft, helo_is_set) },
    { "outbound", "tls-profile", "modern|intermediate|legacy", "intermediate", "Versions and ciphers we offer to other servers",
      .kind = &config_word, .offset = TOP(outbound.tls_profile) },
    { "outbound", "connections", "number", "1000", "Connections to other servers at the same time",
      .kind = &config_number, .offset = TOP(outbound.connections), .min = 1, .max = 100000 },
    { "outbound", "connections-per-destination", "number", "20", "The same to one destination",
      .kind = &config_number, .offset = TOP(outbound.connections_per_destination), .min = 1, .max = 10000 },
    { "outbound", "messages-per-connection", "number", "100", "Messages over one connection before it is closed",
      .kind = &config_number, .offset = TOP(outbound.messages_per_connection), .min = 1, .max = 100000 },
    { "outbound", "servers-per-attempt", "number", "5", "Mail exchangers tried in one attempt",
      .kind = &config_number, .offset = TOP(outbound.servers_per_attempt), .min = 1, .max = 50 },
    { "outbound", "addresses-per-attempt", "number", "10", "Addresses of them tried in one attempt",
      .kind = &config_number, .offset = TOP(outbound.addresses_per_attempt), .min = 1, .max = 100 },
    { "outbound", "connect-timeout", "duration", "30s", "How long a connection may take to be made",
      .kind = &config_duration_ms, .offset = TOP(outbound.connect_ms), .min = 100 },
    { "outbound", "handshake-timeout", "duration", "30s", "How long a TLS handshake may take",
      .kind = &config_duration_ms, .offset = TOP(outbound.handshake_ms), .min = 100 },
    { "outbound", "command-timeout", "duration", "5m", "How long the answer to a command may take (RFC 5321 section 4.5.3.2)",
      .kind = &config_duration_ms, .offset = TOP(outbound.command_ms), .min = 100 },
    { "outbound", "end-timeout", "duration", "10m", "How long the answer to the end of a message may take",
      .kind = &config_duration_ms, .offset = TOP(outbound.end_ms), .min = 100 },
    { "outbound", "reuse-timeout", "duration", "10s", "How long an idle connection is kept for the next message; 0: not at all",
      .kind = &config_duration_ms, .offset = TOP(outbound.reuse_ms) },
    { "outbound", "allow-private", "true or false", "false", "Deliver to mail exchangers with private or loopback addresses",
      .kind = &config_yes_no, .offset = TOP(outbound.allows_private) },
    { "outbound", "retry", "duration", "{5m, 15m, 30m, 1h, 2h, 4h}", "Waits between attempts; the last one repeats",
      .is_list = true, .kind = &config_duration_s, .offset = TOP(outbound.retry_s), .also = TOP(outbound.retry_len), .min = 1000 },

    { "resolver", "forwarders", "string", "", "Servers that are asked instead of the root, such as 192.0.2.1 or 127.0.0.1@5353",
      .is_list = true, .kind = &config_text, .offset = TOP(resolver.forwarders), .also = TOP(resolver.forwarders_len) },
    { "resolver", "stubs", "string", "", "Zones with servers of their own, such as example.test=127.0.0.1@5301",
      .is_list = true, .kind = &config_text, .offset = TOP(resolver.stubs), .also = TOP(resolver.stubs_len) },
    { "resolver", "local-data", "string", "", "Records answered here, such as \"mx.example.test. 60 IN A 127.0.0.2\"",
      .is_list = true, .kind = &config_text, .offset = TOP(resolver.local_data), .also = TOP(resolver.local_data_len) },
    { "resolver", "trust-anchor-file", "string", "/usr/share/dns/root.key", "Keys of the root, for DNSSEC",
      .kind = &config_text, .offset = TOP(resolver.trust_anchor_file) },
    { "resolver", "trust-anchors", "string", "", "Further DS or DNSKEY records to trust",
      .is_list = true, .kind = &config_text, .offset = TOP(resolver.trust_anchors), .also = TOP(resolver.trust_anchors_len) },
    { "resolver", "timeout", "duration", "10s", "How long one look-up may take",
      .kind = &config_duration_ms, .offset = TOP(resolver.timeout_ms), .min = 100 },

    { "admin", "address", "address with port", "", "Where metrics and health are served by HTTP, such as 127.0.0.1:8025; empty: nowhere",
      .kind = &config_address, .offset = TOP(admin), .also = TOP(has_admin) },

    { "queue", "trace-keep", "duration", "30d", "How long the traces of finished messages are kept",
      .kind = &config_duration_s, .offset = TOP(queue.trace_keep_s), .min = 1000 },
    { "queue", "window", "number", "2000", "Due deliveries held in memory",
      .kind = &config_number, .offset = TOP(queue.window), .min = 10, .max = 1000000 },
    { "queue", "dsn-per-minute", "number", "60", "Delivery reports a minute to addresses of one domain",
      .kind = &config_number, .offset = TOP(queue.dsn_per_minute), .min = 1, .max = 100000 },
};

size_t config_options(const struct config_option **out)
{
    *out = options;
    return COUNT_OF(options);
}
