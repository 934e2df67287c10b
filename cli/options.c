/* From argv to option structs: one reader for all verbs. */
#include "options.h"

#include <string.h>

const fv_field global_fields[] = {
    FV_FLAG(globals, quiet, "no notes and no progress bar"),
    FV_FLAG(globals, verbose, "say more about what is done"),
    FV_FLAG(globals, json, "results as JSON on standard output"),
    FV_FLAG(globals, force, "replace files that exist"),
    FV_INT(globals, threads, 0, 0, 4096, "",
           "threads of work; 0: OMP_NUM_THREADS, or one per core"),
    FV_REAL(globals, max_memory, 0, 0, 1e9, "MB",
            "refuse to take more memory than this; 0: all of the machine"),
    FV_FLAG(globals, help, "show help and stop"),
    FV_FLAG(globals, version, "show the version and stop"),
    FV_END,
};

static const struct {
    char letter;
    const char *name;
} letters[] = {
    {'o', "output"}, {'q', "quiet"}, {'v', "verbose"},
    {'f', "force"},  {'h', "help"},  {'V', "version"},
};

char option_letter(const char *name)
{
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (strcmp(letters[i].name, name) == 0)
            return letters[i].letter;
    return 0;
}

const fv_cmd *find_cmd(const char *name)
{
    for (int i = 0; fv_cmds[i]; i++)
        if (strcmp(fv_cmds[i]->name, name) == 0)
            return fv_cmds[i];
    return NULL;
}

/* ---- suggestions ---- */

typedef struct nearest {
    const char *word, *name;
    int distance;
} nearest;

static void consider(nearest *n, const char *name)
{
    char option[64]; /* as it is typed */
    size_t i = 0;
    for (; i < sizeof option - 1 && name[i]; i++)
        option[i] = name[i] == '_' ? '-' : name[i];
    option[i] = '\0';
    int d = fvi_text_distance(n->word, option);
    bool begins =
        strlen(n->word) > 2 && strncmp(n->word, option, strlen(n->word)) == 0;
    if (begins)
        d = 1;
    if (d < n->distance) {
        n->distance = d;
        n->name = name;
    }
}

static void consider_all(nearest *n, const fv_field *fields)
{
    for (const fv_field *f = fields; f && f->kind != FV_KIND_END; f++)
        consider(n, f->name);
}

static int tolerance(const char *word)
{
    int n = (int)strnlen(word, 20);
    return 2 + n / 4;
}

static fv_status unknown_option(fv_ctx *ctx, const parsed *p, const char *name)
{
    nearest n = {.word = name, .distance = tolerance(name)};
    consider_all(&n, global_fields);
    if (p->cmd) {
        consider_all(&n, p->cmd->options);
        consider_all(&n, p->cmd->shared);
    }
    if (!n.name)
        return fvi_fail(ctx, FV_EINVAL, "unknown option '--%s'", name);
    char option[64];
    size_t i = 0;
    for (; i < sizeof option - 1 && n.name[i]; i++)
        option[i] = n.name[i] == '_' ? '-' : n.name[i];
    option[i] = '\0';
    return fvi_fail(ctx, FV_EINVAL,
                    "unknown option '--%s', did you mean '--%s'?", name,
                    option);
}

static fv_status unknown_cmd(fv_ctx *ctx, const char *name)
{
    nearest n = {.word = name, .distance = tolerance(name)};
    for (int i = 0; fv_cmds[i]; i++)
        consider(&n, fv_cmds[i]->name);
    if (!n.name)
        return fvi_fail(ctx, FV_EINVAL, "unknown verb '%s'", name);
    return fvi_fail(ctx, FV_EINVAL, "unknown verb '%s', did you mean '%s'?",
                    name, n.name);
}

/* ---- setting ---- */

fv_status parsed_keep(fv_ctx *ctx, parsed *p, char *text)
{
    char **grown =
        fvi_realloc(ctx, p->kept, ((size_t)p->keeps + 1) * sizeof *grown);
    if (!grown || !text) {
        p->kept = grown ? grown : p->kept;
        fvi_free(ctx, text);
        return FV_ENOMEM;
    }
    p->kept = grown;
    p->kept[p->keeps++] = text;
    return FV_OK;
}

