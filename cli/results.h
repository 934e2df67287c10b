#ifndef FVI_RESULTS_H
#define FVI_RESULTS_H

/* The files a verb writes for each image: which, where, all or none. */

#include "inputs.h"
#include "tell.h"

/* One kind of result: what --save calls it, and the ending of its file. */
typedef struct result_kind {
    const char *name, *ending;
} result_kind;

typedef struct results {
    cli *c;
    const char *folder; /* -o */
    const result_kind *kind;
    int kinds;
    unsigned chosen; /* bits by index of `kind` */
} results;

/* Sets `chosen` from "labels,csv". FV_EINVAL lists what there is. */
fv_status results_choose(results *r, const char *list);

/* folder/stem + ending (fvi_free); NULL when out of memory. */
char *results_path(const results *r, const char *stem, int kind);

/* FV_EINVAL when an earlier input has the same stem, FV_EIO when a file is
 * there already (unless --force). */
fv_status results_refuse(const results *r, const inputs *in, size_t index,
                         const char *stem);

/* Writes every chosen kind with `save`, or leaves none behind. */
typedef fv_status (*save_fn)(void *job, int kind, const char *path);
fv_status results_save(const results *r, const char *stem, save_fn save,
                       void *job);

/* Adds `row` (taken over; NULL is out of memory) to `rows`, with the files of
 * the stem as "outputs". FV_ENOMEM. */
fv_status results_tell(const results *r, const char *stem, json_t *row,
                       json_t *rows);

/* Calls `work` with the stem of each input, tells each failure on stderr and,
 * as the operands that name nothing, into `failed` (NULL without --json).
 * Returns the exit code. */
typedef fv_status (*input_fn)(void *job, size_t index, const char *stem);
int inputs_each(cli *c, const inputs *in, json_t *failed, input_fn work,
                void *job);

#endif
