#include "cli/scan_output.h"

#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 * 1024, KEY_BYTES = 320 };

static struct slice key_of(struct slice host, unsigned port, const char *way, char out[static KEY_BYTES])
{
    int len = snprintf(out, KEY_BYTES, "%.*s %u %s", SLICE_FMT(host), port, way);

    return slice_of(out, len < KEY_BYTES ? (size_t)len : (size_t)KEY_BYTES - 1);
}

/* Lines about input that names no server have no host: they are told of again. */
static bool note_line(struct scan_output *o, const char *text, size_t len)
{
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *host = json_object_get(j, "host"), *port = json_object_get(j, "port"),
                 *way = json_object_get(j, "tls");
    char key[KEY_BYTES];
    bool is_ours = json_is_object(j);

    if (json_is_string(host) && json_is_integer(port) && json_is_string(way))
        (void)map_put(&o->seen,
                      key_of(slice_of(json_string_value(host), json_string_length(host)),
                             (unsigned)json_integer_value(port), json_string_value(way), key),
                      o);
    json_decref(j);
    return is_ours;
}

/* *end is where the last whole line ends. */
static enum status read_lines(struct scan_output *o, FILE *in, const char *name, off_t *end, struct fault *why)
{
    char *text = NULL;
    size_t size = 0, number = 0;
    enum status st = OK;
    ssize_t len;

    while (st == OK && (len = getline(&text, &size, in)) > 0 && text[len - 1] == '\n') {
        number++;
        *end += len;
        if (len > LINE_MAX_BYTES || !note_line(o, text, (size_t)len))
            st = fault_set(why, ERR_SYNTAX, "'%s', line %zu is not the output of a scan; name another file", name,
                           number);
    }
    free(text);
    return st;
}

static enum status open_again(struct scan_output *o, const char *name, struct fault *why)
{
    enum status st;
    off_t end = 0;

    o->file = fopen(name, "a+e");
    if (o->file == NULL)
        return fault_errno(why, "cannot open '%s'", name);
    rewind(o->file);
    st = read_lines(o, o->file, name, &end, why);
    if (st == OK && (ftruncate(fileno(o->file), end) != 0 || fseeko(o->file, 0, SEEK_END) != 0))
        st = fault_errno(why, "cannot write behind what stands in '%s'", name);
    return st;
}

enum status scan_output_open(struct scan_output *o, const char *resume, struct fault *why)
{
    enum status st;

    *o = (struct scan_output){ .file = stdout };
    map_init(&o->seen);
    if (resume == NULL)
        return OK;
    o->file = NULL;
    st = open_again(o, resume, why);
    if (st != OK)
        scan_output_close(o);
    return st;
}

void scan_output_close(struct scan_output *o)
{
    if (o->file != NULL && o->file != stdout)
        (void)fclose(o->file);
    map_release(&o->seen);
    o->file = NULL;
}

bool scan_output_has(const struct scan_output *o, const struct cert_target *server, enum tls_way way)
{
    char key[KEY_BYTES];

    return map_get(&o->seen, key_of(server->host, server->port, tls_way_name(way), key)) != NULL;
}

void scan_output_line(struct scan_output *o, const json_t *line)
{
    (void)json_dumpf(line, o->file, JSON_COMPACT);
    (void)fputc('\n', o->file);
}

bool scan_output_flush(struct scan_output *o)
{
    return fflush(o->file) == 0 && !ferror(o->file);
}
