/* settings/config_value.h: the kinds of values in the configuration file: how each is read and how large it is. */
#ifndef STERNPOST_SETTINGS_CONFIG_VALUE_H
#define STERNPOST_SETTINGS_CONFIG_VALUE_H

#include "base/arena.h"
#include "net/address.h"

struct config_option;

/* One value of an option into *field, memory from `arena`. ERR_SYNTAX; `why` says what is wrong and the remedy. */
typedef enum status config_value_fn(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                                    struct fault *why);

struct config_kind {
    const char *name; /* for people: "duration" */
    config_value_fn *read;
    size_t size; /* of one value */
};

/* Into:                                       const char *; struct slice; int (an enum); bool; unsigned; uint16_t */
extern const struct config_kind config_text, config_host_name, config_word, config_yes_no, config_number, config_port;
extern const struct config_kind config_mode; /* into unsigned */
/* Into:                                       int64_t; int64_t; uint64_t; struct net_address and net_network */
extern const struct config_kind config_duration_ms, config_duration_s, config_size, config_address, config_ip,
    config_network;

/* A place for any one value, to check it without keeping it. */
union config_any {
    const char *text;
    struct slice name;
    int word;
    bool yes;
    unsigned number;
    uint16_t port;
    int64_t duration;
    uint64_t size;
    struct net_address address;
    struct net_network network;
};

#endif
