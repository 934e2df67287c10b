#ifndef BENCH_H
#define BENCH_H

/* What the bench programs share: a context, giving up, and two clocks. */

#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct times {
    double wall, cpu; /* ms, of the clock and of all threads */
} times;

static fv_ctx *ctx;

static inline void need(fv_status status)
{
    if (status == FV_OK)
        return;
    fprintf(stderr, "bench: %s\n", fv_message(ctx));
    exit(1);
}

static inline double clock_ms(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static inline times now(void)
{
    return (times){clock_ms(CLOCK_MONOTONIC),
                   clock_ms(CLOCK_PROCESS_CPUTIME_ID)};
}

static inline times since(times start)
{
    times t = now();
    return (times){t.wall - start.wall, t.cpu - start.cpu};
}

#endif