static bool given_before(parsed *p, const fv_field *f)
{
    for (int i = 0; i < p->seen_count; i++)
        if (p->seen[i] == f)
            return true;
    if (p->seen_count < MOST_OPTIONS)
        p->seen[p->seen_count++] = f;
    return false;
}

/* Text given twice is one list: --save labels --save csv. */
static fv_status join(fv_ctx *ctx, parsed *p, const char *before,
                      const char **value)
{
    fvi_text t = {.ctx = ctx};
    fvi_text_add(&t, "%s,%s", before, *value);
    if (fvi_text_check(&t) != FV_OK) {
        fvi_text_free(&t);
        return FV_ENOMEM;
    }
    *value = t.data;
    return parsed_keep(ctx, p, t.data);
}

static fv_status set_one(fv_ctx *ctx, parsed *p, const fv_field *fields,
                         void *options, const fv_field *f, const char *value)
{
    bool again = given_before(p, f);
    if (f->kind == FV_KIND_TEXT && again) {
        const char *at = (const char *)options + f->offset;
        FV_TRY(join(ctx, p, *(const char *const *)(const void *)at, &value));
    }
    return fv_field_set(ctx, fields, options, f->name, value);
}

/* A name may stand in several tables (threads): all are told. */
static fv_status set_all(fv_ctx *ctx, parsed *p, const char *name,
                         const char *value)
{
    const fv_field *table[3] = {global_fields};
    void *options[3] = {&p->global, p->options, p->options};
    if (p->cmd) {
        table[1] = p->cmd->options;
        table[2] = p->cmd->shared;
    }
    for (int i = 0; i < 3; i++) {
        const fv_field *f = table[i] ? fv_field_find(table[i], name) : NULL;
        if (f)
            FV_TRY(set_one(ctx, p, table[i], options[i], f, value));
    }
    return FV_OK;
}

static const fv_field *find_option(const parsed *p, const char *name)
{
    const fv_field *f = NULL;
    if (p->cmd && p->cmd->options)
        f = fv_field_find(p->cmd->options, name);
    if (!f && p->cmd && p->cmd->shared)
        f = fv_field_find(p->cmd->shared, name);
    return f ? f : fv_field_find(global_fields, name);
}

/* ---- reading ---- */

typedef struct reader {
    fv_ctx *ctx;
    parsed *p;
    int argc, at, verb; /* argv[verb] is the verb */
    char **argv;
} reader;

static fv_status next_value(reader *r, const char *option, const char **value)
{
    if (r->at + 1 >= r->argc || strncmp(r->argv[r->at + 1], "--", 2) == 0)
        return fvi_fail(r->ctx, FV_EINVAL, "option '%s' wants a value", option);
    *value = r->argv[++r->at];
    return FV_OK;
}

static fv_status read_long(reader *r, char *arg)
{
    char name[64];
    const char *value = strchr(arg, '=');
    size_t n = value ? (size_t)(value - arg) : strlen(arg);
    if (n - 2 >= sizeof name)
        return fvi_fail(r->ctx, FV_EINVAL, "unknown option '%.80s...'", arg);
    memcpy(name, arg + 2, n - 2);
    name[n - 2] = '\0';
    const fv_field *f = find_option(r->p, name);
    if (!f && strncmp(name, "no-", 3) == 0 && !value) {
        f = find_option(r->p, name + 3);
        if (f && f->kind == FV_KIND_FLAG)
            return set_all(r->ctx, r->p, name + 3, "0");
        f = NULL;
    }
    if (!f)
        return unknown_option(r->ctx, r->p, name);
    if (value)
        value++;
    else if (f->kind == FV_KIND_FLAG)
        value = "1";
    else
        FV_TRY(next_value(r, arg, &value));
    return set_all(r->ctx, r->p, name, value);
}

