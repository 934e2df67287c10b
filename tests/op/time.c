/* How long a kernel takes, and how fast this machine could be. */
#include "checkop.h"

#include <omp.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- peak ---- */

enum { CHAINS = 12, WIDE = 16, ROUNDS = 100000 };
typedef float wide __attribute__((vector_size(WIDE * 4)));

/* Independent chains of a = a b + c, enough to hide the latency. The caller's
 * target decides the instructions. */
#define FMA_LOOP(name, target_text)                                          \
    target_text static float name(float b)                                   \
    {                                                                        \
        wide a[CHAINS], m, c;                                                \
        for (int k = 0; k < WIDE; k++) {                                     \
            m[k] = b;                                                        \
            c[k] = 1 - b;                                                    \
            for (int i = 0; i < CHAINS; i++)                                 \
                a[i][k] = (float)(i + k);                                    \
        }                                                                    \
        for (int r = 0; r < ROUNDS; r++)                                     \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) a[i] = \
                a[i] * m + c;                                                \
        float sum = 0;                                                       \
        for (int i = 0; i < CHAINS; i++)                                     \
            for (int k = 0; k < WIDE; k++)                                   \
                sum += a[i][k];                                              \
        return sum;                                                          \
    }

FMA_LOOP(fma_plain, )
#if defined(__x86_64__)
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))))
FMA_LOOP(fma_avx512, __attribute__((target("avx512f"))))
#endif

static float fma_best(float b)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return fma_avx512(b);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return fma_avx2(b);
#endif
    return fma_plain(b);
}

double checkop_peak_gflops(int threads)
{
    double best = 0;
    volatile float sink = 0.999f;
    omp_set_num_threads(threads);
    for (int t = 0; t < 5; t++) {
        double start = now();
#pragma omp parallel
        {
            float v = fma_best(sink);
#pragma omp critical
            sink = v > 0 ? 0.999f : 0.998f;
        }
        double flops = 2.0 * CHAINS * WIDE * ROUNDS * threads;
        double rate = flops / (now() - start) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}

/* ---- kernels ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { RUNS = 9 };

/* The median of nine, after one to warm up; fewer when it takes seconds. */
static double median_ms(checkop_node *n, void (*work)(checkop_node *))
{
    double ms[RUNS], begin = now();
    int count = 0;
    work(n);
    while (count < RUNS && (count < 3 || now() - begin < 3)) {
        double start = now();
        work(n);
        ms[count++] = 1e3 * (now() - start);
    }
    qsort(ms, (size_t)count, sizeof ms[0], ascending);
    return ms[count / 2];
}

fv_status checkop_time(fv_ctx *ctx, const checkop_problem *p,
                       const checkop_subject *s, int threads,
                       double *forward_ms, double *backward_ms)
{
    checkop_data d;
    checkop_node *n;
    checkop_draw(ctx, p, 1, &d);
    fv_status status =
        checkop_open(ctx, p, s, &d, (checkop_how){.threads = threads}, &n);
    if (status == FV_OK) {
        *forward_ms = median_ms(n, checkop_forward);
        *backward_ms = p->train && p->want ? median_ms(n, checkop_backward) : 0;
        checkop_close(n);
    }
    checkop_data_free(ctx, p, &d);
    return status;
}
