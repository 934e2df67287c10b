#ifndef FVI_FACTS_H
#define FVI_FACTS_H

/* Which picture shows which class. */

#include "cmd.h"

/* What is known of one picture: "cell1.png" or "RBC/cell1.png". */
typedef struct fact {
    char *name, *label;
} fact;

typedef struct facts {
    fact *item; /* by stem */
    size_t count, room;
} facts;

/* "a/t10k-images-idx3-ubyte.gz" and 7 -> "t10k-00007". */
void idx_name(const char *path, int64_t entry, char name[64]);

/* From a table with the columns id (or file) and class, a folder with a folder
 * for each class, or a label file of MNIST. FV_EINVAL when there are none. Free
 * with facts_free, also after a failure. */
fv_status facts_read(fv_ctx *ctx, const char *path, facts *out);
void facts_free(fv_ctx *ctx, facts *f);

/* The fact about the picture `path`: the only one of its stem, or the one whose
 * folder is also that of the path. NULL: none, or which one is not clear. */
const fact *facts_find(const facts *f, const char *path);

#endif
