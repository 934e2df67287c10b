/* The network with its loss in one graph. */
#include "train/task.h"

fv_status fvi_net_build(fvi_run *r, fvi_net *out)
{
    const fv_model *m = r->model;
    fvi_net n = {0};
    FV_TRY(fv_arch_build(r->ctx, m->arch, m->config, &n.graph, &n.image,
                         &n.answer));
    fv_status status = r->task->loss(r, &n);
    if (status == FV_OK) {
        fv_output(n.graph, "loss", n.loss);
        status = fv_graph_check(r->ctx, n.graph);
    }
    if (status != FV_OK)
        fv_graph_free(n.graph);
    else
        *out = n;
    return status;
}
