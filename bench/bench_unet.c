/*
 * A U-net of the field on one machine: one training step (forward, backward,
 * Adam) and one inference, on each backend and, of the first, in bf16, in
 * turns.
 *   bench_unet [--depth 3] [--base 32] [--batch 4] [--side 256] [--image 512]
 *              [--threads 0] [--repeats 9] [--backend NAME] [--ask]
 * --ask: waits for lines "train" and "infer" on stdin and answers each with
 * the milliseconds it took, of the clock and of all threads together, so that
 * a peer can be measured in between.
 */
#include "bench.h"

#include <string.h>

enum { REPEATS = 99, OUT = 3 };

typedef struct options {
    int depth, base, batch, side, image, threads, repeats;
    const char *backend;
    int ask;
} options;

/* One network, planned for one backend. */
typedef struct net {
    fv_graph *g;
    fv_plan *plan;
    fv_val image, truth, loss;
    float *w; /* parameters, gradients, two moments */
    size_t n;
    int64_t step;
} net;

static fv_val convolve(fv_graph *g, const char *name, fv_val x, int channels)
{
    fv_push(g, "%s", name);
    x = fv_convolve(g, "", x, (fv_conv){.channels = channels, .no_bias = 1});
    x = fv_relu(g, fv_batch_norm(g, "norm", x));
    fv_pop(g);
    return x;
}

static fv_val pair(fv_graph *g, fv_val x, int channels, int last)
{
    return convolve(g, "conv2", convolve(g, "conv1", x, channels), last);
}

/* The network of src/nn/arch/unet.c with nearest enlarging; logits. */
static fv_val unet(fv_graph *g, fv_val x, int base, int depth)
{
    fv_val skip[8];
    for (int level = 0; level < depth; level++) {
        fv_push(g, "down%d", level);
        skip[level] = pair(g, x, base << level, base << level);
        x = fv_max_pool(g, skip[level], 2, 0);
        fv_pop(g);
    }
    fv_push(g, "bottom");
    x = pair(g, x, base << depth, base << depth >> 1);
    fv_pop(g);
    for (int level = depth - 1; level >= 0; level--) {
        int wide = base << level;
        fv_push(g, "up%d", level);
        x = fv_concat(g, skip[level], fv_upsample(g, x, 2, FV_NEAREST));
        x = pair(g, x, wide, level ? wide / 2 : wide);
        fv_pop(g);
    }
    return fv_convolve(g, "head", x, (fv_conv){.channels = OUT, .kernel = 1});
}

static void fill(fv_tensor t, int classes)
{
    float *x = t.data;
    for (int64_t i = 0; i < fv_count(t); i++) {
        unsigned mixed = (unsigned)i * 2654435761u >> 16;
        x[i] = classes ? (float)(mixed % (unsigned)classes)
                       : (float)(mixed % 1000u) / 500.0f - 1.0f;
    }
}

/* A network whose plan is NULL: no step can be done in that precision. */
static net open_net(const options *o, const char *backend,
                    fv_precision precision, int train)
{
    net s = {0};
    int64_t side = train ? o->side : o->image, batch = train ? o->batch : 1;
    int64_t x[] = {batch, side, side, 1};
    fv_tensor in[] = {fv_dense(NULL, FV_F32, 4, x),
                      fv_dense(NULL, FV_F32, 4, x)};
    need(fv_graph_new(ctx, &s.g));
    s.image = fv_input(s.g, "image", 4, (int64_t[]){-1, -1, -1, 1});
    if (train)
        s.truth = fv_input(s.g, "truth", 4, (int64_t[]){-1, -1, -1, 1});
    fv_val y = unet(s.g, s.image, o->base, o->depth);
    if (train)
        s.loss = y = fv_loss_cross_entropy(s.g, y, s.truth, (fv_val){0}, NULL);
    fv_output(s.g, "result", y);
    need(fv_graph_check(ctx, s.g));
    s.n = (size_t)fv_param_count(s.g, 0);
    s.w = calloc(4 * s.n, sizeof *s.w);
    if (!s.w)
        exit(1);
    fv_params_init(s.g, 1, s.w);
    fv_status status =
        fv_plan_new(ctx, s.g, in,
                    (fv_plan_options){.mode = train ? FV_TRAIN : FV_INFER,
                                      .backend = backend,
                                      .precision = precision},
                    s.w, train ? s.w + s.n : NULL, &s.plan);
    if (status == FV_ENOTSUP && precision == FV_BF16)
        return s;
    need(status);
    fill(fv_plan_at(s.plan, s.image), 0);
    if (train)
        fill(fv_plan_at(s.plan, s.truth), OUT);
    return s;
}

