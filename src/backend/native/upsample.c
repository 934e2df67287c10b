/*
 * Enlarging in two dimensions, by repetition or linearly. For the latter,
 * along an axis, output i is a weighted sum of at most two inputs; the weights
 * of both axes are tabulated in prepare, as are those of the way back, where
 * input h gathers from several outputs.
 */
#include "backend/native/simd.h"
#include "base/base.h"

enum { MOST = 64 }; /* pixels summed for one */

/* Weighted sums along one axis: entry e of place i is weight[i*most+e] times
 * the number at from[i*most+e]. */
typedef struct table {
    int64_t most;
    int64_t *from;
    float *weight;
    int *count;
} table;

typedef struct resample {
    int64_t N, H, W, C, f;
    bool linear;
    table there[2], back[2]; /* rows, columns */
} resample;

static void release(fv_ctx *ctx, void *state)
{
    resample *s = state;
    table *all_of[] = {&s->there[0], &s->there[1], &s->back[0], &s->back[1]};
    for (int i = 0; i < 4; i++) {
        fvi_free(ctx, all_of[i]->from);
        fvi_free(ctx, all_of[i]->weight);
        fvi_free(ctx, all_of[i]->count);
    }
    fvi_free(ctx, s);
}

static fv_status table_new(fv_ctx *ctx, int64_t places, int64_t most, table *t)
{
    t->most = most;
    t->from = fvi_calloc(ctx, (size_t)(places * most), sizeof *t->from);
    t->weight = fvi_calloc(ctx, (size_t)(places * most), sizeof *t->weight);
    t->count = fvi_calloc(ctx, (size_t)places, sizeof *t->count);
    return t->from && t->weight && t->count ? FV_OK : FV_ENOMEM;
}

static void table_add(table *t, int64_t place, int64_t from, float weight)
{
    int64_t e = place * t->most + t->count[place]++;
    t->from[e] = from;
    t->weight[e] = weight;
}

/* Output i lies at u/(2f) of the input, u = 2i + 1 - f kept inside. */
static void fill(int64_t n, int64_t f, table *there, table *back)
{
    for (int64_t i = 0; i < n * f; i++) {
        int64_t u = 2 * i + 1 - f, top = 2 * f * (n - 1);
        u = u < 0 ? 0 : u > top ? top : u;
        int64_t h = u / (2 * f), rest = u % (2 * f);
        float far = (float)rest / (float)(2 * f);
        table_add(there, i, h, (float)(2 * f - rest) / (float)(2 * f));
        table_add(back, h, i, (float)(2 * f - rest) / (float)(2 * f));
        if (rest) {
            table_add(there, i, h + 1, far);
            table_add(back, h + 1, i, far);
        }
    }
}

static fv_status make(fv_ctx *ctx, resample *s)
{
    const int64_t side[2] = {s->H, s->W};
    for (int a = 0; s->linear && a < 2; a++) {
        FV_TRY(table_new(ctx, side[a] * s->f, 2, &s->there[a]));
        FV_TRY(table_new(ctx, side[a], 3 * s->f, &s->back[a]));
        fill(side[a], s->f, &s->there[a], &s->back[a]);
    }
    return FV_OK;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    const fvi_upsample *o = p->attr;
    (void)need;
    if (o->how == FV_BILINEAR && o->factor > 2)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own linear resampling is for factor 2, found %lld",
                        (long long)o->factor);
    if (p->x[0].ndim != 4)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own resampling is for 2 spatial axes, found %d",
                        p->x[0].ndim - 2);
    resample *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    fvi_dims x = fvi_dims_of(p->x[0]);
    *s = (resample){.N = x.N, .H = x.H, .W = x.W, .C = x.C, .f = o->factor};
    s->linear = o->how == FV_BILINEAR;
    fv_status status = make(ctx, s);
    if (status != FV_OK) {
        release(ctx, s);
        return status;
    }
    *state = s;
    return FV_OK;
}

/* The pixels under one place and their weights. */
typedef struct taps {
    const float *x[MOST];
    float weight[MOST];
    int count;
} taps;

/* y = sum of weighted pixels, or y +=; C channels. */
static inline void gather(const taps *t, float *y, int64_t C, bool add,
                          bool past)
{
    int64_t c = 0;
    for (; c + LANES <= C; c += LANES) {
        vec sum = all(t->weight[0]) * load(t->x[0] + c);
        for (int e = 1; e < t->count; e++)
            sum += all(t->weight[e]) * load(t->x[e] + c);
        put(y + c, sum, add, past);
    }
    for (; c < C; c++) {
        float sum = 0;
        for (int e = 0; e < t->count; e++)
            sum += t->weight[e] * t->x[e][c];
        y[c] = add ? y[c] + sum : sum;
    }
}

