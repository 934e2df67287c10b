/* Parameters: one flat vector with named views, and its initial values. */
#include "graph/graph_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool name_taken(const fv_graph *g, const char *name)
{
    for (int i = 0; i < g->params; i++)
        if (strcmp(g->param[i].view.name, name) == 0)
            return true;
    return false;
}

fv_val fvi_param_add(fv_graph *g, const char *node, const char *name, int ndim,
                     const int64_t dim[], fvi_init init, double number,
                     bool trained)
{
    fvi_shape shape = {.ndim = ndim};
    char path[96];
    memcpy(shape.dim, dim, (size_t)ndim * sizeof *dim);
    snprintf(path, sizeof path, "%s%s%s", node, *node ? "/" : "", name);
    fv_val v = fvi_node_named(g, path, FVI_OP_param, &shape, 0, NULL);
    if (!v.id)
        return v;
    fvi_node *n = &g->node[v.id - 1];
    if (g->lent) {
        n->lent = g->lent;
        g->lent += fv_count(n->shape);
        return v;
    }
    if (name_taken(g, n->name))
        return fvi_graph_fail(g, FV_EINVAL,
                              "parameter '%s' is there already; give its node "
                              "another name",
                              n->name);
    fvi_param *grown = fvi_graph_push(g, g->param, &g->param_room, g->params,
                                      sizeof *g->param);
    if (!grown)
        return (fv_val){0};
    g->param = grown;
    fv_param view = {.name = n->name,
                     .ndim = ndim,
                     .offset = g->param_total,
                     .count = fv_count(n->shape),
                     .trained = trained,
                     .decayed = init == FVI_INIT_HE || init == FVI_INIT_GLOROT};
    memcpy(view.dim, dim, (size_t)ndim * sizeof *dim);
    n->param = g->params;
    g->param[g->params++] = (fvi_param){
        .view = view, .init = init, .number = number, .value = v.id};
    g->param_total += view.count;
    return v;
}

void fvi_borrow(fv_graph *g, const float *params)
{
    g->lent = params;
}

int fv_param_list_size(const fv_graph *g)
{
    return g->params;
}

fv_param fv_param_at(const fv_graph *g, int i)
{
    return g->param[i].view;
}

int64_t fv_param_count(const fv_graph *g, int trained_only)
{
    int64_t count = 0;
    for (int i = 0; i < g->params; i++)
        if (!trained_only || g->param[i].view.trained)
            count += g->param[i].view.count;
    return count;
}

/* Both of variance 2/fan. He normal: He et al. 2015 (arXiv:1502.01852),
 * equation 10. Glorot uniform, within sqrt(6/fan): Glorot & Bengio 2010,
 * AISTATS, equation 16. */
static double draw(fvi_rng *rng, fvi_init init, double number)
{
    switch (init) {
    case FVI_INIT_HE:
        return sqrt(2 / number) * fvi_rng_normal(rng);
    case FVI_INIT_GLOROT:
        return sqrt(6 / number) * (2 * fvi_rng_uniform(rng) - 1);
    case FVI_INIT_SMALL:
        return 0.02 * fvi_rng_normal(rng);
    case FVI_INIT_SAME:
        return number;
    case FVI_INIT_ONE:
        return 1;
    case FVI_INIT_ZERO:
    default:
        return 0;
    }
}

static void fill(const fvi_param *p, uint64_t seed, float *w)
{
    fvi_rng rng = fvi_rng_new(seed, fvi_hash_text(p->view.name));
    for (int64_t i = 0; i < p->view.count; i++)
        w[i] = (float)draw(&rng, p->init, p->number);
}

void fv_params_init(const fv_graph *g, uint64_t seed, float *params)
{
    for (int i = 0; i < g->params; i++)
        fill(&g->param[i], seed, params + g->param[i].view.offset);
}
