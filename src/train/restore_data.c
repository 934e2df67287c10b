/* What a restoration learns from: noisy images with clean ones, with other
 * shots of the same field, or alone. Targets are brought into the range of
 * their image, so that the network's answer has the image's units. */
#include "train/task.h"

#include <stdlib.h>
#include <string.h>

/* ---- finding ---- */

static fvi_truth kind_of(const fvi_run *r)
{
    if (fvi_is_blind(&r->o))
        return FVI_ALONE;
    return r->o.targets ? FVI_TARGETS : FVI_SHOTS;
}

/* Other channels than those of the image are in units of their own. */
static fv_status find_channels(fvi_run *r)
{
    fv_train_options *o = &r->o;
    bool targets = kind_of(r) == FVI_TARGETS;
    if (o->target_channels == 0 && targets)
        FV_TRY(fvi_channels_of(r->ctx, &r->sources, true, &o->target_channels));
    else if (o->target_channels == 0)
        o->target_channels = o->channels;
    bool same = o->target_channels == o->channels;
    if (!o->target_range)
        o->target_range = same ? "image" : "own";
    bool own = strcmp(o->target_range, "own") == 0;
    if (own && !targets)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "target_range: own needs targets of another kind than "
                        "the images");
    if (same || own)
        return FV_OK;
    return fvi_fail(r->ctx, FV_EINVAL,
                    "target_range: %d channels of targets have no units in "
                    "images of %d, expected own",
                    o->target_channels, o->channels);
}

fv_status fvi_restore_find(fvi_run *r)
{
    FV_TRY(fvi_find_pairs(r, kind_of(r), r->o.targets, r->o.val_targets));
    FV_TRY(fvi_restore_find_labels(r));
    return find_channels(r);
}

/* ---- reading ---- */

static fv_status read_target(fvi_run *r, const fvi_source *s, fv_pair *out)
{
    fv_pair clean = {.name = NULL};
    fv_status status =
        fvi_plane_read(r->ctx, s->labels, r->o.target_channels, &clean);
    out->target = clean.plane; /* also what a failure left */
    FV_TRY(status);
    if (out->target.dim[0] == out->plane.dim[0] &&
        out->target.dim[1] == out->plane.dim[1])
        return FV_OK;
    return fvi_fail(r->ctx, FV_ESHAPE,
                    "%s: the image is %lldx%lld pixels, its target %lldx%lld",
                    s->image, (long long)out->plane.dim[1],
                    (long long)out->plane.dim[0], (long long)out->target.dim[1],
                    (long long)out->target.dim[0]);
}

static fv_status name_pairs(fvi_run *r, const fvi_source *s, int64_t n,
                            fv_pair *out)
{
    for (int64_t i = 0; i < n; i++)
        if (!(out[i].name = fvi_strdup(r->ctx, s->stem)))
            return FV_ENOMEM;
    return fvi_canceled(r->ctx) ? fvi_fail(r->ctx, FV_ECANCEL, "canceled")
                                : FV_OK;
}

static fv_status read_pair(fvi_run *r, const fvi_source *s, fv_pair *out)
{
    FV_TRY(fvi_plane_read(r->ctx, s->image, r->o.channels, out));
    if (s->labels)
        FV_TRY(read_target(r, s, out));
    return s->objects ? fvi_pair_labels(r->ctx, s->image, s->objects, out)
                      : FV_OK;
}

/* Of images that are learned from alone, every plane; the plane to work on
 * where something belongs to it. */
static fv_status planes_of(fvi_run *r, const fvi_source *s, int64_t *n)
{
    *n = 1;
    return kind_of(r) == FVI_ALONE ? fvi_planes_count(r->ctx, s->image, n)
                                   : FV_OK;
}

static fv_status grow(fvi_run *r, fv_pair **pairs, int64_t count, int64_t n)
{
    fv_pair *more =
        fvi_realloc(r->ctx, *pairs, (size_t)(count + n) * sizeof *more);
    if (!more)
        return FV_ENOMEM;
    memset(more + count, 0, (size_t)n * sizeof *more);
    *pairs = more;
    return FV_OK;
}

static fv_status read_source(fvi_run *r, const fvi_source *s, fv_pair **pairs,
                             int64_t *count)
{
    int64_t n;
    FV_TRY(planes_of(r, s, &n));
    FV_TRY(grow(r, pairs, *count, n));
    fv_pair *out = *pairs + *count;
    *count += n; /* what a failure leaves is freed with the run */
    FV_TRY(name_pairs(r, s, n, out));
    return kind_of(r) == FVI_ALONE
               ? fvi_planes_read(r->ctx, s->image, r->o.channels, n, out)
               : read_pair(r, s, out);
}

static fv_status read_role(fvi_run *r, const fvi_sources *s, fvi_role role,
                           fv_pair **out, int64_t *count)
{
    for (int64_t i = 0; i < s->count; i++)
        if (s->item[i].role == role)
            FV_TRY(read_source(r, &s->item[i], out, count));
    return FV_OK;
}

/* ---- shots ---- */

static int by_field(const void *a, const void *b)
{
    const fv_pair *x = a, *y = b;
    size_t n = fvi_field_length(x->name), k = fvi_field_length(y->name);
    int order = strncmp(x->name, y->name, n < k ? n : k);
    if (order == 0 && n != k)
        return n < k ? -1 : 1;
    return order ? order : strcmp(x->name, y->name);
}

static bool same_field(const fv_pair *a, const fv_pair *b)
{
    size_t n = fvi_field_length(a->name);
    return n == fvi_field_length(b->name) && strncmp(a->name, b->name, n) == 0;
}

/* Shots of one field become neighbors that know of each other. */
static fv_status join_shots(fvi_run *r, fv_pair *pairs, int64_t count)
{
    qsort(pairs, (size_t)count, sizeof *pairs, by_field);
    for (int64_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && same_field(&pairs[i], &pairs[i + n]);)
            n++;
        if (n < 2)
            return fvi_fail(r->ctx, FV_EINVAL,
                            "%s: is the only shot of its field, expected two "
                            "or more such as NAME_1 and NAME_2, or --targets",
                            pairs[i].name);
        for (int64_t k = 0; k < n; k++) {
            pairs[i + k].field = i;
            pairs[i + k].shots = n;
            if (!fv_same_shape(pairs[i].plane, pairs[i + k].plane))
                return fvi_fail(r->ctx, FV_ESHAPE,
                                "%s and %s are shots of one field but differ "
                                "in size",
                                pairs[i].name, pairs[i + k].name);
        }
    }
    return FV_OK;
}

fv_status fvi_restore_read(fvi_run *r)
{
    FV_TRY(fvi_read_roles(r, read_role));
    if (kind_of(r) == FVI_SHOTS) {
        FV_TRY(join_shots(r, r->train, r->train_count));
        FV_TRY(join_shots(r, r->val, r->val_count));
    }
    FV_TRY(fvi_measure_planes(r));
    FV_TRY(fvi_measure_targets(r));
    FV_TRY(fvi_normalize_pairs(r, r->train, r->train_count));
    return fvi_normalize_pairs(r, r->val, r->val_count);
}