static void close_net(net *s)
{
    fv_plan_free(s->plan);
    fv_graph_free(s->g);
    free(s->w);
}

/* One step or one inference. */
static times run(net *s, int train)
{
    times start = now();
    if (train)
        memset(s->w + s->n, 0, s->n * sizeof *s->w);
    need(fv_plan_run(ctx, s->plan));
    if (train) {
        fv_optim adam = fv_optim_default();
        need(fv_plan_backward(ctx, s->plan, s->loss));
        need(fv_optim_step(ctx, s->g, &adam, ++s->step, s->w, s->w + s->n,
                           s->w + 2 * s->n, s->w + 3 * s->n, NULL));
    }
    return since(start);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *t, int n)
{
    qsort(t, (size_t)n, sizeof *t, ascending);
    return t[n / 2];
}

typedef struct side {
    const char *name, *backend;
    fv_precision precision;
} side;

/* Of the clock, and of all threads together. */
typedef struct series {
    double wall[REPEATS], cpu[REPEATS];
} series;

static void report(const options *o, const side *who, net *s, int train,
                   series *t, double *first)
{
    if (s->plan) {
        double wall = median(t->wall, o->repeats);
        double cpu = median(t->cpu, o->repeats);
        *first = *first > 0 ? *first : cpu;
        printf("%s\t%s\t%.2f ms, of threads %.2f ms: %.2f of the first\t"
               "%.0f MB\n",
               train ? "train" : "infer", who->name, wall, cpu, cpu / *first,
               (double)fv_plan_memory(s->plan) / 1e6);
    }
    close_net(s);
}

/* Every backend in turn, round after round. */
static void compare(const options *o, int train)
{
    enum { SIDES = 4 };
    const side all[SIDES] = {
        {o->backend ? o->backend : "best", o->backend, FV_FULL},
        {"bf16", o->backend, FV_BF16},
        {"onednn", "onednn", FV_FULL},
        {"ref", "ref", FV_FULL}};
    static series t[SIDES];
    net s[SIDES];
    double first = 0;
    int sides = o->backend ? 2 : SIDES;
    for (int i = 0; i < sides; i++) {
        s[i] = open_net(o, all[i].backend, all[i].precision, train);
        if (s[i].plan)
            run(&s[i], train);
    }
    for (int r = 0; r < o->repeats; r++)
        for (int i = 0; i < sides; i++)
            if (s[i].plan) {
                times spent = run(&s[i], train);
                t[i].wall[r] = spent.wall;
                t[i].cpu[r] = spent.cpu;
            }
    for (int i = 0; i < sides; i++)
        report(o, &all[i], &s[i], train, &t[i], &first);
}

static void answer(const options *o)
{
    char line[16];
    net train = open_net(o, o->backend, FV_FULL, 1);
    net infer = open_net(o, o->backend, FV_FULL, 0);
    int64_t count = fv_param_count(train.g, 1);
    printf("%lld parameters\n", (long long)count);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        int training = strcmp(line, "train\n") == 0;
        times t = run(training ? &train : &infer, training);
        printf("%.3f %.3f\n", t.wall, t.cpu);
        fflush(stdout);
    }
    close_net(&train);
    close_net(&infer);
}

static int *number_named(options *o, const char *name)
{
    const struct {
        const char *name;
        int *value;
    } all[] = {{"--depth", &o->depth},     {"--base", &o->base},
               {"--batch", &o->batch},     {"--side", &o->side},
               {"--image", &o->image},     {"--threads", &o->threads},
               {"--repeats", &o->repeats}, {"--ask", &o->ask}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    return NULL;
}

int main(int argc, char **argv)
{
    options o = {3, 32, 4, 256, 512, 0, 9, NULL, 0};
    for (int i = 1; i < argc; i++) {
        int *value = number_named(&o, argv[i]);
        if (value == &o.ask)
            o.ask = 1;
        else if (value && i + 1 < argc)
            *value = (int)strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--backend") == 0 && i + 1 < argc)
            o.backend = argv[++i];
        else
            return fprintf(stderr, "bench_unet: what is %s?\n", argv[i]), 2;
    }
    o.repeats = o.repeats > REPEATS ? REPEATS : o.repeats;
    if (fv_ctx_new(NULL, &ctx) != FV_OK || o.depth > 7)
        return 1;
    fv_set_threads(ctx, o.threads);
    if (o.ask) {
        answer(&o);
    } else {
        printf("# %d threads, medians of %d\n", fv_threads(ctx), o.repeats);
        compare(&o, 1);
        compare(&o, 0);
    }
    fv_ctx_free(ctx);
    return 0;
}
