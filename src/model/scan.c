/* Pictures that tiles are cut from, whole or some rows at a time. */
#include "model/predict.h"

fvi_scan fvi_scan_of(fv_tensor plane)
{
    return (fvi_scan){plane.dim[0], plane.dim[1], plane.dim[2], plane, 0, NULL};
}

fv_status fvi_scan_want(fvi_scan *v, int64_t top, int64_t tile)
{
    int64_t lo = v->height, hi = 0;
    for (int64_t y = top; y < top + tile && v->fetch; y++) {
        int64_t row = fvi_mirror(y, v->height);
        lo = row < lo ? row : lo;
        hi = row >= hi ? row + 1 : hi;
    }
    return v->fetch ? v->fetch(v, lo, hi) : FV_OK;
}

void fvi_tile_fill(const fvi_scan *v, int64_t top, int64_t left, fv_tensor tile)
{
    const float *from = v->rows.data;
    float *to = tile.data;
    int64_t height = tile.dim[1], width = tile.dim[2], channels = tile.dim[3];
    int64_t shared = v->channels == channels ? 1 : 0; /* gray feeds all */
    for (int64_t y = 0; y < height; y++) {
        int64_t row = fvi_mirror(top + y, v->height) - v->first;
        for (int64_t x = 0; x < width; x++) {
            int64_t column = fvi_mirror(left + x, v->width);
            const float *p =
                from + row * v->rows.stride[0] + column * v->rows.stride[1];
            for (int64_t c = 0; c < channels; c++)
                *to++ = p[c * shared];
        }
    }
}
