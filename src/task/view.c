/* Mirrored and turned views: what they show, and how their answers go back.
 * Vectors, covariances and rays only change places and signs. */
#include "task/view.h"

fvi_view fvi_view_at(int i)
{
    return (fvi_view){.down = i & 1, .across = i & 2, .swap = i & 4};
}

/* The pixels of a view in its raster order, walked through the image: number
 * `first` is the first, `row` and `column` the steps along the view. */
typedef struct walk {
    int64_t first, row, column; /* pixels of the image */
    int64_t height, width;      /* of the view         */
} walk;

static walk walk_of(fvi_view v, fv_tensor image)
{
    int64_t h = image.dim[0], w = image.dim[1];
    int64_t y = v.down ? -w : w, x = v.across ? -1 : 1;
    walk k = {.row = v.swap ? x : y,
              .column = v.swap ? y : x,
              .height = v.swap ? w : h,
              .width = v.swap ? h : w};
    k.first = (v.down ? (h - 1) * w : 0) + (v.across ? w - 1 : 0);
    return k;
}

void fvi_view_show(fv_ctx *ctx, fvi_view v, fv_tensor image, fv_tensor seen)
{
    walk k = walk_of(v, image);
    int64_t channels = image.dim[2];
    int threads = fvi_team(ctx, k.height * k.width);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < k.height; y++) {
        float *to = (float *)seen.data + y * k.width * channels;
        for (int64_t x = 0; x < k.width; x++) {
            int64_t at = k.first + y * k.row + x * k.column;
            const float *from = (const float *)image.data + at * channels;
            for (int64_t c = 0; c < channels; c++)
                *to++ = from[c];
        }
    }
}

/* ---- directions ---- */

enum { MOST = 64 }; /* maps of a target */

/* Map c of the image is sign[c] times map from[c] of the view; maps from
 * `count` on are plain numbers. */
typedef struct turn {
    int count, from[MOST];
    float sign[MOST];
} turn;

static turn plain(int count)
{
    turn t = {.count = count < MOST ? count : MOST};
    for (int c = 0; c < t.count; c++) {
        t.from[c] = c;
        t.sign[c] = 1;
    }
    return t;
}

/* Maps y, y+1 are the rows and columns of a vector. */
static void turn_vector(turn *t, fvi_view v, int y)
{
    t->from[y] = v.swap ? y + 1 : y;
    t->from[y + 1] = v.swap ? y : y + 1;
    t->sign[y] = v.down ? -1 : 1;
    t->sign[y + 1] = v.across ? -1 : 1;
}

/* Maps yy, yy+1, yy+2 are the entries yy, xx and yx of a symmetric matrix. */
static void turn_matrix(turn *t, fvi_view v, int yy)
{
    t->from[yy] = v.swap ? yy + 1 : yy;
    t->from[yy + 1] = v.swap ? yy : yy + 1;
    t->sign[yy + 2] = v.down != v.across ? -1 : 1;
}

/* Ray k points at 2 pi k/n from the columns towards the rows: mirrored, its
 * angle becomes -k, n/2 - k or n/4 - k. */
static void turn_rays(turn *t, fvi_view v, int first, int n)
{
    for (int k = 0; k < n; k++) {
        int at = v.down ? n - k : k;
        at = v.across ? n / 2 - at : at;
        at = v.swap ? n / 4 - at : at;
        t->from[first + k] = first + (at % n + n) % n;
    }
}

static turn turn_of(fvi_view v, const fv_target *target)
{
    if (!target)
        return plain(0);
    turn t = plain(fv_target_maps(*target));
    if (*target == FV_TARGET_FLOWS)
        turn_vector(&t, v, 0);
    if (*target == FV_TARGET_STARS)
        turn_rays(&t, v, 1, t.count - 1);
    if (*target == FV_TARGET_SHAPE) {
        turn_vector(&t, v, 3);
        turn_matrix(&t, v, 5);
    }
    return t;
}

void fvi_view_add(fv_ctx *ctx, fvi_view v, const fv_target *target,
                  fv_tensor answer, float weight, fv_tensor sum)
{
    walk k = walk_of(v, sum);
    int64_t channels = sum.dim[2];
    turn t = turn_of(v, target);
    int threads = fvi_team(ctx, k.height * k.width);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < k.height; y++) {
        const float *from = (const float *)answer.data + y * k.width * channels;
        for (int64_t x = 0; x < k.width; x++, from += channels) {
            int64_t at = k.first + y * k.row + x * k.column;
            float *to = (float *)sum.data + at * channels;
            for (int c = 0; c < t.count; c++)
                to[c] += weight * t.sign[c] * from[t.from[c]];
            for (int64_t c = t.count; c < channels; c++)
                to[c] += weight * from[c];
        }
    }
}
