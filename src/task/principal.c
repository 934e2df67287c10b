/* Two principal components: where things lie when seen from the side from which
 * they differ most. */
#include "fovea/map.h"
#include "task/task.h"

#include <math.h>
#include <string.h>

typedef struct cloud {
    const float *code;
    int64_t count;
    int n;
    double *mean;
    double *axis[2], *next[2]; /* n numbers each */
} cloud;

static void find_mean(const cloud *c)
{
    for (int64_t i = 0; i < c->count; i++)
        for (int k = 0; k < c->n; k++)
            c->mean[k] += (double)c->code[i * c->n + k] / (double)c->count;
}

static double along(const cloud *c, int64_t i, const double *axis)
{
    double sum = 0;
    for (int k = 0; k < c->n; k++)
        sum += ((double)c->code[i * c->n + k] - c->mean[k]) * axis[k];
    return sum;
}

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

/* next = scatter matrix times axis, without making the matrix. */
static void spread(const cloud *c)
{
    for (int a = 0; a < 2; a++)
        memset(c->next[a], 0, (size_t)c->n * sizeof(double));
    for (int64_t i = 0; i < c->count; i++) {
        double p = along(c, i, c->axis[0]), q = along(c, i, c->axis[1]);
        for (int k = 0; k < c->n; k++) {
            double d = (double)c->code[i * c->n + k] - c->mean[k];
            c->next[0][k] += p * d;
            c->next[1][k] += q * d;
        }
    }
}

/* Length 1; 0 stays as it is. */
static void normalize(double *v, int n)
{
    double length = sqrt(dot(v, v, n));
    for (int k = 0; k < n && length > 0; k++)
        v[k] /= length;
}

/* Two vectors of length 1 at right angles, twice for the sake of rounding. */
static void straighten(double *const v[2], int n)
{
    normalize(v[0], n);
    normalize(v[1], n);
    for (int time = 0; time < 2; time++) {
        double share = dot(v[0], v[1], n);
        for (int k = 0; k < n; k++)
            v[1][k] -= share * v[0][k];
        normalize(v[1], n);
    }
}

/* 0 when both planes are the same; all cosines between them squared. */
static double turned(const cloud *c)
{
    double away = 0;
    for (int a = 0; a < 2; a++) {
        away += dot(c->next[a], c->next[a], c->n);
        for (int b = 0; b < 2; b++) {
            double d = dot(c->axis[a], c->next[b], c->n);
            away -= d * d;
        }
    }
    return away;
}

static fv_status find_plane(fv_ctx *ctx, cloud *c)
{
    enum { MOST = 300 };
    fvi_rng r = fvi_rng_new(1, 0);
    for (int a = 0; a < 2; a++)
        for (int k = 0; k < c->n; k++)
            c->axis[a][k] = fvi_rng_normal(&r);
    straighten(c->axis, c->n);
    for (int step = 0; step < MOST; step++) {
        if (fvi_canceled(ctx))
            return fvi_fail(ctx, FV_ECANCEL, "canceled");
        spread(c);
        straighten(c->next, c->n);
        bool done = turned(c) < 1e-12;
        for (int a = 0; a < 2; a++)
            memcpy(c->axis[a], c->next[a], (size_t)c->n * sizeof(double));
        if (done)
            break;
    }
    return FV_OK;
}

/* Turns the plane until its axes are those of most and least variance. */
static void turn(double *xy, int64_t count)
{
    double xx = 0, both = 0, yy = 0;
    for (int64_t i = 0; i < count; i++) {
        xx += xy[2 * i] * xy[2 * i];
        both += xy[2 * i] * xy[2 * i + 1];
        yy += xy[2 * i + 1] * xy[2 * i + 1];
    }
    double angle = 0.5 * atan2(2 * both, xx - yy);
    double c = cos(angle), s = sin(angle);
    for (int64_t i = 0; i < count; i++) {
        double x = xy[2 * i], y = xy[2 * i + 1];
        xy[2 * i] = c * x + s * y;
        xy[2 * i + 1] = c * y - s * x;
    }
}

static void choose_signs(double *xy, int64_t count)
{
    for (int a = 0; a < 2; a++) {
        double far = 0;
        for (int64_t i = 0; i < count; i++)
            if (fabs(xy[2 * i + a]) > fabs(far))
                far = xy[2 * i + a];
        for (int64_t i = 0; i < count && far < 0; i++)
            xy[2 * i + a] = -xy[2 * i + a];
    }
}

static fv_status principal(fv_ctx *ctx, cloud *c, double *xy)
{
    size_t n = (size_t)c->n;
    double *all = fvi_calloc(ctx, 5 * n, sizeof *all);
    if (!all)
        return FV_ENOMEM;
    c->mean = all;
    for (size_t a = 0; a < 2; a++) {
        c->axis[a] = all + (1 + a) * n;
        c->next[a] = all + (3 + a) * n;
    }
    find_mean(c);
    fv_status status = find_plane(ctx, c);
    for (int64_t i = 0; i < c->count && status == FV_OK; i++)
        for (int a = 0; a < 2; a++)
            xy[2 * i + a] = along(c, i, c->axis[a]);
    fvi_free(ctx, all);
    FV_TRY(status);
    turn(xy, c->count);
    choose_signs(xy, c->count);
    return FV_OK;
}

fv_status fv_principal_plane(fv_ctx *ctx, const float *code, int64_t count,
                             int n, double *xy)
{
    cloud c = {.code = code, .count = count, .n = n};
    for (int64_t i = 0; i < count * n; i++)
        if (!isfinite(code[i]))
            return fvi_fail(ctx, FV_EINVAL,
                            "number %lld of thing %lld is not finite",
                            (long long)(i % n), (long long)(i / n));
    if (n > 2)
        return principal(ctx, &c, xy);
    for (int64_t i = 0; i < count; i++) {
        xy[2 * i] = (double)code[i * n];
        xy[2 * i + 1] = n > 1 ? (double)code[i * n + 1] : 0;
    }
    return FV_OK;
}
