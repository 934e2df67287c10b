/* Fine-tuning: which parameters stay, and how slowly the early layers learn. */
#include "train/task.h"

#include <math.h>
#include <string.h>

/* True when `name` is like one pattern: * any characters, ? any one. */
static bool is_like(const char *pattern, size_t n, const char *name)
{
    const char *end = pattern + n, *star = NULL, *back = NULL;
    while (*name) {
        if (pattern < end && (*pattern == '?' || *pattern == *name)) {
            pattern++;
            name++;
        } else if (pattern < end && *pattern == '*') {
            star = ++pattern;
            back = name;
        } else if (star) {
            pattern = star;
            name = ++back;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

/* Sets the rate of what one pattern names to 0; how many that are. */
static int freeze_like(const fvi_run *r, const char *pattern, size_t n)
{
    int hits = 0;
    for (int i = 0; i < fv_param_list_size(r->net.graph); i++) {
        if (!is_like(pattern, n, fv_param_at(r->net.graph, i).name))
            continue;
        r->rate[i] = 0;
        hits++;
    }
    return hits;
}

static fv_status freeze(fvi_run *r)
{
    const char *at = r->o.freeze ? r->o.freeze : "";
    while (*at) {
        size_t n = strcspn(at, ",");
        if (n && freeze_like(r, at, n) == 0)
            return fvi_fail(r->ctx, FV_EINVAL,
                            "freeze: no parameter is like '%.*s', the first "
                            "is '%s'",
                            (int)n, at, fv_param_at(r->net.graph, 0).name);
        at += n + (at[n] == ',');
    }
    for (int i = 0; i < fv_param_list_size(r->net.graph); i++)
        if (fv_param_at(r->net.graph, i).trained && r->rate[i] > 0)
            return FV_OK;
    return fvi_fail(r->ctx, FV_EINVAL,
                    "freeze: '%s' leaves no parameter to train", r->o.freeze);
}

/* ---- layers ---- */

/* Parameters of one layer share the first part of their names. */
static bool same_layer(const char *a, const char *b)
{
    size_t n = strcspn(a, "/");
    return n == strcspn(b, "/") && strncmp(a, b, n) == 0;
}

/* The last layer has rate 1, the one before it `layer_decay`, and so on.
 * Source: Clark et al. 2020 (arXiv:2003.10555), section 3.1. */
static void decay_layers(fvi_run *r)
{
    int n = fv_param_list_size(r->net.graph);
    double rate = 1;
    for (int i = n - 1; i >= 0; i--) {
        const char *name = fv_param_at(r->net.graph, i).name;
        if (i < n - 1 &&
            !same_layer(name, fv_param_at(r->net.graph, i + 1).name))
            rate *= r->o.layer_decay;
        r->rate[i] = (float)rate;
    }
}

fv_status fvi_make_rates(fvi_run *r)
{
    if (!r->o.freeze && !(r->o.layer_decay < 1))
        return FV_OK;
    size_t n = (size_t)fv_param_list_size(r->net.graph);
    r->rate = fvi_calloc(r->ctx, n + 1, sizeof *r->rate);
    if (!r->rate)
        return FV_ENOMEM;
    decay_layers(r);
    r->optim.rate = r->rate;
    return freeze(r);
}

/* Running means of frozen norms stay as they were. */
void fvi_keep_frozen(const fvi_run *r, const float *before, float *w)
{
    for (int i = 0; r->rate && i < fv_param_list_size(r->net.graph); i++) {
        fv_param p = fv_param_at(r->net.graph, i);
        if (!p.trained && !(r->rate[i] > 0))
            memcpy(w + p.offset, before + p.offset,
                   (size_t)p.count * sizeof *w);
    }
}
