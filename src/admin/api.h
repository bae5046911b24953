/* admin/api.h: the handlers of the API, one file for each noun (docs/api.md). */
#ifndef STERNPOST_ADMIN_API_H
#define STERNPOST_ADMIN_API_H

#include "admin/call.h"

enum { API_PAGE_MAX = 500 }; /* of a list, in one answer */

/* queue_api.c */
void api_queue_list(struct call *c);
void api_queue_show(struct call *c);
void api_queue_change(struct call *c);     /* one message */
void api_queue_change_all(struct call *c); /* all that match a filter */

/* settings_api.c */
void api_settings_export(struct call *c);
void api_settings_apply(struct call *c);
void api_settings_list(struct call *c);
void api_settings_show(struct call *c);
void api_settings_add(struct call *c);
void api_settings_set(struct call *c);
void api_settings_remove(struct call *c);

/* certificate_api.c */
void api_certificates(struct call *c);
json_t *certificates_summary(struct call *c); /* for the status: how many, and what wants attention */
/* Rows about to be saved: is what certificates bring fit to be served? ERR_SYNTAX. */
MUST_USE enum status certificates_check(const struct call *c, const struct setting_row *rows, size_t len,
                                        struct fault *why);

/* alert_api.c */
void api_alerts(struct call *c);
json_t *alerts_summary(struct call *c);                  /* for the status: how many are open, and the first of them */
json_t *alerts_by_cause(struct call *c, uint64_t *told); /* for the metrics: numbers of open ones */

/* acme_api.c */
void api_acme(struct call *c);
void api_acme_renew(struct call *c);

/* watch_api.c */
void api_watch(struct call *c);
void api_watch_now(struct call *c);

/* sts_api.c */
void api_sts_list(struct call *c);
void api_sts_show(struct call *c);
void api_sts_refresh(struct call *c);
void api_sts_forget(struct call *c); /* one domain's */
void api_sts_forget_all(struct call *c);

/* report_api.c */
void api_reports_sent_list(struct call *c);
void api_reports_sent_show(struct call *c);
void api_reports_preview(struct call *c);

/* received_api.c */
void api_reports_received_list(struct call *c);
void api_reports_received_show(struct call *c);
void api_reports_summary(struct call *c);
void api_reports_import(struct call *c);

/* domain_api.c */
void api_domain_history(struct call *c);
void api_domain_records(struct call *c);
void api_domain_publish(struct call *c);

/* plan_api.c */
void api_plans(struct call *c);
void api_plan_show(struct call *c);
void api_plan_begin(struct call *c);
void api_plan_agree(struct call *c);
void api_plan_abandon(struct call *c);

/* inquiry_api.c */
void api_policy(struct call *c);
void api_host_test(struct call *c);

/* status_api.c */
void api_status(struct call *c);
void api_counters(struct call *c);

/* audit_api.c */
void api_audit(struct call *c);

/* metrics_page.c */
void page_metrics(struct call *c);
void page_live(struct call *c);
void page_ready(struct call *c);

#endif
