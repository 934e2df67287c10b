#ifndef FVI_REAL_H
#define FVI_REAL_H

/*
 * Reference kernels are compiled twice: `real` is float for the backend and
 * double for the gradient tests. REF(name) becomes name_float, name_double.
 */

#include "backend/backend.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef FV_REAL
#define FV_REAL float
#endif

typedef FV_REAL real;

#define FVI_CAT_(a, b) a##_##b
#define FVI_CAT(a, b)  FVI_CAT_(a, b)
#define REF(name)      FVI_CAT(name, FV_REAL)

#define FOR(i, n) for (int64_t i = 0; i < (n); i++)
#define FOR2(i, a, j, b) \
    FOR (i, a)           \
        FOR (j, b)
#define FOR3(i, a, j, b, k, c) \
    FOR (i, a)                 \
        FOR (j, b)             \
            FOR (k, c)

/* What a stateless reference kernel keeps: its problem, copied. `x` points
 * into the same block. */
typedef struct fvi_ref_state {
    fvi_problem p;
    fv_tensor x[FVI_MAX_INPUTS];
    _Alignas(16) char attr[512];
} fvi_ref_state;

/* Allocates a fvi_ref_state that is a copy of `p`. */
fv_status fvi_ref_prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                          void **state);
void fvi_ref_release(fv_ctx *ctx, void *state);

#endif
