/* `sternpost settings export|apply`: all settings as one file. */
#include "settings/document.h"
#include "base/buf.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

#include <errno.h>

int run_settings_export(const struct invocation *inv)
{
    json_t *answer = NULL;
    struct slice document;
    int code = client_ask(inv, HTTP_GET, SLICE_LIT("/v1/settings"), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    document = answer_text(answer, "document");
    (void)fwrite(document.ptr, 1, document.len, stdout);
    json_decref(answer);
    return EXIT_DONE;
}

static enum status read_all(FILE *in, struct buf *out, struct fault *why)
{
    char block[16 * 1024];
    size_t len;

    while ((len = fread(block, 1, sizeof block, in)) > 0) {
        if (buf_add(out, slice_of(block, len)) != OK)
            return fault_set(why, ERR_LIMIT, "the file is longer than %d bytes", SETTINGS_DOCUMENT_MAX);
    }
    return ferror(in) ? fault_errno(why, "cannot read it") : OK;
}

static int read_document(const char *file, struct buf *out)
{
    bool is_stdin = strcmp(file, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(file, "re");
    struct fault why;
    enum status st;

    if (in == NULL)
        return complain(EXIT_USAGE, "cannot open '%s': %s", file, strerror(errno));
    st = read_all(in, out, &why);
    if (!is_stdin)
        (void)fclose(in);
    return st == OK ? EXIT_DONE : complain(EXIT_USAGE, "'%s': %s", file, why.text);
}

static int apply(const struct invocation *inv, struct slice document, json_t **answer)
{
    json_t *body = json_object();
    int code;

    json_object_set_new(body, "document", json_stringn(document.ptr, document.len));
    json_object_set_new(body, "dry_run", json_boolean(invocation_has(inv, "dry-run")));
    if (json_object_get(body, "document") == NULL)
        code = complain(EXIT_USAGE, "'%s' is not UTF-8 text", inv->args[0]);
    else
        code = client_ask(inv, HTTP_POST, SLICE_LIT("/v1/settings"), body, answer);
    json_decref(body);
    return code;
}

int run_settings_apply(const struct invocation *inv)
{
    struct buf document;
    json_t *answer = NULL;
    int code;

    buf_init(&document, SETTINGS_DOCUMENT_MAX);
    code = read_document(inv->args[0], &document);
    if (code == EXIT_DONE)
        code = apply(inv, buf_slice(&document), &answer);
    buf_release(&document);
    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    if (answer_number(answer, "changes") == 0)
        (void)puts("nothing to change");
    else
        print_lines(stdout, answer_text(answer, "difference"));
    json_decref(answer);
    return EXIT_DONE;
}
