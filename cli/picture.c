/* One image file as the verbs use it. */
#include "picture.h"
#include "tell.h"

#include <string.h>

int64_t axis_extent(const fv_image *im, char axis)
{
    const char *at = strchr(im->axes, axis);
    return at && axis ? im->pixels.dim[at - im->axes] : 1;
}

/* One channel of the plane in place of all. */
static fv_status choose_channel(cli *c, int channel, picture *p)
{
    int64_t have = p->plane.dim[2];
    if (channel == 0)
        return FV_OK;
    if (channel > have)
        return fvi_fail(c->ctx, FV_EINVAL,
                        "has %lld channels, there is no channel %d",
                        (long long)have, channel);
    float *x = p->plane.data;
    int64_t count = p->plane.dim[0] * p->plane.dim[1];
    for (int64_t i = 0; i < count; i++)
        x[i] = x[i * have + channel - 1];
    int64_t dim[3] = {p->plane.dim[0], p->plane.dim[1], 1};
    p->plane = fv_dense(x, FV_F32, 3, dim);
    p->image->rgb = 0;
    return FV_OK;
}

static void note_rest(cli *c, const char *path, const fv_image *im,
                      int64_t nonfinite)
{
    int64_t planes = axis_extent(im, 'Z'), times = axis_extent(im, 'T');
    if (planes > 1)
        tell_note(c, path, "has %lld z planes, number %lld is used",
                  (long long)planes, (long long)(planes / 2 + 1));
    if (times > 1)
        tell_note(c, path, "has %lld time points, the first is used",
                  (long long)times);
    if (nonfinite)
        tell_note(c, path, "%lld pixels are not numbers, they count as 0",
                  (long long)nonfinite);
}

static void note_flat(cli *c, const char *path, fv_tensor plane)
{
    const float *x = plane.data;
    for (int64_t i = 1; i < fv_count(plane); i++)
        if (x[i] < x[0] || x[i] > x[0])
            return;
    tell_note(c, path, "all pixels have the same value");
}

fv_status picture_read(cli *c, const char *path, int channel, picture *out)
{
    picture p = {.plane = {.ndim = -1}};
    int64_t nonfinite = 0;
    FV_TRY(fv_image_read(c->ctx, path, NULL, &p.image));
    fv_status status =
        fv_image_plane(c->ctx, p.image, 0, axis_extent(p.image, 'Z') / 2,
                       &p.plane, &nonfinite);
    if (status == FV_OK) {
        note_rest(c, path, p.image, nonfinite);
        note_flat(c, path, p.plane);
        status = choose_channel(c, channel, &p);
    }
    if (status != FV_OK) {
        picture_free(c, &p);
        return status;
    }
    *out = p;
    return FV_OK;
}

static void list_names(fvi_text *t, const fv_image *im)
{
    const char *before = " (";
    for (int i = 0; im->name && i < im->channels; i++) {
        if (!im->name[i][0])
            continue;
        fvi_text_add(t, "%s%d %s", before, i + 1, im->name[i]);
        before = ", ";
    }
    if (*before == ',')
        fvi_text_add(t, ")");
}

fv_status picture_channels(cli *c, fv_status status, const fv_image *im)
{
    static const char asks[] = ": choose one channel";
    const char *sentence = fv_message(c->ctx);
    const char *at = strstr(sentence, asks);
    if (status != FV_ESHAPE || !at || at[sizeof asks - 1])
        return status;
    fvi_text t = {.ctx = c->ctx};
    fvi_text_add(&t, "%s with --channel N", sentence);
    list_names(&t, im);
    fv_status made = fvi_text_check(&t);
    if (made == FV_OK)
        (void)fvi_fail(c->ctx, status, "%s", t.data);
    fvi_text_free(&t);
    return made == FV_OK ? status : made;
}

fv_status picture_header(cli *c, const char *path, picture *out)
{
    picture p = {.plane = {.ndim = -1}};
    FV_TRY(fv_image_read_header(c->ctx, path, &p.image));
    note_rest(c, path, p.image, 0);
    *out = p;
    return FV_OK;
}

void picture_free(cli *c, picture *p)
{
    fv_plane_free(c->ctx, &p->plane);
    fv_image_free(c->ctx, p->image);
    *p = (picture){.plane = {.ndim = -1}};
}
