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
                     .decayed = init == FVI_INIT_HE};
    memcpy(view.dim, dim, (size_t)ndim * sizeof *dim);
    n->param = g->params;
    g->param[g->params++] = (fvi_param){
        .view = view, .init = init, .number = number, .value = v.id};
    g->param_total += view.count;
    return v;
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

/* He normal: standard deviation sqrt(2/fan_in).
 * Source: He et al. 2015 (arXiv:1502.01852), equation 10. */
static void fill(const fvi_param *p, uint64_t seed, float *w)
{
    const bool he = p->init == FVI_INIT_HE;
    const double sigma = he ? sqrt(2.0 / p->number) : 0.02;
    const double same = p->init == FVI_INIT_SAME  ? p->number
                        : p->init == FVI_INIT_ONE ? 1
                                                  : 0;
    fvi_rng rng = fvi_rng_new(seed, fvi_hash_text(p->view.name));
    for (int64_t i = 0; i < p->view.count; i++) {
        if (he || p->init == FVI_INIT_SMALL)
            w[i] = (float)(sigma * fvi_rng_normal(&rng));
        else
            w[i] = (float)same;
    }
}

void fv_params_init(const fv_graph *g, uint64_t seed, float *params)
{
    for (int i = 0; i < g->params; i++)
        fill(&g->param[i], seed, params + g->param[i].view.offset);
}
