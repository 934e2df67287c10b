#ifndef FVI_TASK_QUALITY_H
#define FVI_TASK_QUALITY_H

/* What the judges of restored images share. */

#include "task/task.h"

/* max - min, 0 for none. */
double fvi_range(const float *v, int64_t n);

/* Runs a judge on dense views of both images. */
typedef fv_status fvi_judge(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                            double range, void *out);
fv_status fvi_judge_dense(fvi_judge *run, fv_ctx *ctx, fv_tensor truth,
                          fv_tensor image, double range, void *out);

/* Means over all windows that lie in the image. */
typedef struct fvi_ssim {
    double full, contrast; /* contrast and structure without brightness */
} fvi_ssim;
enum { FVI_SSIM_WINDOW = 11 };

/* Planes of at least 11 x 11 pixels. FV_ENOMEM. */
fv_status fvi_ssim_dense(fv_ctx *ctx, const float *a, const float *b, int64_t h,
                         int64_t w, double range, fvi_ssim *out);

#endif
