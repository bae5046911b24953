/* cli/notify.h: how a service tells systemd about itself (sd_notify(3)), without its library. */
#ifndef STERNPOST_CLI_NOTIFY_H
#define STERNPOST_CLI_NOTIFY_H

/* Sends "READY=1" or the like to $NOTIFY_SOCKET; does nothing where there is none. */
void notify_supervisor(const char *state);

#endif
