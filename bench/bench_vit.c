/*
 * A stack of transformer blocks in inference, in f32 and bf16 by turns:
 * milliseconds a block, and the share of what the machine's multipliers were
 * measured to do in the same run.
 *   bench_vit [--width 1024] [--tokens 1024] [--heads 16] [--depth 4]
 *             [--threads 0] [--repeats 9] [--ask]
 * --ask: waits for lines "f32" and "bf16" on stdin and answers each with the
 * milliseconds of one run, of the clock and of all threads together, so that a
 * peer can be measured in between.
 */
#define _DEFAULT_SOURCE /* syscall */
#include "bench.h"

#include <omp.h>
#include <string.h>

#if defined __x86_64__ && defined __GNUC__
#include <immintrin.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#define HAS_PEAK 1
#endif

enum { REPEATS = 99 };

typedef struct options {
    int width, tokens, heads, depth, threads, repeats, ask;
} options;

typedef struct net {
    fv_graph *g;
    fv_plan *plan; /* NULL: not possible here */
    fv_val x, y;
    float *w;
} net;

/* The block of src/nn/arch/transformer.c. */
static fv_val block(fv_graph *g, fv_val x, int heads)
{
    int C = fv_channels(g, x);
    fv_val y = fv_layer_norm(g, "norm1", x, 1e-6f);
    y = fv_attend_to_self(g, "attention", fv_linear(g, "qkv", y, 3 * C),
                          (fv_attention){.heads = heads});
    x = fv_add(g, x, fv_linear(g, "out", y, C));
    y = fv_linear(g, "in", fv_layer_norm(g, "norm2", x, 1e-6f), 4 * C);
    return fv_add(g, x, fv_linear(g, "mlp", fv_gelu(g, y), C));
}

static net open_net(const options *o, fv_precision precision)
{
    net s = {0};
    int64_t dim[] = {1, o->tokens, o->width};
    fv_tensor in = fv_dense(NULL, FV_F32, 3, dim);
    need(fv_graph_new(ctx, &s.g));
    s.x = s.y = fv_input(s.g, "x", 3, dim);
    for (int i = 0; i < o->depth; i++) {
        fv_push(s.g, "block%d", i);
        s.y = block(s.g, s.y, o->heads);
        fv_pop(s.g);
    }
    fv_output(s.g, "y", s.y);
    need(fv_graph_check(ctx, s.g));
    s.w = calloc((size_t)fv_param_count(s.g, 0), sizeof *s.w);
    if (!s.w)
        exit(1);
    fv_params_init(s.g, 1, s.w);
    fv_plan_options how = {.precision = precision};
    if (fv_plan_new(ctx, s.g, &in, how, s.w, NULL, &s.plan) != FV_OK) {
        fprintf(stderr, "bench_vit: %s\n", fv_message(ctx));
        s.plan = NULL;
        return s;
    }
    float *x = fv_plan_at(s.plan, s.x).data;
    for (int64_t i = 0; i < fv_count(in); i++)
        x[i] = (float)((unsigned)i * 2654435761u >> 16 & 1023) / 512.0f - 1.0f;
    return s;
}

static void close_net(net *s)
{
    fv_plan_free(s->plan);
    fv_graph_free(s->g);
    free(s->w);
}

static times run(net *s)
{
    times start = now();
    need(fv_plan_run(ctx, s->plan));
    return since(start);
}

/* ---- what the machine can do ---- */

#ifdef HAS_PEAK
/* Independent multiply-adds in registers; returns how many numbers each of
 * `rounds` rounds multiplies. */
__attribute__((target("avx2,fma"))) static int spin_avx2(int64_t rounds)
{
    __m256 sum[12], x = _mm256_set1_ps(0.5f);
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
        sum[i] = x;
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) {
            sum[i] = _mm256_fmadd_ps(sum[i], x, x);
            __asm__ volatile("" : "+x"(sum[i]));
        }
    return 12 * 8;
}

__attribute__((target("avx512f"))) static int spin_avx512(int64_t rounds)
{
    __m512 sum[24], x = _mm512_set1_ps(0.5f);
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++)
        sum[i] = x;
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) {
            sum[i] = _mm512_fmadd_ps(sum[i], x, x);
            __asm__ volatile("" : "+v"(sum[i]));
        }
    return 24 * 16;
}

__attribute__((target("avx512f,avx512bf16"))) static int spin_bf16(
    int64_t rounds)
{
    __m512 sum[24];
    __m512bh x = (__m512bh)_mm512_set1_epi32(0x3F003F00);
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++)
        sum[i] = _mm512_set1_ps(0.5f);
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) {
            sum[i] = _mm512_dpbf16_ps(sum[i], x, x);
            __asm__ volatile("" : "+v"(sum[i]));
        }
    return 24 * 32;
}

static int has_amx(void)
{
#ifdef __linux__
    /* Linux, Documentation/arch/x86/xstate.rst: lend the tile registers */
    return __builtin_cpu_supports("amx-tile") &&
           __builtin_cpu_supports("amx-bf16") &&
           syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
    return 0;
#endif
}

