/* Weights that another program trained, in one of our architectures: what is
 * called how there, and where each number belongs. */
#include "base/field.h"
#include "graph/graph_internal.h"
#include "model/foreign.h"
#include "model/model.h"

#include <string.h>

/*
 * How modules are called. '#' in `ours` is a number i, in `theirs` the number
 * times * n + plus; n is i, or the setting `of` of the architecture. The first
 * rule that fits counts.
 */
typedef struct rule {
    const char *ours, *theirs;
    int times;
    const char *of;
    int plus;
} rule;

typedef struct family {
    const char *name, *arch; /* arch NULL: any, names are the same */
    bool no_bias;            /* biases that are not in the file are zero */
    rule rule[5];
} family;

static const family families[] = {
    /* github.com/cszn/KAIR, norms merged into the convolutions */
    {"kair",
     "dncnn",
     false,
     {{"conv#", "model.#", 2, NULL, -2}, {"head", "model.#", 2, "depth", -2}}},
    /* github.com/SaoYan/DnCNN-PyTorch */
    {"saoyan",
     "dncnn",
     true,
     {{"conv1", "dncnn.#", 0, NULL, 0},
      {"conv#/norm", "dncnn.#", 3, NULL, -3},
      {"conv#", "dncnn.#", 3, NULL, -4},
      {"head", "dncnn.#", 3, "depth", -4}}},
    /* cpnet: those of Cellpose */
    {"same", NULL, false, {{NULL, NULL, 0, NULL, 0}}},
};
enum { FAMILIES = sizeof families / sizeof *families };

/* The last part of a name, as PyTorch has it. */
static const char *const leaves[][2] = {
    {"scale", "weight"},
    {"shift", "bias"},
    {"mean", "running_mean"},
    {"var", "running_var"},
};

/* What files have besides weights. */
static const char *const extras[] = {"num_batches_tracked", "diam_mean",
                                     "diam_labels"};

typedef struct importer {
    fv_ctx *ctx;
    fv_model *m;
    fvi_foreign file;
    const char *inside;
    const family *f;
    bool *used; /* by tensor of the file */
} importer;

/* ---- names ---- */

/* Whether `path` of `n` characters is `pattern`; `*number` is its '#'. */
static bool fits(const char *pattern, const char *path, size_t n, int *number)
{
    size_t at = 0;
    *number = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (at == n || path[at++] != *pattern)
                return false;
            continue;
        }
        size_t digits = 0;
        while (at < n && path[at] >= '0' && path[at] <= '9' && digits++ < 6)
            *number = *number * 10 + (path[at++] - '0');
        if (digits == 0)
            return false;
    }
    return at == n;
}

static void add_rule(const importer *in, const rule *r, int number, fvi_text *t)
{
    int n = r->of ? fvi_field_int(in->m->arch->fields, in->m->config, r->of)
                  : number;
    for (const char *c = r->theirs; *c; c++)
        if (*c == '#')
            fvi_text_add(t, "%d", r->times * n + r->plus);
        else
            fvi_text_add(t, "%c", *c);
}

/* The name of a parameter in the file, without what it may begin with. */
static fv_status their_name(const importer *in, const char *ours, fvi_text *t)
{
    const char *slash = strrchr(ours, '/');
    const char *leaf = slash ? slash + 1 : ours;
    size_t n = slash ? (size_t)(slash - ours) : 0;
    t->size = 0;
    for (const rule *r = in->f->rule; r->ours && t->size == 0; r++) {
        int number;
        if (fits(r->ours, ours, n, &number))
            add_rule(in, r, number, t);
    }
    for (size_t i = 0, none = t->size == 0; i < n && none; i++)
        fvi_text_add(t, "%c", ours[i] == '/' ? '.' : ours[i]);
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
        if (strcmp(leaf, leaves[i][0]) == 0)
            leaf = leaves[i][1];
    fvi_text_add(t, "%s%s", t->size ? "." : "", leaf);
    return fvi_text_check(t);
}

/* "a.b" ends "x.a.b" and is "a.b"; with `inside` only that comes first.*/
static bool is_called(const importer *in, const char *have, const char *want)
{
    size_t n = strlen(have), k = strlen(want);
    if (n < k || strcmp(have + n - k, want) != 0)
        return false;
    if (in->inside)
        return n == k + strlen(in->inside) + 1 && have[n - k - 1] == '.' &&
               strncmp(have, in->inside, n - k - 1) == 0;
    return n == k || have[n - k - 1] == '.';
}

