/* Problem strings: what the words mean and which shapes they make. */
#include "checkop.h"
#include "op/attention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct spec { /* a problem string, read */
    int64_t n, c, k_out, c2, factor;
    int rank, reshape_rank;
    int64_t extent[3], to[4];
    int64_t kernel[3], stride[3], dilation[3], pad[3], tail[3];
    int64_t lo, hi;
    int64_t like[3], heads, groups, window, shift, rows, last;
    float value, eps, slope, smoothing;
    fvi_act act;
    fv_resample how;
    bool no_bias, infer, weighted, classes, axes, relative, joined, spread;
    bool half, frozen, added, tiled;
} spec;

/* "3x4x5" -> {3, 4, 5}; how many, or -1. */
static int read_list(const char *text, int most, int64_t out[])
{
    int count = 0;
    for (;;) {
        char *end;
        if (count == most || *text < '0' || *text > '9')
            return -1;
        out[count++] = strtoll(text, &end, 10);
        if (*end == '\0')
            return count;
        if (*end != 'x')
            return -1;
        text = end + 1;
    }
}

/* A list along the spatial axes, aligned to the innermost; one number serves
 * all of them. */
static bool read_axes(const char *text, int rank, int64_t out[3])
{
    int64_t list[3];
    int count = read_list(text, 3, list);
    if (count != 1 && count != rank)
        return false;
    for (int a = 3 - rank; a < 3; a++)
        out[a] = list[count == 1 ? 0 : a - 3 + rank];
    return true;
}

static bool read_channels(const char *text, spec *s)
{
    char *end;
    s->c = s->k_out = strtoll(text, &end, 10);
    if (*end == '>')
        s->k_out = strtoll(end + 1, &end, 10);
    else if (*end == '+')
        s->c2 = strtoll(end + 1, &end, 10);
    return *end == '\0' && s->c > 0;
}

static bool read_flag(const char *word, spec *s)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"nobias", &s->no_bias},    {"infer", &s->infer},
                 {"weighted", &s->weighted}, {"classes", &s->classes},
                 {"axes", &s->axes},         {"relative", &s->relative},
                 {"joined", &s->joined},     {"spread", &s->spread},
                 {"bf16", &s->half},         {"frozen", &s->frozen},
                 {"added", &s->added},       {"tiled", &s->tiled}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(word, flags[i].name) == 0)
            return *flags[i].flag = true;
    if (strcmp(word, "relu") == 0)
        return s->act = FVI_ACT_RELU, true;
    if (strcmp(word, "gelu") == 0)
        return s->act = FVI_ACT_GELU, true;
    if (strcmp(word, "nearest") == 0)
        return s->how = FV_NEAREST, true;
    if (strcmp(word, "bilinear") == 0)
        return s->how = FV_BILINEAR, true;
    return false;
}

/* "heads=4" and its like. */
static bool read_count(const char *word, spec *s)
{
    const struct {
        const char *name;
        int64_t *count;
    } counts[] = {{"heads=", &s->heads},   {"groups=", &s->groups},
                  {"window=", &s->window}, {"shift=", &s->shift},
                  {"rows=", &s->rows},     {"last=", &s->last}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        size_t n = strlen(counts[i].name);
        if (strncmp(word, counts[i].name, n) == 0)
            return read_list(word + n, 1, counts[i].count) == 1;
    }
    return false;
}

static bool read_value(const char *word, spec *s)
{
    long long lo, hi;
    if (sscanf(word, "slice=%lld-%lld", &lo, &hi) == 2)
        return s->lo = lo, s->hi = hi, true;
    if (sscanf(word, "leaky=%f", &s->slope) == 1)
        return s->act = FVI_ACT_LEAKY, true;
    if (strncmp(word, "tail=", 5) == 0)
        return read_axes(word + 5, s->rank, s->tail);
    if (strncmp(word, "to=", 3) == 0)
        return (s->reshape_rank = read_list(word + 3, 4, s->to)) > 0;
    if (strncmp(word, "like=", 5) == 0)
        return read_list(word + 5, 3, s->like) == s->rank;
    if (read_count(word, s))
        return true;
    return sscanf(word, "value=%f", &s->value) == 1 ||
           sscanf(word, "smooth=%f", &s->smoothing) == 1 ||
           sscanf(word, "eps=%f", &s->eps) == 1;
}

