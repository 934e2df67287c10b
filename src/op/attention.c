/* Attention: every token becomes a mean of the values v of all tokens, weighed
 * by how well its query q fits their keys k; in several heads, each with its
 * own channels. Sources: Vaswani et al. 2017 (arXiv:1706.03762), equation 1;
 * windows, shift and table: Liu et al. 2021 (arXiv:2103.14030), section 3.2;
 * tables by axes: Li et al. 2022 (arXiv:2112.01526), equation 4. */
#include "op/attention.h"
#include "base/base.h"

/* ---- windows ---- */

fvi_windows fvi_windows_of(const fvi_attention *o, fv_tensor map)
{
    fvi_dims d = fvi_dims_of(map);
    fvi_windows w = {.extent = {d.D, d.H, d.W}, .tokens = 1, .windows = 1};
    for (int a = 0; a < 3; a++) {
        bool there = a >= 5 - map.ndim && o->window > 0;
        w.side[a] = there ? o->window : w.extent[a];
        w.count[a] = w.side[a] ? w.extent[a] / w.side[a] : 0;
        w.shift[a] = there && w.count[a] > 1 ? o->shift : 0;
        w.tokens *= w.side[a];
        w.windows *= w.count[a];
    }
    return w;
}

fvi_token fvi_token_of(const fvi_windows *w, int64_t window, int64_t t)
{
    fvi_token token = {0, 0};
    int64_t pitch = 1;
    for (int a = 2; a >= 0; a--) {
        int64_t x = window % w->count[a] * w->side[a] + t % w->side[a];
        token.part = 2 * token.part + (x >= w->extent[a] - w->shift[a]);
        token.at += (x + w->shift[a]) % w->extent[a] * pitch;
        pitch *= w->extent[a];
        window /= w->count[a];
        t /= w->side[a];
    }
    return token;
}

int64_t fvi_distances_in(const fvi_windows *w)
{
    int64_t all = 1;
    for (int a = 0; a < 3; a++)
        all *= fvi_distances(w->side[a]);
    return all;
}

fvi_between fvi_table_row(int64_t i, int64_t rows, int64_t wanted)
{
    double at = ((double)i + 0.5) * (double)rows / (double)wanted - 0.5;
    at = at < 0 ? 0 : at;
    fvi_between b = {.lo = (int64_t)at};
    b.lo = b.lo < rows ? b.lo : rows - 1;
    b.hi = b.lo + 1 < rows ? b.lo + 1 : b.lo;
    b.part = at - (double)b.lo;
    return b;
}

/* ---- shapes ---- */

static fv_status check_attributes(fv_ctx *ctx, const fvi_attention *o,
                                  fv_tensor q)
{
    if (o->heads < 1 || o->channels < 1 || o->channels % o->heads)
        return fvi_fail(ctx, FV_EINVAL,
                        "attention: %lld channels in %lld heads, expected a "
                        "multiple",
                        (long long)o->channels, (long long)o->heads);
    if (o->window < 0 || o->shift < 0 || (o->shift && o->shift >= o->window))
        return fvi_fail(ctx, FV_EINVAL,
                        "attention: windows of %lld moved by %lld, expected "
                        "less than a window",
                        (long long)o->window, (long long)o->shift);
    for (int a = 1; o->window && a < q.ndim - 1; a++)
        if (q.dim[a] >= 0 && q.dim[a] % o->window)
            return fvi_fail(ctx, FV_ESHAPE,
                            "attention: a side of %lld, expected a multiple of "
                            "the window, %lld",
                            (long long)q.dim[a], (long long)o->window);
    return FV_OK;
}

