/* One step of heat, where nearly all the time of flows goes. This file is
 * compiled twice; sums in this order give the same bits in both. */

#include "task/flow.h"

#define FVI_JOIN_(a, b) a##_##b
#define FVI_JOIN(a, b)  FVI_JOIN_(a, b)

void FVI_JOIN(fvi_heat_step, FV_ISA)(const fvi_heat *t, int64_t lo, int64_t hi)
{
    int64_t s = t->stride;
    for (int64_t c = lo; c < hi; c++) {
        const double *mid = t->now + t->chunk[c];
        const double *up = mid - s, *down = mid + s;
        const double *ninth = t->ninth + t->chunk[c];
        double *restrict next = t->next + t->chunk[c];
        for (int k = 0; k < FVI_LANES; k++)
            next[k] =
                ninth[k] * (mid[k] + up[k] + down[k] + mid[k - 1] + mid[k + 1] +
                            up[k - 1] + up[k + 1] + down[k - 1] + down[k + 1]);
    }
}
