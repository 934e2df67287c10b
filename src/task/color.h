#ifndef FVI_COLOR_H
#define FVI_COLOR_H

#include "task/task.h"

/* Bright colors that stay apart for color-blind eyes, on dark and light. */
enum { FVI_COLORS = 8 };
extern const uint8_t fvi_palette[FVI_COLORS][3];

/* overlay.c: f32 (H,W,C) as people see it, by percentiles, into H W times red,
 * green and blue; other than 3 channels become their mean. FV_ENOMEM. */
fv_status fvi_paint(fv_ctx *ctx, fv_tensor plane, uint8_t *rgb);

/* Gives each object a color such that objects which touch or nearly touch
 * differ where the palette allows. Keys of `objects` are labels, sums become
 * colors 0..FVI_COLORS-1. Start from {.ctx = ctx}. */
fv_status fvi_color_objects(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                            int64_t w, fvi_tally *objects);

#endif
