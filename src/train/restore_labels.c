/* Labels of the objects on clean pictures, for restorations that are to serve a
 * segmentation: found and read beside the targets, and made into what the
 * segmentation was trained to draw. */
#include "train/task.h"

/* ---- finding ---- */

/* By the names that targets have; both lists are of the same folder. */
static fv_status attach(fvi_run *r, const char *images, const char *labels,
                        fvi_sources *s)
{
    fvi_sources found;
    fv_status status = FV_OK;
    FV_TRY(fvi_sources_find_as(r->ctx, FVI_TARGETS, images, labels, &found));
    for (int64_t i = 0; i < s->count && status == FV_OK; i++) {
        fvi_source *to = &s->item[i], *from = &found.item[i];
        if (to->role != FVI_UNUSED && !from->labels)
            status =
                fvi_fail(r->ctx, FV_EINVAL, "%s: no labels of its name in %s",
                         to->image, labels);
        to->objects = from->labels;
        from->labels = NULL;
    }
    fvi_sources_free(r->ctx, &found);
    return status;
}

fv_status fvi_restore_find_labels(fvi_run *r)
{
    const fv_train_options *o = &r->o;
    if (!o->labels)
        return FV_OK;
    FV_TRY(attach(r, o->images, o->labels, &r->sources));
    return o->val_images
               ? attach(r, o->val_images, o->val_labels, &r->val_sources)
               : FV_OK;
}

/* ---- truth ---- */

fv_status fvi_restore_truth(fvi_run *r, int64_t i, fvi_inputs in)
{
    if (!in.truth.data)
        return FV_OK;
    return fv_target_fill(r->ctx, r->segment_model->target,
                          fvi_segment_labels(&r->batch, i),
                          fvi_part(in.truth, i));
}
