#include "cli/demo_report.h"

#include "base/clock.h"
#include "cli/command.h"
#include "cli/demo_command.h"

#include <limits.h>
#include <stdio.h>

enum { DAY_S = 86400, DAY_LEN = 10 };

/* As a large sender writes it, of yesterday: most sessions went well, some met a certificate that had ended. */
static const char report[] =
    "{\"organization-name\": \"Large Sender\", \"contact-info\": \"tls@large.test\", \"report-id\": "
    "\"%.*s-home.test\",\n"
    " \"date-range\": {\"start-datetime\": \"%.*sT00:00:00Z\", \"end-datetime\": \"%.*sT23:59:59Z\"},\n"
    " \"policies\": [{\"policy\": {\"policy-type\": \"sts\", \"policy-domain\": \"home.test\",\n"
    "   \"policy-string\": [\"version: STSv1\", \"mode: testing\", \"mx: mx.home.test\", \"max_age: 604800\"]},\n"
    "  \"summary\": {\"total-successful-session-count\": 5326, \"total-failure-session-count\": 303},\n"
    "  \"failure-details\": [{\"result-type\": \"certificate-expired\", \"sending-mta-ip\": \"192.0.2.1\",\n"
    "   \"receiving-mx-hostname\": \"mx.home.test\", \"failed-session-count\": 303}]}]}\n";

static bool write_report(const char *path)
{
    FILE *f = fopen(path, "we");
    char day[CLOCK_TEXT];

    if (f == NULL)
        return false;
    (void)clock_rfc3339(clock_wall_s() - DAY_S, day);
    (void)fprintf(f, report, DAY_LEN, day, DAY_LEN, day, DAY_LEN, day);
    return fclose(f) == 0;
}

bool demo_report(const struct demo_world *w)
{
    char path[PATH_MAX];
    const char *const import[] = { "report", "import", "--trust", path };
    const char *const summary[] = { "report", "summary", "home.test" };

    (void)snprintf(path, sizeof path, "%s/report.json", w->folder);
    return write_report(path) && demo_command(import, COUNT_OF(import)) == EXIT_DONE &&
           demo_command(summary, COUNT_OF(summary)) == EXIT_DONE;
}
