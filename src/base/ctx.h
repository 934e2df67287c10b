#ifndef FVI_CTX_H
#define FVI_CTX_H

/* The inside of a context; seen by src/base only. */

#include "base/base.h"

#include <stdatomic.h>

enum { FVI_MESSAGE_SIZE = 1024 };

struct fv_ctx {
    fv_allocator allocator;
    char message[FVI_MESSAGE_SIZE];
    int threads;
    atomic_int canceled;
    size_t live, peak, limit; /* bytes; limit 0: none */
};

#endif
