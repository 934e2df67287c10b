#ifndef FVI_ASSIGN_H
#define FVI_ASSIGN_H

#include "base/base.h"

/* Pairs that may be matched: row r offers column column[k] at weight[k] > 0,
 * for first[r] <= k < first[r + 1]. */
typedef struct fvi_offers {
    int64_t rows, columns;
    const int64_t *first;
    const int32_t *column;
    const double *weight;
} fvi_offers;

/* A one-to-one matching of the greatest total weight: match[r] is the column
 * of row r, or -1. FV_ENOMEM. */
fv_status fvi_assign(fv_ctx *ctx, const fvi_offers *o, int32_t *match);

#endif
