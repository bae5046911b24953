#include "cli/commands.h"
#include "cli/setting.h"

#define OPTIONS(o) .options = (o), .options_len = COUNT_OF(o)

enum { ARGS_MANY = 10000, CHECK_MANY = 1000 };

static const struct command_option queue_filter[] = {
    { "domain", 0, "DOMAIN", false, "only messages with a recipient in this domain" },
    { "sender", 0, "ADDRESS", false, "only messages from this sender" },
    { "limit", 0, "NUMBER", false, "at most so many messages" },
};

static const struct command_option queue_choice[] = {
    { "domain", 0, "DOMAIN", false, "all messages with a recipient in this domain" },
    { "sender", 0, "ADDRESS", false, "all messages from this sender" },
    { "all", 0, NULL, false, "every message in the queue" },
};

static const struct command_option report_list_options[] = {
    { "domain", 0, "DOMAIN", false, "only reports to this domain" },
    { "since", 0, "DAY", false, "only reports of this day and later ones, such as 2026-11-24 (UTC)" },
    { "limit", 0, "NUMBER", false, "at most so many reports, 500 unless given" },
};

static const struct command_option received_list_options[] = {
    { "domain", 0, "DOMAIN", false, "only reports about this domain of ours" },
    { "since", 0, "TIME", false, "only of this day and later ones (UTC), or of the last days, such as 7d; 30d unless given" },
    { "limit", 0, "NUMBER", false, "at most so many reports, 500 unless given" },
    { "csv", 0, NULL, false, "as comma-separated values that are safe to open in a spreadsheet" },
};

static const struct command_option received_show_options[] = {
    { "original", 0, NULL, false, "print the report itself, too, as long as it is kept" },
};

static const struct command_option received_summary_options[] = {
    { "since", 0, "TIME", false, "from this day on (UTC), or of the last days, such as 7d; 30d unless given" },
    { "csv", 0, NULL, false, "as comma-separated values that are safe to open in a spreadsheet" },
    { "by", 0, "WORD", false, "with --csv: by type, day, reporter, mx or failure; day unless given" },
};

static const struct command_option report_import_options[] = {
    { "trust", 0, NULL, false, "take reports without a valid signature for verified, since you know where they are from" },
};

static const struct command_option sts_list_options[] = {
    { "limit", 0, "NUMBER", false, "at most so many policies" },
};

static const struct command_option sts_forget_options[] = {
    { "all", 0, NULL, false, "every policy that is kept" },
};

static const struct command_option report_preview_options[] = {
    { "day", 0, "DAY", false, "of this day, such as 2026-11-24 (UTC); today unless given" },
};

static const struct command_option domain_records_options[] = {
    { "zone", 0, NULL, false, "print them as lines of a zone file, and nothing else" },
};

static const struct command_option domain_plan_options[] = {
    { "to", 0, "MODE", false, "begin a plan that leads to enforce, testing or none" },
    { "auto", 0, NULL, false, "with --to: go on without asking before what others see is changed" },
    { "evidence", 0, "TIME", false, "with --to: how long nothing may speak against enforce, 14d unless given" },
};

static const struct command_option domain_publish_options[] = {
    { "no-wait", 0, NULL, false, "do not wait until every server shows them" },
    { "timeout", 0, "DURATION", false, "how long to wait at most, such as 1h; two days unless given" },
};

static const struct command_option policy_options[] = {
    { "from", 0, "SENDER", false, "the sender to weigh; nobody's rules match unless given" },
    { "requiretls", 0, NULL, false, "ask as for a message that comes with REQUIRETLS" },
    { "no-connect", 0, NULL, false, "ask DNS and policy hosts, but do not connect to mail servers" },
};

static const struct command_option counters_options[] = {
    { "since", 0, "DAY", false, "first day to show, such as 2026-11-24 (UTC); today unless given" },
};

static const struct command_option check_options[] = {
    { "config", 'c', "FILE", false, "the configuration file, when it is not the argument" },
};

