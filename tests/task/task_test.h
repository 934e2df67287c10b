#ifndef FV_TASK_TEST_H
#define FV_TASK_TEST_H

/* What the tests of src/task share: golden planes as tensors, and fields of
 * random numbers. */

#include "base/base.h"
#include "context.h"
#include "fovea/score.h"
#include "fovea/segment.h"
#include "golden.h"

static golden gold;

static inline int setup(void **state)
{
    gold = golden_read("task.txt");
    return open_context(state);
}

static inline int teardown(void **state)
{
    golden_free(&gold);
    return close_context(state);
}

/* A zeroed tensor; free its data with free(). */
static inline fv_tensor new_tensor(fv_dtype dtype, int ndim, int64_t h,
                                   int64_t w, int64_t c)
{
    int64_t dim[3] = {h, w, c};
    fv_tensor t = fv_dense(NULL, dtype, ndim, dim);
    t.data = calloc((size_t)fv_count(t) + 1, fv_dtype_size(dtype));
    assert_non_null(t.data);
    return t;
}

static inline fv_tensor new_labels(int64_t h, int64_t w)
{
    return new_tensor(FV_U32, 2, h, w, 1);
}

/* A golden array in another type; free its data with free(). */
static inline fv_tensor golden_as(const char *scope, const char *name,
                                  fv_dtype dtype)
{
    fv_tensor g = golden_find(&gold, scope, name);
    if (g.ndim < 0)
        fail_msg("no golden array %s/%s", scope, name);
    fv_tensor t = fv_dense(NULL, dtype, g.ndim, g.dim);
    t.data = malloc((size_t)fv_count(t) * fv_dtype_size(dtype) + 1);
    assert_non_null(t.data);
    assert_ok(fv_copy(ctx, g, t));
    return t;
}

static inline void assert_same_labels(fv_tensor a, fv_tensor b)
{
    assert_true(fv_same_shape(a, b));
    for (int64_t i = 0; i < fv_count(a); i++)
        if (((uint32_t *)a.data)[i] != ((uint32_t *)b.data)[i])
            fail_msg("pixel %lld, %lld: label %u, expected %u",
                     (long long)(i / a.dim[1]), (long long)(i % a.dim[1]),
                     ((uint32_t *)a.data)[i], ((uint32_t *)b.data)[i]);
}

/* Compares with a golden label image and frees `labels`. */
static inline void assert_golden_labels(fv_tensor labels, const char *scope,
                                        const char *name)
{
    fv_tensor want = golden_as(scope, name, FV_U32);
    assert_same_labels(labels, want);
    free(want.data);
    free(labels.data);
}

/* 0 <= x < n, one stream for the whole program. */
static inline int64_t draw(int64_t n)
{
    static fvi_rng r;
    if (!r.seed)
        r = fvi_rng_new(1234, 5);
    return fvi_rng_below(&r, n);
}

#endif
