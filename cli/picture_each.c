/* The pictures of a file, one by one. */
#include "facts.h"
#include "image/idx.h"
#include "picture.h"

#include <string.h>

static fv_status each_entry(cli *c, const char *path, const fvi_idx *idx,
                            picture_fn work, void *user)
{
    int64_t dim[3] = {idx->dim[1], idx->dim[2], 1};
    fv_tensor plane = fv_dense(NULL, FV_F32, 3, dim);
    float *x = fvi_calloc(c->ctx, (size_t)idx->item, sizeof *x);
    fv_status status = x ? FV_OK : FV_ENOMEM;
    plane.data = x;
    for (int64_t i = 0; i < idx->dim[0] && status == FV_OK; i++) {
        char name[64];
        idx_name(path, i, name);
        for (int64_t k = 0; k < idx->item; k++)
            x[k] = (float)idx->data[i * idx->item + k];
        status = work(user, name, plane, 0);
    }
    fvi_free(c->ctx, x);
    return status;
}

static fv_status each_of_idx(cli *c, const char *path, picture_fn work,
                             void *user)
{
    fvi_idx idx;
    FV_TRY(fvi_idx_read(c->ctx, path, &idx));
    fv_status status = idx.ndim == 3
                           ? each_entry(c, path, &idx, work, user)
                           : fvi_fail(c->ctx, FV_EFORMAT,
                                      "has %d extents, expected 3", idx.ndim);
    fvi_idx_free(c->ctx, &idx);
    return status;
}

fv_status picture_each(cli *c, const char *path, int channel, picture_fn work,
                       void *user)
{
    picture p;
    if (strstr(path, "-idx3-ubyte"))
        return each_of_idx(c, path, work, user);
    FV_TRY(picture_read(c, path, channel, &p));
    fv_status status = work(user, path, p.plane, p.image->rgb);
    status = picture_channels(c, status, p.image);
    picture_free(c, &p);
    return status;
}