static bool read_word(const char *word, spec *s)
{
    switch (word[0]) {
    case 'k':
        return read_axes(word + 1, s->rank, s->kernel);
    case 't':
        if (word[1] == 'o' || word[1] == 'a' || word[1] == 'i')
            break;
        return read_axes(word + 1, s->rank, s->stride);
    case 'd':
        return read_axes(word + 1, s->rank, s->dilation);
    case 'p':
        return read_axes(word + 1, s->rank, s->pad);
    case 'c':
        if (word[1] == 'l')
            break;
        return read_channels(word + 1, s);
    case 'f':
        if (word[1] == 'r')
            break;
        return read_list(word + 1, 1, &s->factor) == 1;
    case 'n':
        if (word[1] >= '0' && word[1] <= '9')
            return read_list(word + 1, 1, &s->n) == 1;
        break;
    default:
        break;
    }
    return read_flag(word, s) || read_value(word, s);
}

/* The extents decide what a word means, so they are read first. */
static fv_status read_spec(fv_ctx *ctx, const char *text, spec *s)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", text);
    char *words[16];
    int count = 0;
    for (char *at = strchr(copy, ':'); at && count < 16;) {
        *at++ = '\0';
        words[count++] = at;
        at = strchr(at, ':');
    }
    for (int i = 0; i < count; i++)
        if (words[i][0] >= '0' && words[i][0] <= '9')
            s->rank = read_list(words[i], 3, s->extent);
    if (s->rank < 0)
        return fvi_fail(ctx, FV_EINVAL, "%s: wrong extents", text);
    for (int i = 0; i < count; i++) {
        bool digit = words[i][0] >= '0' && words[i][0] <= '9';
        if (!digit && !read_word(words[i], s))
            return fvi_fail(ctx, FV_EINVAL, "%s: unknown word '%s'", text,
                            words[i]);
    }
    return FV_OK;
}

static fv_tensor shape(int ndim, const int64_t dim[])
{
    return fv_dense(NULL, FV_F32, ndim, dim);
}

static fv_tensor activation(const spec *s, int64_t channels)
{
    int64_t dim[FV_MAX_DIM] = {s->n};
    for (int a = 0; a < s->rank; a++)
        dim[1 + a] = s->extent[a];
    dim[1 + s->rank] = channels;
    return shape(s->rank + 2, dim);
}

static void add(checkop_problem *p, fv_tensor x, checkop_domain d, bool want)
{
    p->x[p->nx] = x;
    p->domain[p->nx] = d;
    if (want)
        p->want |= 1u << p->nx;
    p->nx++;
}

static void add_vector(checkop_problem *p, int64_t n, checkop_domain d,
                       bool want)
{
    add(p, shape(1, &n), d, want);
}

static void build_window(checkop_problem *p, const spec *s, bool weights)
{
    fvi_window w = {.rank = s->rank,
                    .channels = weights ? s->k_out : 0,
                    .act = s->act,
                    .slope = s->slope};
    memcpy(w.kernel, s->kernel, sizeof w.kernel);
    memcpy(w.stride, s->stride, sizeof w.stride);
    memcpy(w.dilation, s->dilation, sizeof w.dilation);
    memcpy(w.pad, s->pad, sizeof w.pad);
    memcpy(w.tail, s->tail, sizeof w.tail);
    memcpy(p->attr, &w, sizeof w);
    bool max = p->op == FVI_OP_max_pool;
    p->family = weights ? CHECKOP_BILINEAR
                : max   ? CHECKOP_SMOOTH
                        : CHECKOP_LINEAR;
    add(p, activation(s, s->c), max ? CHECKOP_DISTINCT : CHECKOP_SIGNED, true);
    if (!weights)
        return;
    int64_t dim[FV_MAX_DIM] = {0};
    for (int a = 0; a < s->rank; a++)
        dim[a] = s->kernel[3 - s->rank + a];
    dim[s->rank] = s->c;
    dim[s->rank + 1] = s->k_out;
    add(p, shape(s->rank + 2, dim), CHECKOP_SIGNED, true);
    if (!s->no_bias)
        add_vector(p, s->k_out, CHECKOP_SIGNED, true);
}

