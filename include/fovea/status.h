#ifndef FV_STATUS_H
#define FV_STATUS_H

#include <stddef.h>

#define FV_API       __attribute__((visibility("default")))
#define FV_NODISCARD __attribute__((warn_unused_result))
#ifdef __cplusplus
#define FV_C_BEGIN extern "C" {
#define FV_C_END   }
#else
#define FV_C_BEGIN
#define FV_C_END
#endif

FV_C_BEGIN

#define FV_VERSION "0.1.0"

/* Outcome of every call that can fail. Values are stable: append only. */
typedef enum fv_status {
    FV_OK = 0,
    FV_ENOMEM,    /* the allocator said no; nothing was changed           */
    FV_EINVAL,    /* the caller broke a documented rule                   */
    FV_ESHAPE,    /* tensors do not fit; the message prints both shapes   */
    FV_EIO,       /* the system said no; the message has the path         */
    FV_EFORMAT,   /* a damaged or hostile file; the message says where    */
    FV_ENOTSUP,   /* valid but not built: a TIFF codec, a kernel          */
    FV_EDIVERGED, /* a NaN or an infinity in training; the step is named  */
    FV_ECANCEL    /* fv_cancel was called                                 */
} fv_status;

/*
 * The context: allocator, thread count, and the last message.
 * Use one context per thread of control. Worker threads never see it.
 */
typedef struct fv_ctx fv_ctx;

/* Where the library takes memory. `alloc` returns 64-byte aligned bytes or
 * NULL; `release` accepts NULL. Both may be called from one thread at a time
 * per context. */
typedef struct fv_allocator {
    void *(*alloc)(void *user, size_t size);
    void (*release)(void *user, void *block);
    void *user;
} fv_allocator;

/* A new context; `allocator` NULL means the C library. FV_ENOMEM. The caller
 * owns `*out` and frees it last, after everything made with it. */
FV_NODISCARD FV_API fv_status fv_ctx_new(const fv_allocator *allocator,
                                         fv_ctx **out);
FV_API void fv_ctx_free(fv_ctx *ctx); /* NULL is fine */

/* What went wrong last in `ctx`, in one English sentence without a newline:
 *   "unet: node 'down3/conv1': input has 64 channels, weight wants 32".
 * Never NULL; "" when nothing failed yet. Valid until the next failure. */
FV_API const char *fv_message(const fv_ctx *ctx);

/* Short fixed name of a status, for logs and tests: "shape". Never NULL. */
FV_API const char *fv_status_name(fv_status status);

/* Threads used by every later call on `ctx`; 0: OMP_NUM_THREADS of them where
 * the environment says so, else one per core.
 * Results do not depend on it (inference), or depend on it alone (training).*/
FV_API void fv_set_threads(fv_ctx *ctx, int threads);
FV_API int fv_threads(const fv_ctx *ctx);

/* Asks the running call to stop soon with FV_ECANCEL. Safe from a signal
 * handler and from another thread. `fv_uncancel` takes it back. */
FV_API void fv_cancel(fv_ctx *ctx);
FV_API void fv_uncancel(fv_ctx *ctx);

/* Bytes held now, and the most ever held, through this context. */
FV_API void fv_memory(const fv_ctx *ctx, size_t *live, size_t *peak);

/* Refuse allocations that would take the total over `bytes`; 0: no limit. */
FV_API void fv_set_memory_limit(fv_ctx *ctx, size_t bytes);

FV_C_END

#endif
