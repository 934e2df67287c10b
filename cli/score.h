#ifndef FVI_SCORE_VERB_H
#define FVI_SCORE_VERB_H

/* What the two kinds of scoring share: files that belong together. */

#include "cmd.h"
#include "tell.h"

typedef struct score_pair {
    char *stem, *truth, *pred; /* pred NULL: there is none */
} score_pair;

typedef struct score_pairs {
    score_pair *pair;
    size_t count;
} score_pairs;

/*
 * Every truth with its prediction, by stem: NAME, NAME_labels or NAME_masks
 * (`kind` "segment"), NAME or NAME_restored ("restore"). Two files make one
 * pair. FV_EINVAL when nothing belongs together.
 */
fv_status score_pairs_find(fv_ctx *ctx, const char *kind, const char *pred,
                           const char *truth, score_pairs *out);
void score_pairs_free(fv_ctx *ctx, score_pairs *p);

typedef struct score_args {
    const char *objects, *roc, *calibration;
    double iou, tolerance, range;
    int min_area;
} score_args;

/* A table of fovea classify against a table or folders named after classes. */
int score_classify(cli *c, const score_args *o, const char *pred,
                   const char *truth);
int score_segment(cli *c, const score_args *o, const score_pairs *p);
int score_restore(cli *c, const score_args *o, const score_pairs *p);

/* The table of objects of one image: rows of `text`, with a header first. */
void score_objects_head(fvi_text *text);
void score_objects_rows(fvi_text *text, const char *image,
                        const fv_object_scores *s);

#endif
