#include "cli/listing.h"

#include "cli/client.h"
#include "cli/facts.h"

#include <inttypes.h>

enum { PAGE = 500, AFTER_MAX = 256 };

struct pager {
    const struct invocation *inv;
    struct listing *listing;
    struct client *client;
    struct arena arena; /* of one page */
    uint64_t left;      /* items still wanted */
    char after[AFTER_MAX];
};

static struct slice path_of(struct pager *p)
{
    struct slice path = slice_str(p->listing->path);
    struct slice limit = arena_printf(&p->arena, "%" PRIu64, p->left < PAGE ? p->left : PAGE);

    for (const char *const *f = p->listing->filters; *f != NULL; f++)
        path = client_query(&p->arena, path, *f, invocation_option(p->inv, *f));
    path = client_query(&p->arena, path, "after", p->after[0] == '\0' ? NULL : p->after);
    return client_query(&p->arena, path, "limit", limit.ptr);
}

static void print_page(struct pager *p, const json_t *items)
{
    bool is_json = invocation_has(p->inv, "json");
    const json_t *item;
    size_t at;

    json_array_foreach(items, at, item) {
        if (is_json)
            print_json_line(item);
        else
            p->listing->add(&p->listing->table, item, &p->arena);
        p->left--;
    }
    if (!is_json)
        table_print(&p->listing->table, stdout);
    (void)fflush(stdout);
}

/* Fetches and prints one page; *is_last says whether there is another. */
static int list_page(struct pager *p, bool *is_last)
{
    json_t *answer = NULL;
    int code = client_call(p->client, HTTP_GET, path_of(p), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    print_page(p, json_object_get(answer, p->listing->member));
    *is_last =
        p->left == 0 || !slice_to_cstr(answer_text(answer, "next"), p->after, sizeof p->after) || p->after[0] == '\0';
    json_decref(answer);
    arena_reset(&p->arena);
    return EXIT_DONE;
}

int listing_run(const struct invocation *inv, struct listing *l)
{
    struct pager p = { .inv = inv, .listing = l };
    bool is_last = false;
    int code = invocation_limit(inv, &p.left);

    if (code == EXIT_DONE)
        p.client = client_new(inv, &code);
    while (p.client != NULL && code == EXIT_DONE && !is_last)
        code = list_page(&p, &is_last);
    client_free(p.client);
    table_release(&l->table);
    arena_release(&p.arena);
    return code;
}
