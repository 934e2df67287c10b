#ifndef FV_TEST_CONTEXT_H
#define FV_TEST_CONTEXT_H

/* What most test programs share: one context, which ends holding nothing. */

#include "base/base.h"
#include "fvtest.h"

static fv_ctx *ctx;

static inline int open_context(void **state)
{
    (void)state;
    return fv_ctx_new(NULL, &ctx) != FV_OK;
}

static inline int close_context(void **state)
{
    size_t live, peak;
    (void)state;
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    return live != 0; /* every block was given back */
}

#define assert_ok(call)                                            \
    do {                                                           \
        fv_status status_ = (call);                                \
        if (status_ != FV_OK)                                      \
            fail_msg("%s: %s: %s", #call, fv_status_name(status_), \
                     fv_message(ctx));                             \
    } while (0)

#endif
