#ifndef FVI_BASE_H
#define FVI_BASE_H

/* What every floor stands on: failing with a sentence, memory, text, files,
 * random numbers. */

#include "fovea/status.h"

#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- failing ---- */

/* Keeps the sentence in `ctx` and returns `status`. */
fv_status fvi_fail(fv_ctx *ctx, fv_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the current sentence; returns `status`. */
fv_status fvi_fail_in(fv_ctx *ctx, fv_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define FV_TRY(call)                \
    do {                            \
        fv_status status_ = (call); \
        if (status_ != FV_OK)       \
            return status_;         \
    } while (0)

bool fvi_canceled(const fv_ctx *ctx);

/* Threads of what follows, at most; fv_threads stays what the user said. */
void fvi_use_threads(int threads);

/* ---- memory (counted, 64-byte aligned, 64 readable bytes of slack) ---- */

/* NULL when refused: the sentence is set, return FV_ENOMEM. */
void *fvi_alloc(fv_ctx *ctx, size_t size);                /* uninitialised */
void *fvi_calloc(fv_ctx *ctx, size_t count, size_t size); /* zeroed, checked */
/* Grows or shrinks, keeping the contents; on failure `block` is unchanged. */
void *fvi_realloc(fv_ctx *ctx, void *block, size_t size);
char *fvi_strdup(fv_ctx *ctx, const char *text);
void fvi_free(fv_ctx *ctx, void *block); /* NULL is fine */
/* FV_ENOMEM when `bytes` more would pass the memory limit; the sentence says
 * what needs them. Allocates nothing: for a look at a sum of blocks ahead. */
fv_status fvi_room(fv_ctx *ctx, double bytes, const char *what);

/* ---- text ---- */

/* A string that grows. Failure sticks: adding to a failed text does nothing,
 * fvi_text_check reports it. Start from {.ctx = ctx}. */
typedef struct fvi_text {
    fv_ctx *ctx;
    char *data; /* NUL-terminated; NULL while empty; fvi_text_free */
    size_t size, room;
    bool failed;
} fvi_text;

void fvi_text_add(fvi_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void fvi_text_bytes(fvi_text *t, const void *bytes, size_t size);
fv_status fvi_text_check(const fvi_text *t);
void fvi_text_free(fvi_text *t);

/* The distance of Damerau and Levenshtein, for "did you mean". */
int fvi_text_distance(const char *a, const char *b);

/* -1, 0, 1: "img2" before "img10". */
int fvi_natural_order(const char *a, const char *b);
/* For qsort of text; equals are told apart by their bytes. */
int fvi_by_natural_order(const void *a, const void *b);

/* Numbers in files have decimal points, whatever the locale of the program:
 * every reading and writing lies between these two. */
typedef struct fvi_plain_numbers {
    locale_t own, before;
} fvi_plain_numbers;
fvi_plain_numbers fvi_plain_begin(void);
void fvi_plain_end(fvi_plain_numbers p);

/* ---- files ---- */

/* Reads a whole file of at most `max` bytes; a NUL byte follows the contents.
 * FV_EIO (with the path and the reason), FV_ENOMEM, FV_EFORMAT (too big). */
fv_status fvi_file_read(fv_ctx *ctx, const char *path, size_t max,
                        unsigned char **bytes, size_t *size);

/*
 * Writing that is all or nothing: bytes go to a temporary file in the same
 * folder, which takes the name only in fvi_file_commit, after fsync.
 *   fvi_file_create -> write through `path_tmp` or fvi_file_add -> commit
 * fvi_file_discard removes what was begun. FV_EIO, also when a folder, a device
 * or a pipe has the name.
 */
typedef struct fvi_file {
    fv_ctx *ctx;
    char *path, *path_tmp;
    void *stream; /* FILE *, or NULL when a library writes path_tmp itself */
} fvi_file;

fv_status fvi_file_create(fv_ctx *ctx, const char *path, bool open,
                          fvi_file *out);
fv_status fvi_file_add(fvi_file *f, const void *bytes, size_t size);
fv_status fvi_file_commit(fvi_file *f); /* frees; discards on failure */
void fvi_file_discard(fvi_file *f);     /* frees */

/* All of the above for bytes at hand. */
fv_status fvi_file_write(fv_ctx *ctx, const char *path, const void *bytes,
                         size_t size);

bool fvi_is_folder(const char *path);
bool fvi_is_file(const char *path);
/* Like mkdir -p. FV_EIO. */
fv_status fvi_make_folder(fv_ctx *ctx, const char *path);
/* Names (not paths) of the files in a folder in natural order, without hidden
 * ones. The list and each name are fvi_alloc'ed; free with fvi_names_free. */
typedef struct fvi_names {
    char **name;
    size_t count;
} fvi_names;
fv_status fvi_list_folder(fv_ctx *ctx, const char *path, fvi_names *out);
/* The same of the folders in a folder. */
fv_status fvi_list_subfolders(fv_ctx *ctx, const char *path, fvi_names *out);
void fvi_names_free(fv_ctx *ctx, fvi_names *names);
/* "folder/name", fvi_alloc'ed; NULL when out of memory. */
char *fvi_path_join(fv_ctx *ctx, const char *folder, const char *name);
/* "a/b/img.ome.tif" -> "img": file name without folder and known endings. */
char *fvi_path_stem(fv_ctx *ctx, const char *path);
/* The same of a name without folder, as a number of its first characters. */
size_t fvi_stem_length(const char *name);
/* True for the endings of images: .tif .tiff .png .jpg .jpeg .npy. */
bool fvi_is_image_name(const char *name);

/* ---- random numbers ---- */

/*
 * Counter-based: value = f(seed, stream, index), so the order of work does not
 * matter. Philox 4x32-10. Source: Salmon et al. 2011, "Parallel random
 * numbers: as easy as 1, 2, 3".
 */
void fvi_philox(uint64_t seed, uint64_t stream, uint64_t index,
                uint32_t out[4]);

/* A cursor over one stream. Copy it to replay. */
typedef struct fvi_rng {
    uint64_t seed, stream, index;
    uint32_t word[4];
    int left; /* unused words; start from 0 */
} fvi_rng;

fvi_rng fvi_rng_new(uint64_t seed, uint64_t stream);
uint32_t fvi_rng_u32(fvi_rng *r);
double fvi_rng_uniform(fvi_rng *r);                       /* [0, 1)       */
double fvi_rng_between(fvi_rng *r, double lo, double hi); /* [lo, hi)   */
int64_t fvi_rng_below(fvi_rng *r, int64_t n);             /* 0..n-1       */
double fvi_rng_normal(fvi_rng *r);                        /* mean 0, sd 1 */
int64_t fvi_rng_poisson(fvi_rng *r, double mean);         /* mean >= 0    */

/* A stable 64-bit hash of text (FNV-1a), for streams named by text. */
uint64_t fvi_hash_text(const char *text);

/* The k-th of n numbers, 0 the smallest; reorders them. None is NaN.
 * Source: Hoare 1961, algorithm 65. */
float fvi_kth(float *v, int64_t n, int64_t k);

/* SHA-256 as 64 hexadecimal digits and NUL. */
void fvi_sha256(const void *bytes, size_t size, char hex[65]);
/* Of a file. FV_EIO. */
fv_status fvi_file_sha256(fv_ctx *ctx, const char *path, char hex[65]);

/* The same in parts. */
typedef struct fvi_sha {
    uint32_t h[8];
    uint64_t size;
    unsigned char part[64];
} fvi_sha;
void fvi_sha_begin(fvi_sha *s);
void fvi_sha_add(fvi_sha *s, const void *bytes, size_t size);
void fvi_sha_end(fvi_sha *s, char hex[65]);

#endif
