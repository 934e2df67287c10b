/* Restoration by a network. */
#include "model/model.h"
#include "restorer.h"

static fv_status plane(restorer *r, fv_tensor p, int rgb, fv_tensor *restored,
                       fv_tensor *uncertainty)
{
    return fv_restore(r->c->ctx, r->predictor, p, rgb, restored, uncertainty);
}

static void close_model(restorer *r)
{
    fv_predictor_free(r->predictor);
    fv_model_free(r->c->ctx, r->model);
}

fv_status restore_model_open(cli *c, const restore_args *o, restorer *out)
{
    restorer r = {.c = c, .plane = plane, .close = close_model};
    fv_predict_options how = {.tile = o->tile,
                              .overlap = o->overlap,
                              .views = views_named(o->augment),
                              .backend = o->backend,
                              .precision = precision_named(o->precision)};
    fv_status status = fvi_model_open(c->ctx, o->model, &r.model);
    if (status == FV_OK)
        status = fvi_model_wants(c->ctx, r.model, "restore");
    if (status == FV_OK)
        status = fv_predictor_new(c->ctx, r.model, how, &r.predictor);
    if (status != FV_OK) {
        close_model(&r);
        return status;
    }
    r.uncertain = r.model->uncertainty;
    r.channels = r.model->targets;
    *out = r;
    return FV_OK;
}
