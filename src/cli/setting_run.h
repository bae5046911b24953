/* cli/setting_run.h: what the commands on settings do; setting.c makes them. */
#ifndef STERNPOST_CLI_SETTING_RUN_H
#define STERNPOST_CLI_SETTING_RUN_H

#include "cli/command.h"

int run_setting_add(const struct invocation *inv);
int run_setting_set(const struct invocation *inv);
int run_setting_list(const struct invocation *inv);
int run_setting_show(const struct invocation *inv);
int run_setting_remove(const struct invocation *inv);

/* A secret field is asked for when a user is made: nobody signs in without. */
bool setting_is_asked_for(const struct setting_kind *k, const char *verb);

#endif
