/* fovea score: predictions against the truth. */
#include "score.h"

#include <string.h>

static const fv_field options[] = {
    FV_PATH(score_args, objects, NULL,
            "segment: file for a table with the fate of each object"),
    FV_REAL(score_args, iou, 0.5, 0.01, 1, "",
            "segment: overlap from which an object counts as matched in it"),
    FV_REAL(score_args, tolerance, 2, 0, 1000, "px",
            "segment: how far apart outlines may run for boundary F"),
    FV_INT(score_args, min_area, 0, 0, 1e9, "px",
           "segment: smaller objects, true or found, do not count"),
    FV_REAL(score_args, range, 0, 0, 1e12, "counts",
            "restore: span that PSNR and SSIM refer to; 0: that of the truth"),
    FV_PATH(score_args, roc, NULL,
            "classify: file for a table with the ROC curve of each class"),
    FV_PATH(score_args, calibration, NULL,
            "classify: file for a table of probabilities against right ones"),
    FV_END,
};

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)count;
    const char *kind = operands[0];
    bool segment = strcmp(kind, "segment") == 0;
    if (strcmp(kind, "classify") == 0)
        return score_classify(c, args, operands[1], operands[2]);
    if (!segment && strcmp(kind, "restore") != 0) {
        (void)fvi_fail(c->ctx, FV_EINVAL,
                       "score: '%s' is not one of segment, restore, classify",
                       kind);
        cli_fail(c);
        return EXIT_USAGE;
    }
    score_pairs pairs;
    if (score_pairs_find(c->ctx, kind, operands[1], operands[2], &pairs) !=
        FV_OK)
        return cli_fail(c);
    int code = segment ? score_segment(c, args, &pairs)
                       : score_restore(c, args, &pairs);
    score_pairs_free(c->ctx, &pairs);
    return code;
}

const fv_cmd cmd_score = {
    .name = "score",
    .summary = "judge predictions against the truth",
    .operands = "segment|restore|classify PREDICTIONS TRUTH",
    .example = "fovea score segment results truth --json",
    .details =
        "Two folders whose files belong together by name (NAME, NAME_labels, "
        "NAME_masks or NAME_restored), or two files. segment: objects matched "
        "one to one at IoU 0.50 to 0.95; true and false positives and false "
        "negatives are pooled over images, with the mean over images beside; "
        "then the mean of AP over these thresholds, the aggregated Jaccard "
        "index, boundary F, and how many objects were missed, split, merged "
        "or invented. classify: the table that fovea classify wrote against a "
        "table with the columns id and class, folders named after classes, or "
        "labels of MNIST. "
        "restore: PSNR, scale-invariant PSNR, SSIM, MS-SSIM (from "
        "161 px), NRMSE, MAE, Pearson's correlation, the period up to which "
        "rings of the spectrum agree (FRC at 1/7), and how far what is left is "
        "from white (autocorrelation at lags 1 to 4 px; 0 is white), of each "
        "image, their mean, and pooled over pixels where that has a meaning. "
        "What cannot be told of an image (- or null) has no part in a mean. A "
        "truth without a prediction counts as a failed input.",
    .options = options,
    .size = sizeof(score_args),
    .min_operands = 3,
    .max_operands = 3,
    .run = run,
};
