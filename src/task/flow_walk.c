/* One Euler step of many points: the field at a position is read bilinearly
 * from the four pixels around it. */

#include "task/flow.h"

/* The two pixels around a position and their weights; outside weighs 0. */
typedef struct pair {
    int64_t lo, hi;
    double wlo, whi;
} pair;

static inline pair around(const fvi_flow_axis *a, float p)
{
    double at = (double)p * a->factor + a->shift;
    int64_t lo = (int64_t)(at + 1) - 1; /* floor: at >= -1 */
    double part = at - (double)lo;
    bool first = lo >= 0, second = lo + 1 < a->n;
    return (pair){first ? lo : 0, second ? lo + 1 : lo, first ? 1 - part : 0,
                  second ? part : 0};
}

static inline float moved(float p, double step, int64_t n)
{
    float q = p + (float)step, last = (float)(n - 1);
    return q < 0 ? 0 : q > last ? last : q;
}

static inline double blend(const float *a, const float *b, const float *c,
                           const float *d, const double w[4])
{
    return (double)*a * w[0] + (double)*b * w[1] + (double)*c * w[2] +
           (double)*d * w[3];
}

void fvi_flow_walk_any(const fvi_flow_walk *k, float *y, float *x,
                       int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        pair v = around(&k->y, y[i]), u = around(&k->x, x[i]);
        const float *up = k->field + 2 * v.lo * k->x.n;
        const float *down = k->field + 2 * v.hi * k->x.n;
        const float *a = up + 2 * u.lo, *b = up + 2 * u.hi;
        const float *c = down + 2 * u.lo, *d = down + 2 * u.hi;
        const double w[4] = {v.wlo * u.wlo, v.wlo * u.whi, v.whi * u.wlo,
                             v.whi * u.whi};
        double dy = blend(a, b, c, d, w);
        double dx = blend(a + 1, b + 1, c + 1, d + 1, w);
        y[i] = moved(y[i], dy, k->y.n);
        x[i] = moved(x[i], dx, k->x.n);
    }
}