static void build_linear(checkop_problem *p, const spec *s)
{
    fvi_linear o = {s->k_out, s->act, s->slope, s->added};
    memcpy(p->attr, &o, sizeof o);
    p->family = CHECKOP_BILINEAR;
    add(p, activation(s, s->c), CHECKOP_SIGNED, true);
    add(p, shape(2, (int64_t[]){s->c, s->k_out}), CHECKOP_SIGNED, true);
    if (!s->no_bias)
        add_vector(p, s->k_out, CHECKOP_SIGNED, true);
    if (s->added)
        add(p, activation(s, s->k_out), CHECKOP_SIGNED, false);
}

static void build_norm(checkop_problem *p, const spec *s)
{
    fvi_norm o = {s->eps, s->frozen ? 0 : 0.1f, s->act, s->groups};
    memcpy(p->attr, &o, sizeof o);
    bool act = s->act != FVI_ACT_NONE;
    add(p, activation(s, s->c), act ? CHECKOP_PLUSMINUS : CHECKOP_SIGNED, true);
    add_vector(p, s->c, CHECKOP_POSITIVE, true);
    if (p->op == FVI_OP_rms_norm)
        return;
    add_vector(p, s->c, CHECKOP_SMALL, true);
    if (p->op != FVI_OP_batch_norm)
        return;
    add_vector(p, s->c, CHECKOP_SMALL, false);
    add_vector(p, s->c, CHECKOP_POSITIVE, false);
}

static void build_loss(checkop_problem *p, const spec *s)
{
    bool cross = p->op == FVI_OP_cross_entropy;
    checkop_domain pred = CHECKOP_SIGNED, target = CHECKOP_UNIT;
    if (cross) {
        fvi_class_weights o = {.used = s->classes, .smoothing = s->smoothing};
        for (int k = 0; k < FVI_MAX_CLASSES; k++)
            o.weight[k] = 0.5f + 0.25f * (float)(k % 4);
        memcpy(p->attr, &o, sizeof o);
        target = CHECKOP_CLASS;
    }
    if (p->op == FVI_OP_dice)
        pred = CHECKOP_UNIT;
    if (p->op == FVI_OP_mae)
        target = CHECKOP_APART;
    if (p->op == FVI_OP_star) {
        fvi_star_loss o = {s->value, s->eps};
        memcpy(p->attr, &o, sizeof o);
        pred = CHECKOP_NONZERO;
        target = CHECKOP_STAR;
    }
    add(p, activation(s, s->c), pred, true);
    add(p, activation(s, cross ? 1 : s->c), target, false);
    if (s->weighted)
        add(p, activation(s, 1), CHECKOP_WEIGHT, false);
}

/* Similar images, so that no scale of ssim is at the kink of its power; a dark
 * target, so that hardly a frequency of it is as strong as the other. */
static void build_image_loss(checkop_problem *p, const spec *s)
{
    bool ssim = p->op == FVI_OP_ssim;
    fvi_ssim o = {2, s->factor};
    if (ssim)
        memcpy(p->attr, &o, sizeof o);
    add(p, activation(s, s->c), CHECKOP_SIGNED, true);
    add(p, activation(s, s->c), ssim ? CHECKOP_APART : CHECKOP_SMALL, false);
}

/* Means and scales near 1, above all targets. */
static void build_laplace(checkop_problem *p, const spec *s)
{
    add(p, activation(s, 2 * s->c), CHECKOP_POSITIVE, true);
    add(p, activation(s, s->c), CHECKOP_SMALL, false);
    if (s->weighted)
        add(p, activation(s, 1), CHECKOP_WEIGHT, false);
}

static void build_shape(checkop_problem *p, const spec *s)
{
    if (p->op == FVI_OP_reshape) {
        fvi_shape o = {.ndim = s->reshape_rank + 1, .dim = {s->n}};
        memcpy(o.dim + 1, s->to, (size_t)s->reshape_rank * sizeof s->to[0]);
        memcpy(p->attr, &o, sizeof o);
    } else if (p->op == FVI_OP_slice) {
        fvi_slice o = {s->lo, s->hi};
        memcpy(p->attr, &o, sizeof o);
    } else if (p->op == FVI_OP_adaptive_avg_pool) {
        fvi_shape o = {.ndim = s->reshape_rank};
        memcpy(o.dim, s->to, sizeof s->to);
        memcpy(p->attr, &o, sizeof o);
    } else if (p->op != FVI_OP_global_avg_pool) {
        fvi_upsample o = {s->factor, s->how};
        memcpy(p->attr, &o, sizeof o);
    }
    p->family = CHECKOP_LINEAR;
    add(p, activation(s, s->c), CHECKOP_SIGNED, true);
}