/* "-o DIR", "-oDIR", "-qv". */
static fv_status read_short(reader *r, char *arg)
{
    for (char *c = arg + 1; *c; c++) {
        const char *name = NULL, *value = "1";
        for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
            if (letters[i].letter == *c)
                name = letters[i].name;
        const fv_field *f = name ? find_option(r->p, name) : NULL;
        if (!f)
            return fvi_fail(r->ctx, FV_EINVAL, "unknown option '-%c'", *c);
        if (f->kind != FV_KIND_FLAG) {
            char option[3] = {'-', *c, '\0'};
            value = c + 1;
            if (!*value)
                FV_TRY(next_value(r, option, &value));
            return set_all(r->ctx, r->p, name, value);
        }
        FV_TRY(set_all(r->ctx, r->p, name, value));
    }
    return FV_OK;
}

static fv_status choose_cmd(reader *r, const char *name)
{
    r->p->cmd = find_cmd(name);
    if (!r->p->cmd)
        return unknown_cmd(r->ctx, name);
    r->p->options = fvi_calloc(r->ctx, 1, r->p->cmd->size + 1);
    if (!r->p->options)
        return FV_ENOMEM;
    if (r->p->cmd->shared)
        fv_fields_default(r->p->cmd->shared, r->p->options);
    if (r->p->cmd->options)
        fv_fields_default(r->p->cmd->options, r->p->options);
    return FV_OK;
}

static fv_status read_argument(reader *r, bool *ended)
{
    char *arg = r->argv[r->at];
    if (!*ended && strcmp(arg, "--") == 0) {
        *ended = true;
        return FV_OK;
    }
    if (!*ended && arg[0] == '-' && arg[1] == '-')
        return read_long(r, arg);
    if (!*ended && arg[0] == '-' && arg[1])
        return read_short(r, arg);
    if (!r->p->cmd) {
        r->verb = r->at;
        return choose_cmd(r, arg);
    }
    if (r->at == r->verb) /* seen in the first reading */
        return FV_OK;
    r->p->operands[r->p->count++] = arg;
    return FV_OK;
}

static fv_status read_all(reader *r)
{
    bool ended = false;
    r->p->count = r->p->seen_count = 0;
    for (r->at = 1; r->at < r->argc; r->at++)
        FV_TRY(read_argument(r, &ended));
    return FV_OK;
}

fv_status parse_arguments(fv_ctx *ctx, int argc, char **argv, parsed *out)
{
    *out = (parsed){0};
    fv_fields_default(global_fields, &out->global);
    out->operands = fvi_calloc(ctx, (size_t)argc + 1, sizeof *out->operands);
    if (!out->operands)
        return FV_ENOMEM;
    reader r = {.ctx = ctx, .p = out, .argc = argc, .argv = argv};
    FV_TRY(read_all(&r));
    if (!out->cmd || !out->cmd->base || out->global.help)
        return FV_OK;
    FV_TRY(out->cmd->base(ctx, out));
    return read_all(&r);
}

void parsed_free(fv_ctx *ctx, parsed *p)
{
    for (int i = 0; i < p->keeps; i++)
        fvi_free(ctx, p->kept[i]);
    fvi_free(ctx, p->kept);
    fvi_free(ctx, p->operands);
    fvi_free(ctx, p->options);
    *p = (parsed){0};
}

bool option_given(const fv_field *f, const void *options)
{
    union {
        int whole;
        double real;
        const char *text;
    } usual;
    char value[4096], before[sizeof value];
    fv_field alone = *f;
    alone.offset = 0;
    fv_fields_default((const fv_field[]){alone, FV_END}, &usual);
    fv_field_get(f, options, value, sizeof value);
    fv_field_get(&alone, &usual, before, sizeof before);
    return strcmp(value, before) != 0;
}

fv_status set_list(fv_ctx *ctx, const fv_field *fields, void *options,
                   const char *list, char **words)
{
    *words = NULL;
    if (!list || !*list)
        return FV_OK;
    char *copy = *words = fvi_strdup(ctx, list);
    if (!copy)
        return FV_ENOMEM;
    char *rest;
    for (char *item = copy; item; item = rest) {
        rest = strchr(item, ',');
        if (rest)
            *rest++ = '\0';
        char *equals = strchr(item, '=');
        if (!equals)
            return fvi_fail(ctx, FV_EINVAL, "'%s' is not key=value", item);
        *equals = '\0';
        FV_TRY(fv_field_set(ctx, fields, options, item, equals + 1));
    }
    return FV_OK;
}