/* `*out` NULL when there is none. FV_EFORMAT when there are two. */
static fv_status find(const importer *in, const char *want,
                      const fvi_foreign_tensor **out)
{
    *out = NULL;
    for (size_t i = 0; i < in->file.count; i++) {
        const fvi_foreign_tensor *t = &in->file.tensor[i];
        if (!is_called(in, t->name, want))
            continue;
        if (*out)
            return fvi_fail(in->ctx, FV_EFORMAT,
                            "has '%.80s' and '%.80s', say which: inside",
                            (*out)->name, t->name);
        *out = t;
    }
    return FV_OK;
}

/* ---- which family ---- */

static bool may_lack(const importer *in, const char *ours)
{
    size_t n = strlen(ours);
    return in->f->no_bias && n > 5 && strcmp(ours + n - 5, "/bias") == 0;
}

/* How many parameters are in the file; `*missing` the first that is not. */
static fv_status count_found(const importer *in, int *found, int *missing)
{
    fvi_text name = {.ctx = in->ctx};
    fv_status status = FV_OK;
    *found = 0;
    *missing = -1;
    for (int i = 0; i < fv_param_list_size(in->m->graph); i++) {
        const char *ours = fv_param_at(in->m->graph, i).name;
        const fvi_foreign_tensor *t = NULL;
        status = their_name(in, ours, &name);
        if (status == FV_OK)
            status = find(in, name.data, &t);
        if (status != FV_OK)
            break;
        *found += t != NULL;
        if (!t && !may_lack(in, ours) && *missing < 0)
            *missing = i;
    }
    fvi_text_free(&name);
    return status;
}

static fv_status complain(importer *in, const family *f, int missing)
{
    fvi_text name = {.ctx = in->ctx};
    const char *ours = fv_param_at(in->m->graph, missing).name;
    in->f = f;
    fv_status status = their_name(in, ours, &name);
    if (status == FV_OK)
        status = fvi_fail(in->ctx, FV_EFORMAT,
                          "has no tensor '%s' for %s of %s (names as %s has "
                          "them)",
                          name.data, ours, in->m->arch->name, f->name);
    fvi_text_free(&name);
    return status;
}

/* The family `names`, or the first with all parameters in the file. */
static fv_status choose(importer *in, const char *names)
{
    const family *nearest = NULL;
    int most = -1, missing = 0, found, first;
    for (int i = 0; i < FAMILIES; i++) {
        in->f = &families[i];
        if (in->f->arch && strcmp(in->f->arch, in->m->arch->name) != 0)
            continue;
        if (names && strcmp(names, in->f->name) != 0)
            continue;
        FV_TRY(count_found(in, &found, &first));
        if (first < 0)
            return FV_OK;
        if (found > most) {
            nearest = in->f;
            most = found;
            missing = first;
        }
    }
    if (nearest)
        return complain(in, nearest, missing);
    return fvi_fail(in->ctx, FV_EINVAL,
                    "names of %s as '%s' has them are not known, expected one "
                    "of kair, saoyan (dncnn), same",
                    in->m->arch->name, names);
}

/* ---- numbers ---- */

static bool is_transposed(const fv_graph *g, int param)
{
    for (int32_t i = 0; i < g->nodes; i++)
        if (g->node[i].op == FVI_OP_conv_transposed &&
            g->node[i].x[1] == g->param[param].value)
            return true;
    return false;
}

/* PyTorch has the channels of weights in front: out, in, rows, columns; those
 * of transposed convolutions are in, out. `perm`: our axis i is theirs. */
static void axes_of(const fv_graph *g, int param, int axis[FV_MAX_DIM])
{
    const fv_param *p = &g->param[param].view;
    const char *leaf = strrchr(p->name, '/');
    int n = p->ndim;
    bool moved = n >= 2 && leaf && strcmp(leaf, "/weight") == 0;
    for (int i = 0; i < n; i++)
        axis[i] = moved ? i + 2 : i;
    if (!moved)
        return;
    bool transposed = is_transposed(g, param);
    axis[n - 2] = transposed ? 0 : 1;
    axis[n - 1] = transposed ? 1 : 0;
}

static fv_status check_extents(const importer *in, const fv_param *p,
                               const fvi_foreign_tensor *t, const int axis[])
{
    int64_t dim[FV_MAX_DIM];
    char have[80], want[80];
    bool same = t->ndim == p->ndim;
    for (int i = 0; i < p->ndim; i++)
        dim[axis[i]] = p->dim[i];
    for (int i = 0; same && i < p->ndim; i++)
        same = t->dim[i] == dim[i];
    if (same)
        return FV_OK;
    fv_describe(fv_dense(NULL, FV_F32, t->ndim, t->dim), have, sizeof have);
    fv_describe(fv_dense(NULL, FV_F32, p->ndim, dim), want, sizeof want);
    return fvi_fail(in->ctx, FV_EFORMAT,
                    "tensor '%.80s' is %s, expected %s for %s of %s", t->name,
                    have, want, p->name, in->m->arch->name);
}

