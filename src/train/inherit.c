/*
 * What a network takes over from a smaller or otherwise different one: every
 * parameter of the same name and extents as it is, and a wider one so that the
 * answers stay the same. Each block of `narrow` channels becomes `wide`: first
 * the old ones, then copies of them; who reads n copies takes 1/n of each. In
 * blocks, since maps that are joined then keep their order. Source: Chen,
 * Goodfellow & Shlens 2016 (arXiv:1511.05641), Net2WiderNet.
 */
#include "base/field.h"
#include "model/model.h"
#include "train/run.h"

#include <string.h>

typedef struct widening {
    int64_t narrow, wide; /* the setting "base" of both; 0: none */
    fvi_rng rng;
} widening;

enum { IN, OUT }; /* the last two extents of a weight */

static int64_t old_channel(const widening *w, int64_t channel)
{
    return channel / w->wide * w->narrow + channel % w->wide % w->narrow;
}

static bool is_copy(const widening *w, int64_t channel)
{
    return channel % w->wide >= w->narrow;
}

/* How many channels are the old channel now. */
static int64_t copies(const widening *w, int64_t old)
{
    return w->wide / w->narrow + (old % w->narrow < w->wide % w->narrow);
}

static bool grows(const widening *w, int64_t from, int64_t to)
{
    return w->narrow > 0 && w->wide > w->narrow && from % w->narrow == 0 &&
           from / w->narrow * w->wide == to;
}

/* Equal channels would learn the same for ever: copies get a little noise. */
static float told_apart(widening *w, float x)
{
    return x * (float)(1 + 0.05 * fvi_rng_normal(&w->rng));
}

/* One plane of a weight: extents in and out of the old and of the new one. */
static void widen_plane(widening *w, const float *x, const int64_t from[2],
                        const int64_t to[2], float *y)
{
    bool wider_in = from[IN] != to[IN], wider_out = from[OUT] != to[OUT];
    for (int64_t i = 0; i < to[IN]; i++) {
        int64_t k = wider_in ? old_channel(w, i) : i;
        float share = wider_in ? 1.0f / (float)copies(w, k) : 1;
        for (int64_t o = 0; o < to[OUT]; o++, y++) {
            int64_t c = wider_out ? old_channel(w, o) : o;
            *y = share * x[k * from[OUT] + c];
            if (wider_out && is_copy(w, o))
                *y = told_apart(w, *y);
        }
    }
}

static void widen(widening *w, const fv_param *p, const float *x,
                  const fv_param *q, float *y)
{
    if (p->ndim == 1) {
        for (int64_t i = 0; i < q->count; i++)
            y[i] = x[old_channel(w, i)];
        return;
    }
    const int64_t *from = p->dim + p->ndim - 2, *to = q->dim + q->ndim - 2;
    int64_t planes = p->count / (from[IN] * from[OUT]);
    for (int64_t n = 0; n < planes; n++)
        widen_plane(w, x + n * from[IN] * from[OUT], from, to,
                    y + n * to[IN] * to[OUT]);
}

/* Whether q, of as many extents as p, is p but wider in its last two. */
static bool is_wider(const widening *w, const fv_param *p, const fv_param *q)
{
    for (int a = 0; a < p->ndim; a++) {
        bool channels = a >= p->ndim - 2;
        if (p->dim[a] != q->dim[a] &&
            !(channels && grows(w, p->dim[a], q->dim[a])))
            return false;
    }
    return true;
}

static int64_t base_of(const fv_model *m)
{
    return fvi_field_int(m->arch->fields, m->config, "base");
}

static bool inherit(widening *w, const fv_model *from, fv_param p,
                    const fv_model *to, fv_param q)
{
    const float *x = from->params + p.offset;
    float *y = to->params + q.offset;
    if (strcmp(p.name, q.name) != 0 || p.ndim != q.ndim)
        return false;
    if (memcmp(p.dim, q.dim, sizeof p.dim) == 0)
        memcpy(y, x, (size_t)p.count * sizeof *y);
    else if (is_wider(w, &p, &q))
        widen(w, &p, x, &q, y);
    else
        return false;
    return true;
}

int fvi_inherit(const fv_model *from, fv_model *to, uint64_t seed)
{
    widening w = {base_of(from), base_of(to), fvi_rng_new(seed, 0)};
    int layers = 0;
    for (int i = 0; i < fv_param_list_size(to->graph); i++) {
        fv_param q = fv_param_at(to->graph, i);
        for (int k = 0; k < fv_param_list_size(from->graph); k++)
            if (inherit(&w, from, fv_param_at(from->graph, k), to, q))
                layers += q.ndim > 1;
    }
    return layers;
}