/* q, k and v: N, the same spatial axes, and at least the channels wanted. */
static fv_status check_input(fv_ctx *ctx, const fvi_attention *o,
                             const fv_tensor x[], int i)
{
    static const char *const names[] = {"attention: q", "attention: k",
                                        "attention: v"};
    bool same = o->window || o->position != FVI_POSITION_NONE;
    fv_tensor like = i == 2 || (i && same) ? x[i - 1] : x[i];
    int last = x[i].ndim - 1;
    if (last < 2 || x[i].ndim != x[0].ndim ||
        x[i].dim[last] < o->at[i] + o->channels || o->at[i] < 0) {
        char is[80];
        fv_describe(x[i], is, sizeof is);
        return fvi_fail(ctx, FV_ESHAPE,
                        "%s is %s, expected %d axes, 3 or more, and channels "
                        "%lld to %lld",
                        names[i], is, x[0].ndim, (long long)o->at[i],
                        (long long)(o->at[i] + o->channels));
    }
    like.dim[last] = x[i].dim[last];
    if (i > 0 && x[0].dim[0] >= 0)
        like.dim[0] = x[0].dim[0];
    return fvi_agree(ctx, names[i], x[i], &like);
}

static fv_status expect_table(fv_ctx *ctx, fv_tensor table, int64_t rows,
                              int64_t width)
{
    fv_tensor like = {.dtype = table.dtype, .ndim = 2, .dim = {rows, width}};
    return fvi_agree(ctx, "attention: table", table, &like);
}

static fv_status check_tables(fv_ctx *ctx, const fvi_attention *o, int nx,
                              const fv_tensor x[])
{
    int rank = x[0].ndim - 2;
    bool axes = o->position == FVI_POSITION_AXES;
    int tables = o->position == FVI_POSITION_NONE ? 0 : axes ? rank : 1;
    if (nx != 3 + tables || tables > 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "attention: %d tables for %d spatial axes, expected "
                        "%d, at most 2",
                        nx - 3, rank, tables);
    for (int a = 0; axes && a < tables; a++)
        FV_TRY(expect_table(ctx, x[3 + a], -1, o->channels / o->heads));
    if (tables == 0 || axes)
        return FV_OK;
    int64_t rows = 1;
    for (int a = 1; a <= rank; a++) {
        int64_t side = o->window ? o->window : x[0].dim[a];
        rows = side < 0 || rows < 0 ? -1 : rows * fvi_distances(side);
    }
    return expect_table(ctx, x[3], rows, o->heads);
}

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_attention *o = attr;
    FV_TRY(check_attributes(ctx, o, x[0]));
    for (int i = 0; i < 3; i++)
        FV_TRY(check_input(ctx, o, x, i));
    FV_TRY(check_tables(ctx, o, nx, x));
    fv_tensor like = x[0];
    like.dim[like.ndim - 1] = o->channels;
    return fvi_infer_as(ctx, x[0].dtype, like.ndim, like.dim, y);
}

/* q k, p v, and by axes the products with the tables. */
static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    const fvi_attention *o = attr;
    fvi_windows keys = fvi_windows_of(o, x[1]);
    double each = 2 * (double)keys.tokens;
    for (int a = 0; o->position == FVI_POSITION_AXES && a < 3; a++)
        each += keys.side[a] > 1 ? (double)keys.side[a] : 0;
    return each * (double)fv_count(y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    const fvi_attention *o = attr;
    fvi_box box = fvi_reads_all(x[i]);
    if (i > 2)
        return box;
    int last = y.ndim - 1;
    int64_t d = o->channels / o->heads, c = at[last];
    box.lo[0] = at[0];
    box.hi[0] = at[0] + 1;
    box.lo[last] = o->at[i] + (i == 2 ? c : c / d * d);
    box.hi[last] = box.lo[last] + (i == 2 ? 1 : d);
    for (int a = 1; a < last; a++) {
        int64_t side = i == 0 ? 1 : o->window;
        if (i > 0 && (o->window == 0 || o->shift > 0))
            continue; /* all of them; a moved window is no box */
        box.lo[a] = at[a] / side * side;
        box.hi[a] = box.lo[a] + side;
    }
    return box;
}

const fvi_op fvi_op_attention = {
    .name = "attention",
    .equation = "y[t,c] = sum_s p[t,s] v[s,c], p = softmax_s(q[t].k[s]/sqrt(d)"
                " + b[t,s])",
    .attr_size = sizeof(fvi_attention),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1) | FVI_KEEP_X(2) | FVI_KEEP_X(3) |
            FVI_KEEP_X(4),
    .infer = infer,
    .work = work,
    .reads = reads,
};