__attribute__((target("amx-tile,amx-bf16"))) static int spin_amx(int64_t rounds)
{
    static const struct {
        uint8_t palette, start, zero[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } full __attribute__((aligned(64))) = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {16, 16, 16, 16, 16, 16, 16, 16},
    };
    uint16_t half[16 * 32];
    for (int i = 0; i < 16 * 32; i++)
        half[i] = 0x3F00;
    _tile_loadconfig(&full);
    _tile_loadd(4, half, 64);
    _tile_loadd(5, half, 64);
    _tile_loadd(6, half, 64);
    _tile_loadd(7, half, 64);
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    return 4 * 16 * 16 * 32;
}

/* Billions of multiply-adds a second; 0: not known. */
static double peak(fv_precision precision, int threads)
{
    int64_t rounds = 400000;
    int each = 0;
    __builtin_cpu_init();
    int amx = precision == FV_BF16 && has_amx();
    if (amx)
        rounds = 100000;
    int wide = __builtin_cpu_supports("avx512f");
    if (precision == FV_BF16 && !__builtin_cpu_supports("avx512bf16"))
        return 0;
    if (!wide && !__builtin_cpu_supports("fma"))
        return 0;
    double start = clock_ms(CLOCK_MONOTONIC);
#pragma omp parallel num_threads(threads) reduction(max : each)
    each = amx                    ? spin_amx(rounds)
           : precision == FV_BF16 ? spin_bf16(rounds)
           : wide                 ? spin_avx512(rounds)
                                  : spin_avx2(rounds);
    double ms = clock_ms(CLOCK_MONOTONIC) - start;
    return (double)each * (double)rounds * threads / ms / 1e6;
}
#else
static double peak(fv_precision precision, int threads)
{
    (void)precision, (void)threads;
    return 0;
}
#endif

/* ---- */

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

/* Multiply-adds of one run. */
static double work_of(const fv_plan *plan)
{
    size_t n = fv_plan_rows(plan, NULL, 0);
    fv_plan_row *rows = calloc(n, sizeof *rows);
    double work = 0;
    if (!rows)
        exit(1);
    fv_plan_rows(plan, rows, n);
    for (size_t i = 0; i < n; i++)
        work += rows[i].work;
    free(rows);
    return work;
}

static void compare(const options *o)
{
    static const char *const names[] = {"f32", "bf16"};
    static double t[2][REPEATS], most[2][REPEATS];
    net s[2];
    double middle[2] = {0};
    for (int i = 0; i < 2; i++) {
        s[i] = open_net(o, i ? FV_BF16 : FV_FULL);
        if (s[i].plan)
            run(&s[i]);
    }
    for (int r = 0; r < o->repeats; r++)
        for (int i = 0; i < 2; i++) {
            most[i][r] = peak(i ? FV_BF16 : FV_FULL, fv_threads(ctx));
            t[i][r] = s[i].plan ? run(&s[i]).wall : 0;
        }
    for (int i = 0; i < 2; i++) {
        if (s[i].plan) {
            middle[i] = median(t[i], o->repeats);
            double rate = work_of(s[i].plan) / middle[i] / 1e6;
            double top = median(most[i], o->repeats);
            printf("%s\t%.2f ms a block\t%.0f GFLOP/s", names[i],
                   middle[i] / o->depth, 2 * rate);
            if (top > 0)
                printf("\t%.0f %% of the measured %.0f", 100 * rate / top,
                       2 * top);
            printf("\n");
        }
        close_net(&s[i]);
    }
    if (middle[1] > 0)
        printf("f32 takes %.2f times as long as bf16\n", middle[0] / middle[1]);
}

static void answer(const options *o)
{
    char line[16];
    net full = open_net(o, FV_FULL), half = open_net(o, FV_BF16);
    printf("%lld parameters\n", (long long)fv_param_count(full.g, 1));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        net *s = strcmp(line, "bf16\n") == 0 ? &half : &full;
        times t = s->plan ? run(s) : (times){0, 0};
        printf("%.3f %.3f\n", t.wall, t.cpu);
        fflush(stdout);
    }
    close_net(&full);
    close_net(&half);
}

static int *number_named(options *o, const char *name)
{
    const struct {
        const char *name;
        int *value;
    } all[] = {{"--width", &o->width},     {"--tokens", &o->tokens},
               {"--heads", &o->heads},     {"--depth", &o->depth},
               {"--threads", &o->threads}, {"--repeats", &o->repeats},
               {"--ask", &o->ask}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    return NULL;
}

int main(int argc, char **argv)
{
    options o = {1024, 1024, 16, 4, 0, 9, 0};
    for (int i = 1; i < argc; i++) {
        int *value = number_named(&o, argv[i]);
        if (value == &o.ask)
            o.ask = 1;
        else if (value && i + 1 < argc)
            *value = (int)strtol(argv[++i], NULL, 10);
        else
            return fprintf(stderr, "bench_vit: what is %s?\n", argv[i]), 2;
    }
    o.repeats = o.repeats > REPEATS ? REPEATS : o.repeats;
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        return 1;
    fv_set_threads(ctx, o.threads);
    if (o.ask) {
        answer(&o);
    } else {
        printf("# %d threads, %d blocks of %d wide, %d tokens, %d heads; "
               "medians of %d\n",
               fv_threads(ctx), o.depth, o.width, o.tokens, o.heads, o.repeats);
        compare(&o);
    }
    fv_ctx_free(ctx);
    return 0;
}
