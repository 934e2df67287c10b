#ifndef FVI_FOREIGN_H
#define FVI_FOREIGN_H

/* Named tensors in the files of other programs, whatever the container. */

#include "model/pickle.h"

typedef struct fvi_foreign_tensor {
    char *name; /* "model.0.weight"; of dicts in dicts joined by dots */
    fvi_st_type type;
    int ndim;
    int64_t dim[FV_MAX_DIM], stride[FV_MAX_DIM]; /* strides in numbers */
    int64_t offset, count; /* in its storage; numbers of the storage */
    size_t size;           /* bytes of a number */
    const char *key;       /* of the storage, not ended by NUL */
    size_t key_length;
} fvi_foreign_tensor;

/* Where a storage lies in a file without a table of contents. */
typedef struct fvi_foreign_place {
    const char *key;
    size_t key_length;
    const unsigned char *data;
    int64_t count;
} fvi_foreign_place;

typedef struct fvi_foreign {
    fv_ctx *ctx;
    fvi_foreign_tensor *tensor;
    size_t count, room;
    /* safetensors */
    fvi_st st;
    /* PyTorch: a zip archive, or pickles followed by storages */
    unsigned char *bytes, *words, *entry; /* file, data.pkl, a storage */
    void *zip;                            /* zip_t */
    fvi_text root; /* "archive/", what entries begin with */
    fvi_pickle pickle, keys;
    fvi_foreign_place *place; /* by key */
    size_t places;
} fvi_foreign;

/*
 * Opens safetensors and PyTorch files (state dicts, also within other dicts;
 * zip archives and the files before 2020) by content. The strides, offset and
 * extents of each tensor lie within its storage. FV_EIO, FV_EFORMAT,
 * FV_ENOTSUP (what is neither number nor container), FV_ENOMEM; the sentence
 * starts with `path`.
 */
fv_status fvi_foreign_open(fv_ctx *ctx, const char *path, fvi_foreign *out);
void fvi_foreign_close(fvi_foreign *f);

/* The same of bytes at hand, which it takes over, as PyTorch files.
 * fvi_foreign_close also after a failure. */
fv_status fvi_torch_open(fvi_foreign *f, unsigned char *bytes, size_t size);

/* The numbers, rows last without gaps, into `out`. FV_ENOTSUP: no floating
 * point; FV_EFORMAT: the storage is missing or has another length. */
fv_status fvi_foreign_numbers(fvi_foreign *f, const fvi_foreign_tensor *t,
                              float *out);
fv_status fvi_torch_storage(fvi_foreign *f, const fvi_foreign_tensor *t,
                            const unsigned char **out);

/* A new tensor at the end of the list; NULL when memory ran out. Takes over
 * `name`. */
fvi_foreign_tensor *fvi_foreign_add(fvi_foreign *f, char *name);

#endif