static void build_pair(checkop_problem *p, const spec *s)
{
    bool product = p->op == FVI_OP_multiply;
    p->family = product ? CHECKOP_BILINEAR : CHECKOP_LINEAR;
    add(p, activation(s, s->c), CHECKOP_SIGNED, true);
    fv_tensor b = activation(s, p->op == FVI_OP_concat ? s->c2 : s->c);
    if (s->spread)
        b = shape(2, (int64_t[]){s->n, s->c});
    add(p, b, CHECKOP_SIGNED, true);
}

/* Numbers for which the sum of squares matters. */
static void build_response(checkop_problem *p, const spec *s)
{
    fvi_response o = {s->kernel[2], s->value, 0.75f, 2};
    memcpy(p->attr, &o, sizeof o);
    add(p, activation(s, s->c), CHECKOP_SIGNED, true);
}

/* Numbers for each image or channel, tokens before each, extents to cut to. */
static void build_second(checkop_problem *p, const spec *s)
{
    fv_tensor x = activation(s, s->c), other = x;
    bool each = p->op == FVI_OP_add_each || p->op == FVI_OP_multiply_each;
    p->family = p->op == FVI_OP_multiply_each ? CHECKOP_BILINEAR
                : p->op == FVI_OP_crop        ? CHECKOP_SMOOTH
                                              : CHECKOP_LINEAR;
    add(p, x, CHECKOP_SIGNED, true);
    if (each)
        other = shape((int)s->last, x.dim + (x.ndim - s->last));
    else if (p->op == FVI_OP_add_channels)
        other = shape(2, (int64_t[]){s->n, s->c});
    else if (p->op == FVI_OP_prepend)
        other = shape(2, (int64_t[]){s->c2, s->c});
    for (int a = 0; a < s->rank && p->op == FVI_OP_crop; a++)
        other.dim[1 + a] = s->like[a];
    if (p->op == FVI_OP_crop)
        other = shape(other.ndim, other.dim);
    add(p, other, CHECKOP_SIGNED, p->op != FVI_OP_crop);
}

static void build_attention(checkop_problem *p, const spec *s)
{
    fvi_attention o = {.channels = s->c,
                       .heads = s->heads,
                       .window = s->window,
                       .shift = s->shift,
                       .position = s->axes       ? FVI_POSITION_AXES
                                   : s->relative ? FVI_POSITION_TABLE
                                                 : FVI_POSITION_NONE};
    spec keys = *s;
    int64_t rows = 1;
    if (s->like[0])
        memcpy(keys.extent, s->like, sizeof keys.extent);
    for (int i = 0; i < 3; i++) {
        o.at[i] = s->joined ? i * s->c : 0;
        add(p, activation(i ? &keys : s, s->joined ? 3 * s->c : s->c),
            CHECKOP_SIGNED, true);
    }
    for (int a = 0; a < s->rank; a++) {
        int64_t n = fvi_distances(s->window ? s->window : s->extent[a]);
        rows *= n;
        if (s->axes)
            add(p,
                shape(2, (int64_t[]){s->rows ? s->rows : n, s->c / s->heads}),
                CHECKOP_SIGNED, true);
    }
    if (s->relative)
        add(p, shape(2, (int64_t[]){rows, s->heads}), CHECKOP_SIGNED, true);
    memcpy(p->attr, &o, sizeof o);
}

static void build_point(checkop_problem *p, const spec *s)
{
    fvi_number o = {s->value};
    memcpy(p->attr, &o, sizeof o);
    bool kink = p->op == FVI_OP_relu || p->op == FVI_OP_leaky_relu;
    bool linear = p->op == FVI_OP_scale || p->op == FVI_OP_dropout ||
                  p->op == FVI_OP_drop_path;
    p->family = linear ? CHECKOP_LINEAR : CHECKOP_SMOOTH;
    add(p, activation(s, s->c), kink ? CHECKOP_NONZERO : CHECKOP_SIGNED, true);
}

