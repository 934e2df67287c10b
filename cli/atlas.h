#ifndef FVI_ATLAS_H
#define FVI_ATLAS_H

/* Pictures on a map: what is kept of each until all places are known. */

#include "cmd.h"

typedef struct atlas {
    fv_ctx *ctx;
    int numbers;  /* that describe a picture             */
    int64_t side; /* px of its small version; 0: none    */
    int64_t count;
    fvi_text codes, names, small; /* floats; text, each ended by NUL; RGB */
    fvi_text group;               /* of each picture: an int              */
    fvi_names groups;             /* the folders that pictures lie in     */
    double *xy;                   /* places, once atlas_place was called  */
    double share, chance;         /* neighbors that lie in one folder     */
} atlas;

/* Keeps what is drawn of `plane` f32 (H,W,C), and its `code`. `path` names the
 * file and the folder it lies in. FV_ENOMEM. */
fv_status atlas_add(atlas *a, const char *path, const char *name,
                    fv_tensor plane, const float *code);
/* Places of all. FV_EINVAL, FV_ENOMEM. */
fv_status atlas_place(atlas *a);
void atlas_free(atlas *a);

/* The number of the i-th picture's group. */
int atlas_group(const atlas *a, int64_t i);

/* "file,x,y" with a row for each picture. FV_EIO. */
fv_status atlas_write(const atlas *a, const char *path);

/* atlas_draw.c: a square of `size` px: a dot for each picture, and above them
 * small versions with their upper left corner there, but for those that would
 * cover another. `*shown` is their number. Colors are by group when there are
 * several. FV_EIO. */
fv_status atlas_draw(const atlas *a, int64_t size, const char *path,
                     int64_t *shown);
/* What the color of a group is called. */
const char *atlas_color(int group);

#endif