static const struct command_option serve_options[] = {
    { "config", 'c', "FILE", false, "the configuration file" },
};

static const struct command_option demo_options[] = {
    { "check", 0, NULL, false,
      "end when every letter is told of; the exit code is 1 when one did not end as it must" },
};

static const struct command_option apply_options[] = {
    { "dry-run", 0, NULL, false, "only print what would change" },
};

static const struct command_option manual_options[] = {
    { "config", 0, NULL, false, "print sternpost.conf(5), the manual page of the configuration file, instead" },
};

static const struct command_option report_key_options[] = {
    { "domain", 0, "DOMAIN", false, "whose reports it signs: the one of the setting report-from" },
    { "selector", 0, "NAME", false, "a name for this key, such as tlsrpt2026" },
    { "type", 0, "TYPE", false, "rsa (2048 bits; the default) or ed25519" },
};

static const struct command_option cert_options[] = {
    { "tls", 0, "WAY", false, "smtp (STARTTLS, port 25; the default), smtps (465), https (443) or raw (TLS at once)" },
    { "chain", 0, NULL, false, "print every certificate that the server sends, not its own alone" },
    { "text", 0, NULL, false, "print in words: certificates, session, TLSA records to publish, findings" },
    { "for", 0, "DEMAND", false,
      "judge by webpki, mta-sts, dane or opportunistic; unless given, dane where there are TLSA records, else webpki" },
    { "ca", 0, "FILE", false, "trust the certificates of this PEM bundle, not the system's" },
    { "sni", 0, "NAME", false, "ask for this name and judge by it, not by the server's" },
    { "role", 0, "ROLE", false,
      "the arguments are domains: inbound finds their MX servers; relay and submission take them as servers, on ports 25 "
      "and 587. google stands for that provider's servers" },
    { "protocols", 0, NULL, false,
      "find out which versions, cipher suites and key exchanges each address accepts, also what the library no longer speaks" },
    { "budget", 0, "NUMBER", false, "with --protocols: at most so many connections to an address, 8 unless given, up to 200" },
    { "trust-check", 0, "FILE", false, "tell which roots of a PEM bundle are not trusted here; no server is asked" },
    { "config", 'c', "FILE", false, "the configuration file, for its resolver, name and trust" },
};

static const struct command_option cert_scan_options[] = {
    { "tls", 0, "WAY", false, "smtp (STARTTLS, port 25; the default), smtps (465), https (443) or raw (TLS at once)" },
    { "for", 0, "DEMAND", false,
      "judge by webpki, mta-sts, dane or opportunistic; unless given, dane where there are TLSA records, else webpki" },
    { "ca", 0, "FILE", false, "trust the certificates of this PEM bundle, not the system's" },
    { "resume", 0, "OUT", false, "write to this file, behind what it holds, and skip the servers that it tells of" },
    { "parallel", 0, "NUMBER", false, "servers looked at a time, 200 unless given" },
    { "per-network", 0, "NUMBER", false, "of these in one network (IPv4 /24, IPv6 /48), 8 unless given" },
    { "address-interval", 0, "DURATION", false,
      "between two connections to one address, 2s unless given; 0 lets any number begin at once" },
    { "network-interval", 0, "DURATION", false, "between two connections to one network; none unless given" },
    { "config", 'c', "FILE", false, "the configuration file, for its resolver, name and trust" },
};

static const struct command_option domain_check_options[] = {
    { "suggest", 0, NULL, false,
      "print the records and the policy that the domain should publish, made from its own servers, in the order to publish them" },
    { "report-to", 0, "ADDRESS", true,
      "with --suggest: where reports go, a mail address or an https:// address; unless given, where they go now, else "
      "tlsrpt@ the domain" },
    { "deep", 0, NULL, false,
      "look closer at TLS, at servers of your own: versions, suites and their order, known weaknesses, mail in clear" },
    { "budget", 0, "NUMBER", false, "with --deep: at most so many connections for versions and suites, 16 unless given, up to 200" },
    { "pause", 0, "SECONDS", false, "with --deep: between two connections to an address, 2 unless given, up to 60" },
    { "verbose", 'v', NULL, false, "show checks that are ok as well, and not their number alone" },
    { "ca", 0, "FILE", false, "trust the certificates of this PEM bundle, not the system's" },
    { "config", 'c', "FILE", false, "the configuration file, for its resolver, name and trust" },
};

