/* fovea score: predictions against the truth. */
#include "score.h"

#include <string.h>

static const fv_field options[] = {FV_END};

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)args;
    (void)count;
    const char *kind = operands[0];
    bool segment = strcmp(kind, "segment") == 0;
    if (!segment && strcmp(kind, "restore") != 0) {
        (void)fvi_fail(c->ctx, FV_EINVAL,
                       "score: '%s' is not one of segment, restore", kind);
        cli_fail(c);
        return EXIT_USAGE;
    }
    score_pairs pairs;
    if (score_pairs_find(c->ctx, kind, operands[1], operands[2], &pairs) !=
        FV_OK)
        return cli_fail(c);
    int code = segment ? score_segment(c, &pairs) : score_restore(c, &pairs);
    score_pairs_free(c->ctx, &pairs);
    return code;
}

const fv_cmd cmd_score = {
    .name = "score",
    .summary = "judge predictions against the truth",
    .operands = "segment|restore PREDICTIONS TRUTH",
    .example = "fovea score segment results truth --json",
    .details =
        "Two folders whose files belong together by name (NAME, NAME_labels, "
        "NAME_masks or NAME_restored), or two files. segment: objects matched "
        "one to one at IoU 0.50 to 0.95; true and false positives and false "
        "negatives are pooled over images, with the mean over images beside. "
        "restore: PSNR and SSIM of each image and their mean. A truth without "
        "a prediction counts as a failed input.",
    .options = options,
    .size = 1,
    .min_operands = 3,
    .max_operands = 3,
    .run = run,
};
