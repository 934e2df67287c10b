/* Image files named on the command line. */
#include "inputs.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

int exit_code(size_t failed, size_t total)
{
    if (failed == 0)
        return EXIT_DONE;
    return failed < total ? EXIT_SOME : EXIT_FAILED;
}

static fv_status add(cli *c, inputs *in, const char *path)
{
    if (in->count == in->room) {
        size_t room = in->room ? 2 * in->room : 64;
        char **grown = fvi_realloc(c->ctx, in->path, room * sizeof *grown);
        if (!grown)
            return FV_ENOMEM;
        in->path = grown;
        in->room = room;
    }
    in->path[in->count] = fvi_strdup(c->ctx, path);
    if (!in->path[in->count])
        return FV_ENOMEM;
    in->count++;
    return FV_OK;
}

static bool is_our_own(const char *name)
{
    static const char *const ends[] = {"_labels",     "_overlay",  "_maps",
                                       "_masks",      "_restored", "_residual",
                                       "_uncertainty"};
    size_t n = fvi_stem_length(name);
    bool own = false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t e = strlen(ends[i]);
        own = own || (n > e && strncmp(name + n - e, ends[i], e) == 0);
    }
    return own;
}

static fv_status add_names(cli *c, inputs *in, const char *folder,
                           const fvi_names *names, size_t *found)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->name[i];
        if (!fvi_is_image_name(name) || is_our_own(name))
            continue;
        char *path = fvi_path_join(c->ctx, folder, name);
        fv_status status = path ? add(c, in, path) : FV_ENOMEM;
        fvi_free(c->ctx, path);
        if (status != FV_OK)
            return status;
        ++*found;
    }
    return FV_OK;
}

/* The operand names nothing: it is told, the others are done. */
static fv_status skip(cli *c, inputs *in, const char *operand)
{
    cli_fail_in(c, operand);
    lost_input *grown =
        fvi_realloc(c->ctx, in->lost, (in->failed + 1) * sizeof *grown);
    if (!grown)
        return FV_ENOMEM;
    in->lost = grown;
    lost_input *it = &grown[in->failed++];
    it->why = fvi_strdup(c->ctx, fv_message(c->ctx));
    it->operand = fvi_strdup(c->ctx, operand);
    return it->why && it->operand ? FV_OK : FV_ENOMEM;
}

static fv_status add_folder(cli *c, inputs *in, const char *folder)
{
    fvi_names names;
    size_t found = 0;
    fv_status status = fvi_list_folder(c->ctx, folder, &names);
    if (status == FV_EIO)
        return skip(c, in, folder);
    FV_TRY(status);
    status = add_names(c, in, folder, &names, &found);
    fvi_names_free(c->ctx, &names);
    if (status == FV_OK && !found) {
        (void)fvi_fail(c->ctx, FV_EINVAL, "there are no images in the folder");
        return skip(c, in, folder);
    }
    return status;
}

static fv_status add_one(cli *c, inputs *in, const char *path)
{
    return fvi_is_folder(path) ? add_folder(c, in, path) : add(c, in, path);
}

static fv_status add_pattern(cli *c, inputs *in, const char *pattern)
{
    glob_t found;
    int code = glob(pattern, 0, NULL, &found);
    if (code == GLOB_NOSPACE)
        return fvi_fail(c->ctx, FV_ENOMEM, "out of memory for '%s'", pattern);
    if (code != 0) {
        (void)fvi_fail(c->ctx, FV_EINVAL, "no file matches");
        return skip(c, in, pattern);
    }
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv,
          fvi_by_natural_order);
    fv_status status = FV_OK;
    for (size_t i = 0; i < found.gl_pathc && status == FV_OK; i++)
        status = add_one(c, in, found.gl_pathv[i]);
    globfree(&found);
    return status;
}

/* ---- which inputs are alike ---- */

typedef struct entry {
    char *key;
    size_t at;
} entry;

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* `first[i]`: the first input with the same key as input i. */
static void find_first(entry *e, size_t count, size_t *first)
{
    qsort(e, count, sizeof *e, by_key);
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && strcmp(e[i - 1].key, e[i].key) == 0;
        first[e[i].at] = same ? first[e[i - 1].at] : e[i].at;
    }
}

/* `key` makes the key of a path: fvi_strdup or fvi_path_stem. */
static fv_status compare(cli *c, inputs *in,
                         char *(*key)(fv_ctx *, const char *))
{
    entry *e = fvi_calloc(c->ctx, in->count + 1, sizeof *e);
    fv_status status = e ? FV_OK : FV_ENOMEM;
    for (size_t i = 0; i < in->count && status == FV_OK; i++) {
        e[i] = (entry){key(c->ctx, in->path[i]), i};
        status = e[i].key ? FV_OK : FV_ENOMEM;
    }
    if (status == FV_OK)
        find_first(e, in->count, in->first);
    for (size_t i = 0; e && i < in->count; i++)
        fvi_free(c->ctx, e[i].key);
    fvi_free(c->ctx, e);
    return status;
}

static fv_status drop_repeated(cli *c, inputs *in)
{
    size_t kept = 0;
    FV_TRY(compare(c, in, fvi_strdup));
    for (size_t i = 0; i < in->count; i++)
        if (in->first[i] == i)
            in->path[kept++] = in->path[i];
        else
            fvi_free(c->ctx, in->path[i]);
    in->count = kept;
    return FV_OK;
}

fv_status inputs_expand(cli *c, int count, char **operands, inputs *out)
{
    *out = (inputs){0};
    for (int i = 0; i < count; i++) {
        const char *operand = operands[i];
        bool exists = fvi_is_file(operand) || fvi_is_folder(operand);
        if (!exists && strpbrk(operand, "*?["))
            FV_TRY(add_pattern(c, out, operand));
        else
            FV_TRY(add_one(c, out, operand));
    }
    out->first = fvi_calloc(c->ctx, out->count + 1, sizeof *out->first);
    if (!out->first)
        return FV_ENOMEM;
    FV_TRY(drop_repeated(c, out));
    return compare(c, out, fvi_path_stem);
}

fv_status refuse_same_stem(const cli *c, const inputs *in, size_t index)
{
    size_t first = in->first[index];
    if (first == index)
        return FV_OK;
    return fvi_fail(c->ctx, FV_EINVAL,
                    "would write the same files as %s, give it an output "
                    "folder of its own",
                    in->path[first]);
}

void inputs_free(cli *c, inputs *in)
{
    for (size_t i = 0; i < in->count; i++)
        fvi_free(c->ctx, in->path[i]);
    fvi_free(c->ctx, in->path);
    for (size_t i = 0; i < in->failed; i++) {
        fvi_free(c->ctx, in->lost[i].operand);
        fvi_free(c->ctx, in->lost[i].why);
    }
    fvi_free(c->ctx, in->lost);
    fvi_free(c->ctx, in->first);
    *in = (inputs){0};
}
