#ifndef FVI_CSV_H
#define FVI_CSV_H

#include "base/base.h"

/* Values with a header line, separated by tabs if that line has one, or else
 * by commas; cells may be quoted and point into `text`. */
typedef struct fvi_csv {
    char *text, **cell;
    int64_t rows, columns; /* row 0 is the header */
} fvi_csv;

/* FV_EFORMAT: nothing in it, or rows of different lengths. */
fv_status fvi_csv_read(fv_ctx *ctx, const char *path, fvi_csv *out);
void fvi_csv_free(fv_ctx *ctx, fvi_csv *t);
/* -1 when absent. */
int64_t fvi_csv_column(const fvi_csv *t, const char *name);
const char *fvi_csv_at(const fvi_csv *t, int64_t row, int64_t column);

#endif
