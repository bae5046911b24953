/* cli/commands.h: what each command does; one file for each noun. All return an exit code. */
#ifndef STERNPOST_CLI_COMMANDS_H
#define STERNPOST_CLI_COMMANDS_H

#include "cli/command.h"

/* queue.c */
int run_queue_list(const struct invocation *inv);
int run_queue_show(const struct invocation *inv);
int run_queue_change(const struct invocation *inv); /* hold, release, retry, remove */
/* alerts.c */
int run_alerts(const struct invocation *inv);
int run_certificate_acme(const struct invocation *inv);
int run_certificate_renew(const struct invocation *inv);
int run_watch_list(const struct invocation *inv);
int run_watch_show(const struct invocation *inv);
int run_report_key(const struct invocation *inv);
int run_watch_now(const struct invocation *inv);
/* certificate.c */
int run_certificate_list(const struct invocation *inv);
/* sts.c */
int run_sts_list(const struct invocation *inv);
int run_sts_show(const struct invocation *inv);
int run_sts_refresh(const struct invocation *inv);
int run_sts_forget(const struct invocation *inv);
/* report.c */
int run_report_sent_list(const struct invocation *inv);
int run_report_sent_show(const struct invocation *inv);
int run_report_preview(const struct invocation *inv);
/* report_import.c */
int run_report_import(const struct invocation *inv);
/* received.c */
int run_report_list(const struct invocation *inv);
int run_report_show(const struct invocation *inv);
int run_report_summary(const struct invocation *inv);
/* check.c */
int run_check(const struct invocation *inv);
/* cert.c */
int run_cert(const struct invocation *inv);
/* cert_scan.c */
int run_cert_scan(const struct invocation *inv);
/* domain.c */
int run_domain_records(const struct invocation *inv);
int run_domain_publish(const struct invocation *inv);
int run_domain_plan(const struct invocation *inv);
int run_domain_plans(const struct invocation *inv);
/* trace.c */
int run_trace(const struct invocation *inv);
/* policy.c */
int run_policy(const struct invocation *inv);
/* host_probe.c */
int run_host_test(const struct invocation *inv);
/* status.c */
int run_status(const struct invocation *inv);
int run_version(const struct invocation *inv);
/* counters.c */
int run_counters(const struct invocation *inv);
/* audit.c */
int run_audit(const struct invocation *inv);
/* config_check.c */
int run_config_check(const struct invocation *inv);
/* document.c */
int run_settings_export(const struct invocation *inv);
int run_settings_apply(const struct invocation *inv);
/* serve.c */
int run_serve(const struct invocation *inv);
/* demo.c */
int run_demo(const struct invocation *inv);
/* completion.c */
int run_completion(const struct invocation *inv);
/* manual.c */
int run_manual(const struct invocation *inv);

#endif