/* One row of places: row i of `rows`, every place of `columns`. */
static void run_row(const table *rows, const table *columns, int64_t i,
                    int64_t width, int64_t C, const float *image,
                    int64_t image_width, float *y, bool add, bool past)
{
    for (int64_t j = 0; j < width; j++) {
        taps t = {.count = 0};
        for (int a = 0; a < rows->count[i]; a++)
            for (int b = 0; b < columns->count[j]; b++) {
                int64_t r = i * rows->most + a, s = j * columns->most + b;
                t.x[t.count] =
                    image +
                    (rows->from[r] * image_width + columns->from[s]) * C;
                t.weight[t.count++] = rows->weight[r] * columns->weight[s];
            }
        gather(&t, y + j * C, C, add, past);
    }
}

static void run(const resample *s, const table t[2], int64_t f_from,
                int64_t f_to, const float *x, float *y, bool add)
{
    const int64_t H = s->H * f_to, W = s->W * f_to, C = s->C;
    const int64_t from = s->H * s->W * f_from * f_from * C;
    const bool past = !add && write_past(y, s->N * H * W * C, C);
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t n = 0; n < s->N; n++)
        for (int64_t i = 0; i < H; i++) {
            run_row(&t[0], &t[1], i, W, C, x + n * from, s->W * f_from,
                    y + (n * H + i) * W * C, add, past);
            _mm_sfence();
        }
}

/* One row of the coarse image to f rows of f times as many pixels. */
static void repeat_row(const resample *s, const float *x, float *y, bool past)
{
    const int64_t C = s->C, f = s->f, row = s->W * f * C;
    for (int64_t j = 0; j < s->W; j++, x += C, y += f * C) {
        int64_t c = 0;
        for (; c + LANES <= C; c += LANES) {
            vec v = load(x + c);
            for (int64_t a = 0; a < f; a++)
                for (int64_t b = 0; b < f; b++)
                    store(y + a * row + b * C + c, v, past);
        }
        for (; c < C; c++)
            for (int64_t a = 0; a < f; a++)
                for (int64_t b = 0; b < f; b++)
                    y[a * row + b * C + c] = x[c];
    }
}

/* And back: the sum over the f times f copies. */
static void collect_row(const resample *s, const float *dy, float *dx, bool add)
{
    const int64_t C = s->C, f = s->f, row = s->W * f * C;
    for (int64_t j = 0; j < s->W; j++, dx += C, dy += f * C) {
        int64_t c = 0;
        for (; c + LANES <= C; c += LANES) {
            vec sum = V(setzero_ps)();
            for (int64_t a = 0; a < f; a++)
                for (int64_t b = 0; b < f; b++)
                    sum += load(dy + a * row + b * C + c);
            put(dx + c, sum, add, false);
        }
        for (; c < C; c++) {
            float sum = 0;
            for (int64_t a = 0; a < f; a++)
                for (int64_t b = 0; b < f; b++)
                    sum += dy[a * row + b * C + c];
            dx[c] = add ? dx[c] + sum : sum;
        }
    }
}

static void forward(void *state, const fvi_call *call)
{
    const resample *s = state;
    const float *x = call->x[0].data;
    float *y = call->y.data;
    const int64_t row = s->W * s->C, big = row * s->f * s->f;
    if (s->linear) {
        run(s, s->there, 1, s->f, x, y, false);
        return;
    }
    const bool past = write_past(y, s->N * s->H * big, s->C);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s->N * s->H; i++) {
        repeat_row(s, x + i * row, y + i * big, past);
        _mm_sfence();
    }
}

static void backward(void *state, const fvi_call *call)
{
    const resample *s = state;
    const float *dy = call->dy.data;
    float *dx = call->dx[0].data;
    const int64_t row = s->W * s->C, big = row * s->f * s->f;
    const bool add = !(call->fresh & 1U);
    if (!dx)
        return;
    if (s->linear) {
        run(s, s->back, s->f, 1, dy, dx, add);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s->N * s->H; i++)
        collect_row(s, dy + i * big, dx + i * row, add);
}

const fvi_kernel ISA(fvi_native_upsample) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .fresh = true,
};
