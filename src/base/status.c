/* The context: one caller's allocator, thread count and last message. */
#include "base/ctx.h"

#include <limits.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *user, size_t size)
{
    (void)user;
    return aligned_alloc(64, size);
}

static void default_release(void *user, void *block)
{
    (void)user;
    free(block);
}

fv_status fv_ctx_new(const fv_allocator *allocator, fv_ctx **out)
{
    fv_allocator a = {default_alloc, default_release, NULL};
    if (allocator)
        a = *allocator;
    size_t size = (sizeof(fv_ctx) + 63) / 64 * 64;
    fv_ctx *ctx = a.alloc(a.user, size);
    if (!ctx)
        return FV_ENOMEM;
    memset(ctx, 0, sizeof *ctx);
    ctx->allocator = a;
    fv_set_threads(ctx, 0);
    *out = ctx;
    return FV_OK;
}

void fv_ctx_free(fv_ctx *ctx)
{
    if (ctx)
        ctx->allocator.release(ctx->allocator.user, ctx);
}

const char *fv_message(const fv_ctx *ctx)
{
    return ctx->message;
}

const char *fv_status_name(fv_status status)
{
    static const char *const name[] = {"ok",          "memory",   "argument",
                                       "shape",       "file",     "format",
                                       "unsupported", "diverged", "canceled"};
    return (size_t)status < sizeof name / sizeof *name ? name[status]
                                                       : "unknown";
}

fv_status fvi_fail(fv_ctx *ctx, fv_status status, const char *fmt, ...)
{
    char text[FVI_MESSAGE_SIZE]; /* arguments may point into the old message */
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    memcpy(ctx->message, text, sizeof text);
    return status;
}

fv_status fvi_fail_in(fv_ctx *ctx, fv_status status, const char *fmt, ...)
{
    char prefix[FVI_MESSAGE_SIZE / 2];
    va_list args;
    va_start(args, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, args);
    va_end(args);
    return fvi_fail(ctx, status, "%s: %.*s", prefix, FVI_MESSAGE_SIZE / 2,
                    ctx->message);
}

/* What the user wishes for all programs with OpenMP, or one per core. */
static int usual_threads(void)
{
    const char *wish = getenv("OMP_NUM_THREADS");
    long threads = wish ? strtol(wish, NULL, 10) : 0;
    return threads > 0 && threads <= INT_MAX ? (int)threads
                                             : omp_get_num_procs();
}

void fv_set_threads(fv_ctx *ctx, int threads)
{
    ctx->threads = threads > 0 ? threads : usual_threads();
    omp_set_num_threads(ctx->threads);
}

void fvi_use_threads(int threads)
{
    omp_set_num_threads(threads);
}

int fv_threads(const fv_ctx *ctx)
{
    return ctx->threads;
}

void fv_cancel(fv_ctx *ctx)
{
    atomic_store(&ctx->canceled, 1);
}

void fv_uncancel(fv_ctx *ctx)
{
    atomic_store(&ctx->canceled, 0);
}

bool fvi_canceled(const fv_ctx *ctx)
{
    return atomic_load(&ctx->canceled) != 0;
}