/* From dense numbers in their order of axes to ours. */
static void reorder(const fv_param *p, const int axis[], const float *from,
                    float *to)
{
    int64_t dim[FV_MAX_DIM], stride[FV_MAX_DIM], step[FV_MAX_DIM], n = 1;
    int64_t at[FV_MAX_DIM] = {0}, i = 0;
    for (int k = 0; k < p->ndim; k++)
        dim[axis[k]] = p->dim[k];
    for (int k = p->ndim - 1; k >= 0; k--) {
        stride[k] = n;
        n *= dim[k];
    }
    for (int k = 0; k < p->ndim; k++)
        step[k] = stride[axis[k]];
    for (int64_t o = 0; o < p->count; o++) {
        to[o] = from[i];
        for (int k = p->ndim - 1; k >= 0; k--) {
            i += step[k];
            if (++at[k] < p->dim[k])
                break;
            i -= p->dim[k] * step[k];
            at[k] = 0;
        }
    }
}

static fv_status fill(importer *in, int param, const fvi_foreign_tensor *t)
{
    fv_param p = fv_param_at(in->m->graph, param);
    int axis[FV_MAX_DIM];
    axes_of(in->m->graph, param, axis);
    FV_TRY(check_extents(in, &p, t, axis));
    float *x = fvi_calloc(in->ctx, (size_t)p.count + 1, sizeof *x);
    if (!x)
        return FV_ENOMEM;
    fv_status status = fvi_foreign_numbers(&in->file, t, x);
    if (status == FV_OK)
        reorder(&p, axis, x, in->m->params + p.offset);
    fvi_free(in->ctx, x);
    in->used[t - in->file.tensor] = true;
    return status;
}

static fv_status fill_all(importer *in)
{
    fvi_text name = {.ctx = in->ctx};
    fv_status status = FV_OK;
    int n = fv_param_list_size(in->m->graph);
    for (int i = 0; i < n && status == FV_OK; i++) {
        fv_param p = fv_param_at(in->m->graph, i);
        const fvi_foreign_tensor *t = NULL;
        status = their_name(in, p.name, &name);
        if (status == FV_OK)
            status = find(in, name.data, &t);
        if (status == FV_OK && t)
            status = fill(in, i, t);
        else if (status == FV_OK)
            memset(in->m->params + p.offset, 0,
                   (size_t)p.count * sizeof(float));
    }
    fvi_text_free(&name);
    return status;
}

/* ---- the rest of the file ---- */

static bool is_extra(const importer *in, const char *name)
{
    const char *dot = strrchr(name, '.'), *leaf = dot ? dot + 1 : name;
    size_t n = in->inside ? strlen(in->inside) : 0;
    if (n && (strncmp(name, in->inside, n) != 0 || name[n] != '.'))
        return true;
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        if (strcmp(leaf, extras[i]) == 0)
            return true;
    return false;
}

/* Weights that would be left behind belong to another network. */
static fv_status check_rest(const importer *in)
{
    for (size_t i = 0; i < in->file.count; i++)
        if (!in->used[i] && !is_extra(in, in->file.tensor[i].name))
            return fvi_fail(in->ctx, FV_EFORMAT,
                            "tensor '%.80s' has no place in %s with these "
                            "settings",
                            in->file.tensor[i].name, in->m->arch->name);
    return FV_OK;
}

/* The diameter of objects that images are resized to. */
static fv_status take_diameter(importer *in)
{
    const fvi_foreign_tensor *t;
    float x = 0;
    FV_TRY(find(in, "diam_mean", &t));
    if (!t || t->type == FVI_ST_OTHER || t->ndim > 1 ||
        (t->ndim == 1 && t->dim[0] != 1))
        return FV_OK;
    FV_TRY(fvi_foreign_numbers(&in->file, t, &x));
    if (x > 0 && x < 1e6f)
        in->m->diameter = (double)x;
    return FV_OK;
}

static fv_status import_all(importer *in, const char *names)
{
    FV_TRY(choose(in, names));
    in->used = fvi_calloc(in->ctx, in->file.count + 1, sizeof *in->used);
    if (!in->used)
        return FV_ENOMEM;
    fv_status status = fill_all(in);
    if (status == FV_OK)
        status = check_rest(in);
    if (status == FV_OK)
        status = take_diameter(in);
    fvi_free(in->ctx, in->used);
    return status;
}

fv_status fv_model_import(fv_ctx *ctx, fv_model *m, const char *path,
                          const char *names, const char *inside)
{
    importer in = {.ctx = ctx, .m = m, .inside = inside};
    FV_TRY(fvi_foreign_open(ctx, path, &in.file));
    fv_status status = import_all(&in, names);
    fvi_foreign_close(&in.file);
    return status == FV_OK ? FV_OK : fvi_fail_in(ctx, status, "%s", path);
}
