#ifndef FV_JUDGE_TEST_H
#define FV_JUDGE_TEST_H

/* What the tests of judges and filters share. A test defines GOLDEN, the file
 * of its golden arrays, before it includes this. */

#include "base/base.h"
#include "context.h"
#include "golden.h"

static golden gold;

static inline int setup(void **state)
{
    gold = golden_read(GOLDEN);
    return open_context(state);
}

static inline int teardown(void **state)
{
    golden_free(&gold);
    return close_context(state);
}

static inline fv_tensor golden_array_of(const char *scope, const char *name)
{
    fv_tensor g = golden_find(&gold, scope, name);
    if (g.ndim < 0)
        fail_msg("no golden array %s/%s", scope, name);
    return g;
}

static inline const double *numbers(const char *scope, const char *name)
{
    return golden_array_of(scope, name).data;
}

/* A golden array in another type; free its data with free(). */
static inline fv_tensor golden_as(const char *scope, const char *name,
                                  fv_dtype dtype)
{
    fv_tensor g = golden_array_of(scope, name);
    fv_tensor t = fv_dense(NULL, dtype, g.ndim, g.dim);
    t.data = malloc((size_t)fv_count(t) * fv_dtype_size(dtype) + 1);
    assert_non_null(t.data);
    assert_ok(fv_copy(ctx, g, t));
    return t;
}

/* A zeroed tensor; free its data with free(). */
static inline fv_tensor zeros(fv_dtype dtype, int ndim, int64_t a, int64_t b,
                              int64_t c)
{
    int64_t dim[3] = {a, b, c};
    fv_tensor t = fv_dense(NULL, dtype, ndim, dim);
    t.data = calloc((size_t)fv_count(t) + 1, fv_dtype_size(dtype));
    assert_non_null(t.data);
    return t;
}

/* The two images of whole numbers of tools/make_golden_judge.py. */
static inline void test_images(fv_tensor *truth, fv_tensor *image, int64_t h,
                               int64_t w)
{
    *truth = zeros(FV_F32, 2, h, w, 1);
    *image = zeros(FV_F32, 2, h, w, 1);
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            int64_t t = 1000 + (y * 7 + x * 3) % 64 * 4 +
                        llabs(x % 40 - 20) * 10 + llabs(y % 28 - 14) * 12;
            int64_t noise = ((x * 73856093) ^ (y * 19349663)) % 101 - 50;
            ((float *)truth->data)[y * w + x] = (float)t;
            ((float *)image->data)[y * w + x] = (float)(t * 3 / 4 + noise + 40);
        }
}

#endif
