#ifndef FVI_INPUTS_H
#define FVI_INPUTS_H

/* Image files named on the command line: files, folders, patterns. */

#include "cmd.h"

/* An operand that names nothing, and the sentence about it. */
typedef struct lost_input {
    char *operand, *why;
} lost_input;

typedef struct inputs {
    char **path;
    size_t count, room;
    lost_input *lost; /* each was told on stderr */
    size_t failed;    /* of these */
    size_t *first;    /* of each, the first input with the same stem */
} inputs;

/*
 * Folders give the images in them in natural order, without what fovea itself
 * writes (_labels, _overlay, _maps, _restored, _residual, _uncertainty) and
 * _masks; patterns ("*.tif", quoted) what they match. A file named twice is
 * taken once. FV_ENOMEM. Free with inputs_free.
 */
fv_status inputs_expand(cli *c, int count, char **operands, inputs *out);
void inputs_free(cli *c, inputs *in);

/* FV_EINVAL when an input before `index` has its stem: both would write
 * the same files. */
fv_status refuse_same_stem(const cli *c, const inputs *in, size_t index);

/* 0, 1 or 3: `failed` of `total` inputs did. */
int exit_code(size_t failed, size_t total);

#endif
