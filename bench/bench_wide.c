/*
 * Why images need convolutions: a multilayer perceptron that looks at every
 * number of an image from every hidden unit. Says how much memory it takes
 * before it takes it, then runs it and compares the first answer with its
 * definition in double precision.
 *   bench_wide [--side 100] [--channels 3] [--hidden 30000] [--batch 1]
 *              [--threads 0] [--repeats 3] [--max-memory 0 (MB)]
 */
#include "bench.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

enum { OUT = 10 };

typedef struct options {
    int side, channels, hidden, batch, threads, repeats, max_memory;
} options;

typedef struct net {
    fv_graph *g;
    fv_val x, y;
    int64_t params;
    float *w;
} net;

static net open_net(const options *o)
{
    net n = {0};
    int64_t dim[] = {-1, o->side, o->side, o->channels};
    need(fv_graph_new(ctx, &n.g));
    n.x = fv_input(n.g, "image", 4, dim);
    fv_val h = fv_linear(n.g, "hidden", fv_flatten(n.g, n.x), o->hidden);
    n.y = fv_linear(n.g, "out", fv_relu(n.g, h), OUT);
    fv_output(n.g, "answer", n.y);
    need(fv_graph_check(ctx, n.g));
    n.params = fv_param_count(n.g, 0);
    return n;
}

static fv_plan *plan_net(const options *o, const net *n)
{
    int64_t dim[] = {o->batch, o->side, o->side, o->channels};
    fv_tensor in = fv_dense(NULL, FV_F32, 4, dim);
    fv_plan_options how = {.dry = !n->w};
    fv_plan *p;
    need(fv_plan_new(ctx, n->g, &in, how, n->w, NULL, &p));
    return p;
}

/* What it will take, from a plan that allocates nothing. */
static double megabytes(const options *o, const net *n)
{
    fv_plan *p = plan_net(o, n);
    double weights = 4e-6 * (double)n->params;
    double packed = 1e-6 * (double)fv_plan_packed(p);
    double rest = 1e-6 * (double)fv_plan_memory(p);
    fv_plan_free(p);
    printf("%lld parameters; memory: %.1f MB of weights, %.1f MB of copies of "
           "them, %.1f MB of activations\n",
           (long long)n->params, weights, packed, rest);
    fflush(stdout);
    return weights + packed + rest;
}

/* Answer 0 to image 0: b2 + sum over units of w2 relu(b1 + x w1). */
static double defined(const options *o, const net *n, const float *x)
{
    fv_param p[4];
    for (int i = 0; i < 4; i++)
        p[i] = fv_param_at(n->g, i);
    int64_t in = p[0].dim[0], units = o->hidden;
    double *h = calloc((size_t)units, sizeof *h);
    double y = (double)n->w[p[3].offset];
    for (int64_t i = 0; h && i < in; i++)
        for (int64_t k = 0; k < units; k++)
            h[k] += (double)x[i] * (double)n->w[p[0].offset + i * units + k];
    for (int64_t k = 0; h && k < units; k++) {
        double sum = h[k] + (double)n->w[p[1].offset + k];
        y += (sum > 0 ? sum : 0) * (double)n->w[p[2].offset + k * OUT];
    }
    free(h);
    return y;
}

static int run_net(const options *o, net *n)
{
    n->w = malloc((size_t)n->params * sizeof *n->w);
    if (!n->w)
        return fprintf(stderr, "bench_wide: out of memory\n"), 1;
    fv_params_init(n->g, 1, n->w);
    fv_plan *p = plan_net(o, n);
    fv_tensor x = fv_plan_at(p, n->x), y = fv_plan_at(p, n->y);
    for (int64_t i = 0; i < fv_count(x); i++)
        ((float *)x.data)[i] = (float)sin((double)i);
    double best = 0;
    for (int i = 0; i < o->repeats; i++) {
        times start = now();
        need(fv_plan_run(ctx, p));
        double ms = since(start).wall;
        best = i == 0 || ms < best ? ms : best;
    }
    double got = (double)((float *)y.data)[0], want = defined(o, n, x.data);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("forward of %d images %.1f ms, %.2f GB/s of weights; largest in "
           "memory %.1f MB\nanswer %.6f, by definition %.6f\n",
           o->batch, best, 4e-6 * (double)n->params / best,
           1.024e-3 * (double)use.ru_maxrss, got, want);
    fv_plan_free(p);
    free(n->w);
    return fabs(got - want) > 1e-4 * (1 + fabs(want));
}

static int *number_named(options *o, const char *name)
{
    const struct {
        const char *name;
        int *value;
    } all[] = {
        {"--side", &o->side},
        {"--channels", &o->channels},
        {"--hidden", &o->hidden},
        {"--batch", &o->batch},
        {"--threads", &o->threads},
        {"--repeats", &o->repeats},
        {"--max-memory", &o->max_memory},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    return NULL;
}

int main(int argc, char **argv)
{
    options o = {100, 3, 30000, 1, 0, 3, 0};
    for (int i = 1; i < argc; i++) {
        int *value = number_named(&o, argv[i]);
        if (!value || i + 1 == argc)
            return fprintf(stderr, "bench_wide: what is %s?\n", argv[i]), 2;
        *value = (int)strtol(argv[++i], NULL, 10);
    }
    need(fv_ctx_new(NULL, &ctx));
    fv_set_threads(ctx, o.threads);
    net n = open_net(&o);
    double all = megabytes(&o, &n);
    int code = 1;
    if (o.max_memory > 0 && all > o.max_memory)
        fprintf(stderr, "bench_wide: needs %.1f MB, the limit is %d MB\n", all,
                o.max_memory);
    else
        code = run_net(&o, &n);
    fv_graph_free(n.g);
    fv_ctx_free(ctx);
    return code;
}