/* Losses, and what works number by number. */
static void build_other(checkop_problem *p, const spec *s)
{
    switch ((int)p->op) {
    case FVI_OP_cross_entropy:
    case FVI_OP_bce:
    case FVI_OP_mse:
    case FVI_OP_mae:
    case FVI_OP_dice:
    case FVI_OP_star:
        build_loss(p, s);
        break;
    case FVI_OP_laplace:
        build_laplace(p, s);
        break;
    case FVI_OP_ssim:
    case FVI_OP_fourier:
        build_image_loss(p, s);
        break;
    default:
        build_point(p, s);
    }
}

static void build(checkop_problem *p, const spec *s)
{
    p->family = CHECKOP_SMOOTH;
    switch ((int)p->op) {
    case FVI_OP_conv:
    case FVI_OP_conv_transposed:
        build_window(p, s, true);
        break;
    case FVI_OP_max_pool:
    case FVI_OP_avg_pool:
    case FVI_OP_blur_pool:
        build_window(p, s, false);
        break;
    case FVI_OP_local_response_norm:
        build_response(p, s);
        break;
    case FVI_OP_linear:
        build_linear(p, s);
        break;
    case FVI_OP_batch_norm:
    case FVI_OP_layer_norm:
    case FVI_OP_rms_norm:
    case FVI_OP_group_norm:
        build_norm(p, s);
        break;
    case FVI_OP_global_avg_pool:
    case FVI_OP_adaptive_avg_pool:
    case FVI_OP_upsample:
    case FVI_OP_slice:
    case FVI_OP_reshape:
    case FVI_OP_pixel_shuffle:
    case FVI_OP_pixel_unshuffle:
    case FVI_OP_pad:
        build_shape(p, s);
        break;
    case FVI_OP_attention:
        build_attention(p, s);
        break;
    case FVI_OP_add_each:
    case FVI_OP_multiply_each:
    case FVI_OP_add_channels:
    case FVI_OP_prepend:
    case FVI_OP_crop:
        build_second(p, s);
        break;
    case FVI_OP_add:
    case FVI_OP_multiply:
    case FVI_OP_concat:
        build_pair(p, s);
        break;
    default:
        build_other(p, s);
    }
}

fv_status checkop_parse(fv_ctx *ctx, const char *text, checkop_problem *p)
{
    spec s = {.n = 1,
              .c = 1,
              .k_out = 1,
              .c2 = 1,
              .factor = 2,
              .value = 0.5f,
              .eps = 1e-5f,
              .kernel = {1, 1, 1},
              .stride = {1, 1, 1},
              .dilation = {1, 1, 1},
              .lo = 0,
              .hi = 1,
              .heads = 1,
              .groups = 1,
              .last = 1};
    *p = (checkop_problem){.op = FVI_OP_COUNT};
    snprintf(p->text, sizeof p->text, "%s", text);
    size_t length = strcspn(text, ":");
    for (int op = 0; op < FVI_OP_COUNT; op++)
        if (op != FVI_OP_input && op != FVI_OP_param &&
            strlen(fvi_ops[op]->name) == length &&
            strncmp(text, fvi_ops[op]->name, length) == 0)
            p->op = (fvi_op_id)op;
    if (p->op == FVI_OP_COUNT)
        return fvi_fail(ctx, FV_EINVAL, "%s: unknown operation", text);
    FV_TRY(read_spec(ctx, text, &s));
    if (s.heads < 1 || s.last < 1 || s.last > s.rank + 2)
        return fvi_fail(ctx, FV_EINVAL, "%s: out of range", text);
    build(p, &s);
    p->fused = s.act != FVI_ACT_NONE;
    p->half = s.half;
    p->tiled = s.tiled;
    p->train =
        !s.infer && !s.added && !(p->fused && p->family == CHECKOP_BILINEAR);
    for (int i = 0; i < p->nx; i++)
        if (p->x[i].ndim < 0)
            return fvi_fail(ctx, FV_EINVAL, "%s: too big", text);
    return fvi_ops[p->op]->infer(ctx, p->attr, p->nx, p->x, &p->y);
}
