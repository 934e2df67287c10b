/* Learning rate schedules: a factor in [0,1] as a function of the step. */
#include "fovea/optim.h"

#include "base/base.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {"constant", "step", "cosine", "restart",
                                    "plateau"};
enum { KINDS = sizeof names / sizeof *names };

fv_status fv_schedule_find(fv_ctx *ctx, const char *name, fv_schedule_kind *out)
{
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (fv_schedule_kind)i;
            return FV_OK;
        }
    }
    return fvi_fail(ctx, FV_EINVAL,
                    "no schedule is called '%s', expected constant, step, "
                    "cosine, restart or plateau",
                    name);
}

/* Source: Loshchilov & Hutter 2017, SGDR (arXiv:1608.03983), equation 5. */
static double half_cosine(double share, double lowest)
{
    const double pi = 3.14159265358979323846;
    if (share > 1)
        share = 1;
    return lowest + (1 - lowest) * 0.5 * (1 + cos(pi * share));
}

double fv_schedule_at(const fv_schedule *s, int64_t step, int drops)
{
    if (step < s->warmup)
        return (double)(step + 1) / (double)s->warmup;
    int64_t at = step - s->warmup, span = s->total - s->warmup;
    int64_t period = s->period > 0 ? s->period : span > 0 ? span : 1;
    switch (s->kind) {
    case FV_LR_STEP:
        return pow(s->factor, (double)(at / period));
    case FV_LR_COSINE:
        return half_cosine(span > 0 ? (double)at / (double)span : 1, s->lowest);
    case FV_LR_RESTART:
        return half_cosine((double)(at % period) / (double)period, s->lowest);
    case FV_LR_PLATEAU:
        return pow(s->factor, drops);
    case FV_LR_CONSTANT:
        break;
    }
    return 1;
}
