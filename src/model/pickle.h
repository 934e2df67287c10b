#ifndef FVI_PICKLE_H
#define FVI_PICKLE_H

/*
 * Pickles as PyTorch writes them, read as data. A pickle is a program for a
 * small stack machine; here the machine knows constants, containers and how
 * tensors and storages are described, and refuses everything else by name. It
 * calls nothing, so a file cannot run anything.
 * Source: pickletools.py of Python; torch/serialization.py for the rest.
 */

#include "model/safetensors.h"

typedef enum fvi_pickle_kind {
    FVI_PICKLE_MARK,
    FVI_PICKLE_NONE,
    FVI_PICKLE_INT,  /* and true, false */
    FVI_PICKLE_REAL, /* its value is of no use to us */
    FVI_PICKLE_TEXT,
    FVI_PICKLE_TUPLE,
    FVI_PICKLE_LIST,
    FVI_PICKLE_DICT,    /* items: key, value, key, value, ... */
    FVI_PICKLE_GLOBAL,  /* number: which, pickle_torch.c */
    FVI_PICKLE_STORAGE, /* items: type, key, number of elements */
    FVI_PICKLE_TENSOR   /* items: storage, offset, extents, strides */
} fvi_pickle_kind;

typedef struct fvi_pickle_value {
    fvi_pickle_kind kind;
    int64_t number;
    const char *text; /* in the bytes of the pickle, without a NUL */
    size_t length;
    uint32_t first, last; /* cells of the items, 0: none */
} fvi_pickle_value;

/* One item of a container. */
typedef struct fvi_pickle_cell {
    uint32_t value, next;
} fvi_pickle_cell;

typedef struct fvi_pickle {
    fv_ctx *ctx;
    const unsigned char *bytes;
    size_t size, at;
    fvi_pickle_value *value; /* [0] is not used */
    fvi_pickle_cell *cell;   /* [0] is not used */
    uint32_t *stack, *memo;
    size_t values, value_room, cells, cell_room, depth, stack_room, memos,
        memo_room;
    bool stopped;
} fvi_pickle;

/*
 * Runs one pickle from the start of `bytes`, which must outlive `out`;
 * `out->at` is where it ended. FV_EFORMAT, FV_ENOTSUP (asks for something that
 * is not data), FV_ENOMEM.
 */
fv_status fvi_pickle_read(fv_ctx *ctx, const unsigned char *bytes, size_t size,
                          fvi_pickle *out);
void fvi_pickle_free(fvi_pickle *p);

/* What the pickle is. */
uint32_t fvi_pickle_top(const fvi_pickle *p);

/* The item number `i`, 0 when there is none. */
uint32_t fvi_pickle_item(const fvi_pickle *p, uint32_t container, size_t i);
bool fvi_pickle_is(const fvi_pickle *p, uint32_t value, fvi_pickle_kind kind);
/* Equal to the text `word`. */
bool fvi_pickle_says(const fvi_pickle *p, uint32_t value, const char *word);

/* ---- among pickle.c, pickle_value.c and pickle_torch.c ---- */

/* Room for item number `count` of a block of items of `size`. */
fv_status fvi_pickle_grow(fvi_pickle *p, void **block, size_t *room,
                          size_t count, size_t size);
/* A new value; 0 when memory ran out. */
uint32_t fvi_pickle_new(fvi_pickle *p, fvi_pickle_kind kind);
fv_status fvi_pickle_append(fvi_pickle *p, uint32_t container, uint32_t value);
fv_status fvi_pickle_damaged(fvi_pickle *p, const char *why);

/* "torch._utils" "_rebuild_tensor_v2" as a value. FV_ENOTSUP. */
fv_status fvi_pickle_global(fvi_pickle *p, const char *module,
                            size_t module_length, const char *name,
                            size_t name_length, uint32_t *out);
/* `global` of `arguments`: a container or a tensor. */
fv_status fvi_pickle_call(fvi_pickle *p, uint32_t global, uint32_t arguments,
                          uint32_t *out);
/* ("storage", type, key, place, number of elements) */
fv_status fvi_pickle_persistent(fvi_pickle *p, uint32_t id, uint32_t *out);

/* The type of the numbers in a storage, and how many bytes each has. */
fvi_st_type fvi_pickle_type(const fvi_pickle *p, uint32_t storage,
                            size_t *size);

#endif
