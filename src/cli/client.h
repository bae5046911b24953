/* cli/client.h: questions to the running daemon, over its control socket (docs/api.md). */
#ifndef STERNPOST_CLI_CLIENT_H
#define STERNPOST_CLI_CLIENT_H

#include "net/http_request.h"
#include "cli/command.h"

#include <jansson.h>

struct client;

/* For the daemon whose socket is, in this order: --socket, $STERNPOST_SOCKET, the one of the configuration file that
 * -c names, or /run/sternpost/control.sock. NULL, with *code set and the reason printed, when that file is bad. */
struct client *client_new(const struct invocation *inv, int *code);
void client_free(struct client *c);
/* From here on no reason is printed, and nobody waits long: for what can be done without. */
void client_hush(struct client *c);

/* Asks and waits. `body` is borrowed; NULL: none. EXIT_DONE, and *answer is the caller's; or another exit code, and
 * the reason is printed. On a terminal it shows that it waits, after two seconds. */
int client_call(struct client *c, enum http_method method, struct slice path, const json_t *body, json_t **answer);

/* The same with a client of its own, for a command that asks once. */
int client_ask(const struct invocation *inv, enum http_method method, struct slice path, const json_t *body,
               json_t **answer);

/* "/v1/queue/{}/{}" with each "{}" replaced by an argument (const char *), encoded. */
struct slice client_path(struct arena *arena, const char *pattern, ...);
/* `path` with "name=value" added to its query; unchanged when `value` is NULL. */
struct slice client_query(struct arena *arena, struct slice path, const char *name, const char *value);

/* A string member of an answer; "" when it is not there. */
struct slice answer_text(const json_t *object, const char *name);
json_int_t answer_number(const json_t *object, const char *name);

/* Prints JSON, indented. Takes it. */
void print_json(json_t *json);
/* One line of JSON. Borrows it. */
void print_json_line(const json_t *json);

#endif
