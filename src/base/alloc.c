/* Counted memory: every block knows its size, so a context knows what it
 * holds, and big blocks ask for huge pages (a page fault costs more than many
 * sums). */
#define _DEFAULT_SOURCE
#include "base/ctx.h"

#include <string.h>
#include <sys/mman.h>

/* Before each block; keeps the 64-byte alignment of what follows. */
typedef struct header {
    size_t size; /* with header and slack */
    char pad[64 - sizeof(size_t)];
} header;

enum { SLACK = 64, HUGE = 4 << 20 };

static header *header_of(void *block)
{
    return (header *)((char *)block - sizeof(header));
}

void *fvi_alloc(fv_ctx *ctx, size_t size)
{
    size_t total = size + sizeof(header) + SLACK + 63;
    if (total < size) {
        fvi_fail(ctx, FV_ENOMEM, "a block of %zu bytes is too large", size);
        return NULL;
    }
    total = total / 64 * 64;
    if (ctx->limit &&
        total >
            ctx->limit - (ctx->live < ctx->limit ? ctx->live : ctx->limit)) {
        fvi_fail(ctx, FV_ENOMEM,
                 "%.1f MB more would pass the memory limit of %.1f MB "
                 "(%.1f MB in use)",
                 (double)total / 1e6, (double)ctx->limit / 1e6,
                 (double)ctx->live / 1e6);
        return NULL;
    }
    header *h = ctx->allocator.alloc(ctx->allocator.user, total);
    if (!h) {
        fvi_fail(ctx, FV_ENOMEM, "out of memory: %.1f MB more was refused",
                 (double)total / 1e6);
        return NULL;
    }
    if (total >= HUGE) {
        char *page = (char *)(((uintptr_t)h + 4095) / 4096 * 4096);
        size_t inside = (total - (size_t)(page - (char *)h)) / 4096 * 4096;
        madvise(page, inside, MADV_HUGEPAGE); /* a hint: failing is fine */
    }
    h->size = total;
    ctx->live += total;
    if (ctx->live > ctx->peak)
        ctx->peak = ctx->live;
    return h + 1;
}

fv_status fvi_room(fv_ctx *ctx, double bytes, const char *what)
{
    if (!ctx->limit || (double)ctx->live + bytes <= (double)ctx->limit)
        return FV_OK;
    return fvi_fail(ctx, FV_ENOMEM,
                    "%s needs %.1f MB of memory, the limit is %.1f MB (%.1f MB "
                    "in use)",
                    what, bytes / 1e6, (double)ctx->limit / 1e6,
                    (double)ctx->live / 1e6);
}

void *fvi_calloc(fv_ctx *ctx, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) {
        fvi_fail(ctx, FV_ENOMEM, "%zu items of %zu bytes are too many", count,
                 size);
        return NULL;
    }
    void *block = fvi_alloc(ctx, count * size);
    if (block)
        memset(block, 0, count * size);
    return block;
}

void *fvi_realloc(fv_ctx *ctx, void *block, size_t size)
{
    void *bigger = fvi_alloc(ctx, size);
    if (!bigger || !block)
        return bigger;
    size_t had = header_of(block)->size - sizeof(header) - SLACK;
    memcpy(bigger, block, had < size ? had : size);
    fvi_free(ctx, block);
    return bigger;
}

char *fvi_strdup(fv_ctx *ctx, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = fvi_alloc(ctx, size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void fvi_free(fv_ctx *ctx, void *block)
{
    if (!block)
        return;
    header *h = header_of(block);
    ctx->live -= h->size;
    ctx->allocator.release(ctx->allocator.user, h);
}

void fv_memory(const fv_ctx *ctx, size_t *live, size_t *peak)
{
    *live = ctx->live;
    *peak = ctx->peak;
}

void fv_set_memory_limit(fv_ctx *ctx, size_t bytes)
{
    ctx->limit = bytes;
}
