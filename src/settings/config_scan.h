/* settings/config_scan.h: the configuration file's outer form, before libconfuse reads it. The library takes some
 * things silently that would surprise an administrator; here they are refused with their line. */
#ifndef STERNPOST_SETTINGS_CONFIG_SCAN_H
#define STERNPOST_SETTINGS_CONFIG_SCAN_H

#include "base/slice.h"
#include "base/status.h"

/* Refuses, with "FILE:LINE: " in front of `why`:
 *  - a string or section that is still open at the end, and a string over several lines;
 *  - the same option, or the same section with the same title, twice in one place;
 *  - "+=", "/" "*" comments, "${NAME}", NUL, and characters outside of quotes that the library would skip.
 * Otherwise the form is whatever the library says. ERR_SYNTAX. */
MUST_USE enum status config_scan(const char *file, struct slice text, struct fault *why);

#endif
