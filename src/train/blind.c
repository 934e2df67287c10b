/* Blind spots: pixels that the network must guess. */
#include "train/blind.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDEST = 17 }; /* px, of the window that replacements come from */

fv_status fvi_blind_mask(fv_ctx *ctx, const char *text, fvi_blind *b)
{
    char rest;
    b->height = b->width = 1;
    if (!text)
        return FV_OK;
    bool good = sscanf(text, "%3dx%3d%c", &b->height, &b->width, &rest) == 2;
    if (good && b->height % 2 == 1 && b->width % 2 == 1 && b->height > 0 &&
        b->width > 0 && b->height < 256 && b->width < 256)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL,
                    "blind_mask: '%s', expected two odd numbers below 256 "
                    "such as 1x9",
                    text);
}

typedef struct box {
    int64_t top, left, bottom, right; /* the last two are outside */
} box;

/* `up` and `across` px around (y,x), cut off at the border of the crop. */
static box around(int64_t side, int64_t y, int64_t x, int64_t up,
                  int64_t across)
{
    return (box){y > up ? y - up : 0, x > across ? x - across : 0,
                 y + up < side ? y + up + 1 : side,
                 x + across < side ? x + across + 1 : side};
}

/* One of the window's pixels except its center. */
static int64_t any_other(fvi_rng *r, box w, int64_t side, int64_t y, int64_t x)
{
    int64_t width = w.right - w.left, center = (y - w.top) * width + x - w.left;
    int64_t n = (w.bottom - w.top) * width;
    if (n < 2)
        return y * side + x;
    int64_t k = fvi_rng_below(r, n - 1);
    k += k >= center;
    return (w.top + k / width) * side + w.left + k % width;
}

/* Median of the window without its center, of channel c. */
static float median(fv_tensor t, box w, int64_t y, int64_t x, int64_t c)
{
    float v[WIDEST * WIDEST];
    int64_t n = 0, side = t.dim[1], C = t.dim[2];
    for (int64_t i = w.top; i < w.bottom; i++)
        for (int64_t j = w.left; j < w.right; j++)
            if (i != y || j != x)
                v[n++] = ((const float *)t.data)[(i * side + j) * C + c];
    if (n == 0)
        return ((const float *)t.data)[(y * side + x) * C + c];
    float high = fvi_kth(v, n, n / 2);
    return n % 2 ? high : 0.5F * (high + fvi_kth(v, n, n / 2 - 1));
}

static void replace(const fvi_blind *b, fvi_rng *r, fv_tensor whole,
                    fv_tensor image, int64_t y, int64_t x)
{
    int64_t side = whole.dim[1], C = whole.dim[2];
    box w = around(side, y, x, b->radius, b->radius);
    int64_t from = any_other(r, w, side, y, x);
    float *out = (float *)image.data + (y * side + x) * C;
    const float *other = (const float *)whole.data + from * C;
    for (int64_t c = 0; c < C; c++)
        out[c] = b->median ? median(whole, w, y, x, c) : other[c];
}

/* Neighbors under the mask become noise. */
static void hide_structure(const fvi_blind *b, fvi_rng *r, fv_tensor image,
                           int64_t y, int64_t x)
{
    int64_t side = image.dim[1], C = image.dim[2];
    box w = around(side, y, x, b->height / 2, b->width / 2);
    for (int64_t i = w.top; i < w.bottom; i++)
        for (int64_t j = w.left; j < w.right; j++) {
            float *out = (float *)image.data + (i * side + j) * C;
            for (int64_t c = 0; c < C && (i != y || j != x); c++)
                out[c] = (float)fvi_rng_between(r, b->lo, b->hi);
        }
}

void fvi_blind_spots(const fvi_blind *b, fvi_rng *r, fv_tensor whole,
                     fv_tensor image, fv_tensor weight)
{
    int64_t side = whole.dim[1];
    int64_t edge = (int64_t)(sqrt(100 / b->share) + 0.5);
    float *w = weight.data;
    edge = edge < 1 ? 1 : edge;
    memset(w, 0, (size_t)fv_count(weight) * sizeof *w);
    for (int64_t top = 0; top < side; top += edge)
        for (int64_t left = 0; left < side; left += edge) {
            int64_t y = top + fvi_rng_below(r, edge);
            int64_t x = left + fvi_rng_below(r, edge);
            if (y >= side || x >= side)
                continue;
            w[y * side + x] = 1;
            if (b->height * b->width > 1)
                hide_structure(b, r, image, y, x);
            replace(b, r, whole, image, y, x);
        }
}