static const struct command_group fixed_groups[] = {
    { "config", "The configuration file of the process" },
    { "queue", "Messages that wait for delivery" },
    { "sts", "MTA-STS of other domains (RFC 8461)" },
    { "sts cache", "Policies that were fetched and are kept" },
    { "watch", "Certificates that mail depends on, looked at from time to time" },
    { "report", "TLS reports (RFC 8460)" },
    { "report sent", "Reports of ours to other domains" },
    { "settings", "All settings as one file, for version control" },
};

static const struct command fixed_commands[] = {
    { "serve", "", 0, 0, 0, "run the gateway in the foreground",
      "Binds every listener, gives up root, serves until SIGTERM or SIGINT, and then lets open transactions end for "
      "at "
      "most 30 seconds; a second signal ends it at once. SIGHUP looks for new certificates, as does the daemon by "
      "itself "
      "every few seconds. The log goes to standard error. Tells systemd when it is ready.",
      "sternpost serve -c /etc/sternpost/sternpost.conf\n", OPTIONS(serve_options), .run = run_serve },
    { "demo", "", 0, 0, 0, "show the gateway at work on this machine, with mail servers that do well and badly",
      "Starts a gateway on the loopback interface, and around it mail servers, a signed zone and a host of MTA-STS "
      "policies. Sends letters through it, and tells what became of each and why. Nothing leaves the machine, and "
      "nothing is left behind. Runs until Ctrl-C, so that other commands can be tried on it.",
      "sternpost demo\nsternpost demo --check\n", OPTIONS(demo_options), .run = run_demo },
    { "config check", "[FILE]", 0, 1, COMMAND_HAS_JSON, "check a configuration file without starting anything",
      "Prints the listeners and certificates found, then warnings and errors. The exit code is 2 when the daemon "
      "would "
      "refuse to start.",
      "sternpost config check /etc/sternpost/sternpost.conf\n", OPTIONS(check_options), .run = run_config_check },

    { "queue list", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON, "list messages in the queue, oldest first",
      "One line a recipient. With --json, one object a line for each message. Long queues are printed as they are "
      "read.",
      "sternpost queue list --domain partner.example\nsternpost queue list --limit 20 --json\n", OPTIONS(queue_filter),
      .run = run_queue_list },
    { "queue show", "ID", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "show one message: envelope, recipients, and its trace", NULL, "sternpost queue show 01JDF6Q2M4XKA\n",
      .run = run_queue_show },
    { "queue retry", "[ID]...", 0, ARGS_MANY, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON, "try deliveries again at once",
      NULL, "sternpost queue retry 01JDF6Q2M4XKA\nsternpost queue retry --domain partner.example\n",
      OPTIONS(queue_choice), .run = run_queue_change },
    { "queue hold", "[ID]...", 0, ARGS_MANY, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "keep messages in the queue until they are released", "A held message is neither tried nor bounced.",
      "sternpost queue hold --sender news@ours.example\n", OPTIONS(queue_choice), .run = run_queue_change },
    { "queue release", "[ID]...", 0, ARGS_MANY, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON, "let held messages go on",
      NULL, "sternpost queue release --all\n", OPTIONS(queue_choice), .run = run_queue_change },
    { "queue remove", "[ID]...", 0, ARGS_MANY, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "remove messages without telling their senders",
      "What is being delivered at this moment is left alone. The trace is kept.",
      "sternpost queue remove 01JDF6Q2M4XKA\n", OPTIONS(queue_choice), .run = run_queue_change },

    { "host test", "NAME", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "connect to every server of a host and tell what it offers",
      "Tries each address up to TLS and, where the host has a user, up to signing in; no mail is sent. The exit code "
      "is "
      "1 when no server meets the host's demands.",
      "sternpost host test relay\n", .run = run_host_test },

    { "check", "DOMAIN...", 1, CHECK_MANY, COMMAND_HAS_JSON,
      "tell what is right and wrong with mail domains, and the change to make",
      "Looks at any domain as the world sees it: MX and their addresses, DNSSEC, STARTTLS and certificates of every address, "
      "the records of MTA-STS and TLS reporting, the policy and its host, TLSA records against the certificates that are really "
      "served, and whether the addresses for reports take mail. For each fault it tells what was seen, why it matters, and "
      "what to do. How much a fault weighs depends on what the domain publishes: a certificate for another name is an error "
      "below a policy in enforce, a warning in testing, and advice where nobody looks. A check that has nothing to look at is "
      "left out.\n"
      "Where a daemon runs on this machine, it tells what it remembers: the policies and ids of before, the reports that others sent. "
      "It is not needed. No mail is sent and no report posted: every address of a server gets one connection, however many "
      "domains share it, and the servers of a mailbox for reports are asked up to RCPT. Only addresses of the public internet "
      "are called upon, unless the configuration file has allow-private.\n"
      "With --deep, each address gets some twenty connections, one after the other: which versions and cipher suites it accepts, "
      "down to SSLv2, whose order of suites counts, whether a fallback is taken, whether a command in clear behind STARTTLS "
      "counts in TLS, whether sessions are resumed, and whether mail to postmaster at the domain would be taken in clear; none is "
      "sent. It takes about a minute. Do so at your own servers, or ask their owners first.\n"
      "Not looked at: whether the networks of the servers are covered by RPKI, and weaknesses that are found only by attacking the "
      "server (Heartbleed, ROBOT): what makes them possible is told, such as heartbeats and key exchange by RSA.\n"
      "With --suggest, publish what is printed in its order, and check again. The id of the MTA-STS record is the time, in "
      "UTC. A policy that is in enforce stays there; any other is suggested in testing.\n"
      "The exit code tells the worst verdict: 0 ok or advice, 1 error, 4 warning, 5 not testable: something could not be "
      "looked at, since DNS did not answer or a server sent us away, and nothing is worse.",
      "sternpost check example.org\nsternpost check example.org example.net --json\nsternpost check example.org --deep\n"
      "sternpost check example.org --suggest --report-to tlsrpt@example.org\n",
      OPTIONS(domain_check_options), .run = run_check },

    { "cert", "[HOST[:PORT]]...", 0, ARGS_MANY, COMMAND_HAS_JSON,
      "fetch and judge the certificates that servers show",
      "Prints the server's certificate in PEM form, the very bytes that these two recipes print, and without their "
      "traps: nothing waits for standard input, a dot behind the name is no trouble, and the exit code tells whether "
      "there was a certificate:\n"
      "openssl s_client -starttls smtp -connect mx.example.org:25 </dev/null 2>/dev/null | sed -n '/BEGIN/,/END/p'\n"
      "python3 -c 'import smtplib, ssl; s = smtplib.SMTP(\"mx.example.org\", 25); s.starttls(); "
      "print(ssl.DER_cert_to_PEM_cert(s.sock.getpeercert(binary_form=True)), end=\"\")'\n"
      "Every address of a server is asked, IPv6 and IPv4; where they differ, this is pointed out. With --text or --json the "
      "chain is judged: each finding tells what was seen, why it matters and what to do, as ok, advice, warning or error. "
      "What a finding weighs depends on --for: a self-signed certificate is fine for dane with usage 3 and an error for "
      "mta-sts.\n"
      "With --protocols each address is asked what it accepts, from SSLv2 to TLS 1.3, by hellos written by hand: one hello "
      "offers a whole kind of suites (RC4, 3DES, export, NULL, anonymous, without forward secrecy), the server's choice or "
      "refusal is read, and the connection given up before any key is made. That takes 8 connections, one after the other "
      "with 2 seconds between, none on one's own network; --budget allows more, and with some 50 every suite is listed. What "
      "was not asked, or not answered, is said to be not tested, with the reason: a server that answers 421 or turns us away "
      "is left alone.\n"
      "Thousands of servers are looked at with 'sternpost cert scan'. "
      "No daemon is asked. The configuration file is the one named with -c, or /etc/sternpost/sternpost.conf where that can be "
      "read; without one the machine's own resolvers are asked. Any version and suite that the library knows is taken, "
      "since nothing is sent but EHLO and QUIT.\n"
      "The exit code is 0 when a certificate of every server was printed, whatever it is worth; with --text, --json or --protocols, "
      "when no finding is an error and every address answered; with --trust-check, when no root is missing. It is 1 "
      "otherwise.",
      "sternpost cert mx.example.org\nsternpost cert mx.example.org --chain > chain.pem\n"
      "sternpost cert mx.example.org:587 --text\n"
      "sternpost cert --role inbound example.org --for mta-sts --text\n"
      "sternpost cert --role submission google --json\n"
      "sternpost cert mta-sts.example.org --tls https --text\n"
      "sternpost cert mx.example.org --protocols\n"
      "sternpost cert --trust-check roots.pem\n",
      OPTIONS(cert_options), .run = run_cert },

    { "cert scan", "FILE", 1, 1, 0, "fetch and judge the certificates of thousands of servers, one JSON object a line",
      "FILE, or - for standard input, names a server on each line as HOST[:PORT]; what follows a # is a comment. One address of "
      "each server is looked at: they are tried in turn until one shows a certificate. Lines come in the order in which "
      "servers are done. On a terminal a bar shows how far it is.\n"
      "Strangers are called upon with restraint: one connection at a time to an address, a pause between two, and few at "
      "a time to a network. Who waits for that does not keep others from their turn.\n"
      "With --resume an interrupted scan goes on where it was: start it again with the same words.\n"
      "The exit code is 0 when every line was looked at, whatever was found, and 1 when one named no server or the results "
      "could not be written.",
      "sternpost cert scan servers.txt > found.jsonl\n"
      "sternpost cert scan servers.txt --resume found.jsonl --parallel 500\n"
      "sternpost cert scan - --for mta-sts < servers.txt | jq -c 'select(.worst == \"error\")'\n",
      OPTIONS(cert_scan_options), .run = run_cert_scan },

    { "domain records", "NAME", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "show what must be in DNS for a domain of ours, and what is there",
      "In the order in which to publish: TLS reporting, the policy host, MTA-STS, TLSA. Each server of the zone is asked. "
      "The state is ok, missing, differs, stale (it must go), wait (every server shows it, but resolvers may still have the old "
      "one), or unknown. The TLSA record of a key that we served goes a day after nobody was shown the key any more. The exit code is 1 unless all that can be published is ok.",
      "sternpost domain records ours.example\nsternpost domain records ours.example --zone >> ours.example.zone\n",
      OPTIONS(domain_records_options), .run = run_domain_records },
    { "domain publish", "NAME", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "send the records of a domain of ours to its name server, and wait until the world sees them",
      "Sends a dynamic update (RFC 2136), signed with TSIG, to the server of the section dns-update of the configuration "
      "file; nothing but these records is touched, and the audit tells what was sent. Without that section it prints them. Then it waits until every server "
      "of the zone shows them and what was there before has run out. The exit code is 1 when it was refused, or the "
      "time is over.",
      "sternpost domain publish ours.example\nsternpost domain publish ours.example --no-wait\n",
      OPTIONS(domain_publish_options), .run = run_domain_publish },
    { "domain plan", "NAME [next|stop]", 1, 2, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "lead a domain of ours to MTA-STS in enforce, or back, in safe stages",
      "To enforce: TLS reports are asked for, and what is named takes them; every mail server is what a policy demands; the policy "
      "is served in testing before its id is in DNS; for two weeks (--evidence) neither received reports nor our own looks speak "
      "against it; then the same with enforce. To none: the policy is served with mode none, senders are given the time to forget "
      "the one before, then record and policy go.\n"
      "Each stage waits until every name server shows what it changed, and says what it waits for. Before anything that others "
      "see is changed it asks: 'next' says yes. With --auto it goes on by itself; only enforce without a single report is asked "
      "for all the same. Where no name server takes updates (section dns-update of the configuration file) the records to publish "
      "are shown, and watched.\n"
      "Without --to, next or stop: looks now, goes on where it may, and shows where the plan is. 'stop' abandons the plan; what "
      "is published stays. The exit code is 1 when something speaks against going on.",
      "sternpost domain plan ours.example --to enforce\nsternpost domain plan ours.example next\n"
      "sternpost domain plan ours.example --to none --auto\n",
      OPTIONS(domain_plan_options), .run = run_domain_plan },
    { "domain plans", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "list the plans of our domains, as they were last seen", NULL, "sternpost domain plans\n", .run = run_domain_plans },

    { "sts cache list", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "list the MTA-STS policies that are kept, by domain",
      "A policy is kept until it expires or mail asks for the domain and finds a newer one. With --json, one object a "
      "line.",
      "sternpost sts cache list\nsternpost sts cache list --json | jq 'select(.mode == \"enforce\")'\n",
      OPTIONS(sts_list_options), .run = run_sts_list },
    { "sts cache show", "DOMAIN", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "show the policy kept for a domain: where it came from, until when it holds, what went wrong last", NULL,
      "sternpost sts cache show partner.example\n", .run = run_sts_show },
    { "sts cache refresh", "DOMAIN", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "look for the policy of a domain now, whatever is kept",
      "Asks DNS for the record and fetches the policy, which may take a minute. What is kept stays when there is no "
      "newer "
      "one to be had. The exit code is 1 when the record or the policy could not be had or is not valid.",
      "sternpost sts cache refresh partner.example\n", .run = run_sts_refresh },
    { "sts cache forget", "[DOMAIN]...", 0, ARGS_MANY, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "forget the policies kept for domains",
      "The next mail to such a domain looks for its policy anew; until it is fetched, nothing protects from one who "
      "keeps it from us.",
      "sternpost sts cache forget partner.example\nsternpost sts cache forget --all\n", OPTIONS(sts_forget_options),
      .run = run_sts_forget },

    { "report list", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "list the TLS reports received about our domains, the newest day first",
      "A report by mail is verified by its DKIM signature, which must be of whoever it says to be from. With --json, one object a "
      "line.",
      "sternpost report list --domain example.org --since 7d\nsternpost report list --csv > reports.csv\n",
      OPTIONS(received_list_options), .run = run_report_list },
    { "report show", "NUMBER", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "show one received TLS report: what it counts, each failure explained, what was odd about it", NULL,
      "sternpost report show 17\nsternpost report show 17 --original\n", OPTIONS(received_show_options),
      .run = run_report_show },
    { "report summary", "DOMAIN", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "tell what the received TLS reports about a domain add up to, and what each failure means",
      "Success rate by policy type, day, reporter and mail server; a session counts under each policy that applied to it, so that "
      "sums over policy types are not sessions. What is not verified stands apart. With --json, lists that are ready for graphs.",
      "sternpost report summary example.org --since 30d\nsternpost report summary example.org --csv --by failure\n",
      OPTIONS(received_summary_options), .run = run_report_summary },
    { "report import", "FILE...", 1, ARGS_MANY, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "take in TLS reports from mails, mailboxes (mbox, Maildir), JSON, gzip or zip files, folders of them, or - for standard "
      "input",
      "What a file is, its first bytes tell. Signatures of mails are verified as those that arrive; keys of old ones may be gone. The "
      "exit code is 1 when something was refused or could not be read.",
      "sternpost report import ~/Maildir\nsternpost report import --trust *.json.gz\n", OPTIONS(report_import_options),
      .run = run_report_import },
    { "report key", "FILE", 1, 1, COMMAND_HAS_JSON, "make the key that signs TLS reports by mail, and print the record to publish",
      "The setting report-dkim-key names FILE, report-dkim-selector the selector. A file that is there is never overwritten: of it, the "
      "record alone is printed. The file is for its owner and for the group sternpost, where root makes it. Many who receive reports "
      "know RSA alone.",
      "sternpost report key /etc/sternpost/tlsrpt.key --domain example.org --selector tlsrpt2026\n", OPTIONS(report_key_options),
      .run = run_report_key },
    { "report sent list", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "list the TLS reports made for other domains, the newest first",
      "The state is sent as soon as one of the domain's addresses took the report, waiting while there is one to try "
      "again, failed when all were given up, claimed before it is made. With --json, one object a line.",
      "sternpost report sent list --domain partner.example\nsternpost report sent list --since 2026-11-01 --json\n",
      OPTIONS(report_list_options), .run = run_report_sent_list },
    { "report sent show", "ID", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "show one TLS report: where it went, how that went, and what it says", NULL,
      "sternpost report sent show 20261124x5d41402abc4b2a76@ours.example\n", .run = run_report_sent_show },
    { "report preview", "DOMAIN", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "print the TLS report for a domain as it would be sent",
      "Of what was counted up to now; nothing is sent. It is printed as JSON, with --json or without.",
      "sternpost report preview partner.example\nsternpost report preview partner.example --day 2026-11-24\n",
      OPTIONS(report_preview_options), .run = run_report_preview },

    { "settings export", "", 0, 0, COMMAND_ASKS_DAEMON, "write all settings as one JSON document",
      "Secrets are left out; applied again, they stay as they are.", "sternpost settings export > settings.json\n",
      .run = run_settings_export },
    { "settings apply", "FILE", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "make the settings what a document says, all or nothing",
      "Prints what changes. Kinds that do not stand in the document are left alone. FILE may be - for standard input.",
      "sternpost settings apply --dry-run settings.json\nsternpost settings apply settings.json\n",
      OPTIONS(apply_options), .run = run_settings_apply },

    { "trace", "ID", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "tell what was decided and tried for one message, in order",
      "Works for messages that have left the queue too, as long as their trace is kept (trace-keep in the "
      "configuration "
      "file).",
      "sternpost trace 01JDF6Q2M4XKA\n", .run = run_trace },
    { "policy", "RECIPIENT", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "tell what would happen to mail for a recipient: route, servers, TLS demanded, and why",
      "Asks DNS and the MTA-STS policy host as a delivery would, and connects to each server as far as STARTTLS to see its "
      "certificate; nothing is sent.",
      "sternpost policy user@bank.example --from boss@ours.example\n", OPTIONS(policy_options), .run = run_policy },

    { "status", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON, "show how the daemon is doing", NULL,
      "sternpost status\nsternpost status --json\n", .run = run_status },
    { "alerts", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON, "tell what is wrong now with how mail travels, and what was lately",
      "An alert is told once, in the log, in the metrics and by mail to the addresses of alert-to (sternpost gateway set), and "
      "again when it is over. It stays open over a restart.",
      "sternpost alerts\nsternpost alerts --json | jq '.open[].cause'\n", .run = run_alerts },
    { "certificate acme", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "show how certificates from an authority are, and when they are renewed",
      "A certificate that is marked acme is obtained from the authority of the configuration's section acme with uacme, and renewed when a "
      "third of its life is left. What fails is tried again after ten minutes, then twice as long each time, and is an alert.",
      "sternpost certificate acme\nsternpost certificate acme --json\n", .run = run_certificate_acme },
    { "certificate renew", "NAME", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "ask the authority for a new certificate now", NULL, "sternpost certificate renew mx\n", .run = run_certificate_renew },
    { "watch list", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "list the servers whose certificates are watched, and what is wrong with them",
      "Watched are our own listeners as they are served, the servers and policy hosts of our domains as DNS names them, the hosts of "
      "the settings, and the servers of partners that outbound rules name: every six hours, one connection to an address (sternpost "
      "gateway set --watch, --watch-interval, --watch-expiry-days). What is wrong is an alert (sternpost alerts): a certificate that "
      "ends in 30, 14, 7 or 1 days, one that does not match its TLSA records, a chain that is not complete, a key never seen there, "
      "servers that should show the same and do not, a policy that cannot be fetched.\n"
      "The exit code is 1 when something is wrong with any of them.",
      "sternpost watch list\nsternpost watch list --json | jq '.servers[] | select(.days_left < 30)'\n", .run = run_watch_list },
    { "watch show", "NAME", 1, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "show what is known of a watched server",
      "NAME is a server as the list has it, its host alone, or what it is watched for, such as a domain of ours.",
      "sternpost watch show mx.partner.example\n", .run = run_watch_show },
    { "watch now", "[NAME]", 0, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "look at the watched servers now, all of them or those of a name, and show what was seen",
      "NAME is as for 'watch show'. It works with the setting watch off, too.", "sternpost watch now\nsternpost watch now ours.example\n",
      .run = run_watch_now },
    { "counters", "[NAME]", 0, 1, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
      "show what is counted by day: inbound-refused, rule-testing, sent-in-clear",
      "inbound-refused: recipients refused because a rule requires TLS. rule-testing: recipients that an inbound "
      "rule in testing would have refused, and messages going out that one would have made its demand on. sent-in-clear: deliveries without TLS, by domain.",
      "sternpost counters sent-in-clear --since 2026-11-01\n", OPTIONS(counters_options), .run = run_counters },
    { "audit", "", 0, 0, COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON, "list every change of settings, and what was published: who, when, what",
      "Rows are chained by hashes; the exit code is 1 when the chain is broken. With --json, one object a line.",
      "sternpost audit --json | jq 'select(.kind == \"rule\")'\n", .run = run_audit },

    { "version", "", 0, 0, COMMAND_HAS_JSON, "print the version", NULL, "sternpost version\n", .run = run_version },
    { "completion", "bash", 1, 1, 0, "print a completion script for the shell", NULL,
      "sternpost completion bash > /etc/bash_completion.d/sternpost\n", .run = run_completion },
    { "manual", "", 0, 0, 0, "print the manual page sternpost(1)", NULL,
      "sternpost manual | man -l -\nsternpost manual --config | man -l -\n", OPTIONS(manual_options),
      .run = run_manual },
};

/* Made at the first call, by the one thread there is then, and kept for good. */
static struct {
    struct arena arena;
    struct command commands[COUNT_OF(fixed_commands) + SETTING_COMMANDS_MAX];
    struct command_group groups[COUNT_OF(fixed_groups) + SETTING_GROUPS_MAX];
    size_t commands_len, groups_len;
} made;

static void make(void)
{
    memcpy(made.commands, fixed_commands, sizeof fixed_commands);
    memcpy(made.groups, fixed_groups, sizeof fixed_groups);
    made.commands_len = COUNT_OF(fixed_commands);
    made.groups_len = COUNT_OF(fixed_groups);
    made.commands_len += setting_commands(made.commands + made.commands_len, &made.arena);
    made.groups_len += setting_groups(made.groups + made.groups_len);
}

const struct command *command_table(size_t *len)
{
    if (made.commands_len == 0)
        make();
    *len = made.commands_len;
    return made.commands;
}

const struct command_group *command_groups(size_t *len)
{
    if (made.groups_len == 0)
        make();
    *len = made.groups_len;
    return made.groups;
}
