/* Restored images against clean ones. */
#include "inputs.h"
#include "picture.h"
#include "score.h"

typedef struct quality {
    double psnr, ssim;
} quality;

static fv_tensor channel_of(fv_tensor plane, int64_t channel)
{
    fv_tensor one = fv_slice(plane, 2, channel, channel + 1);
    one.ndim = 2;
    return one;
}

/* Channels are averaged. */
static fv_status compare(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                         quality *out)
{
    double channels = (double)truth.dim[2];
    *out = (quality){0};
    for (int64_t k = 0; k < truth.dim[2]; k++) {
        double psnr = 0, ssim = 0;
        fv_tensor a = channel_of(truth, k), b = channel_of(pred, k);
        FV_TRY(fv_psnr(ctx, a, b, 0, &psnr));
        FV_TRY(fv_ssim(ctx, a, b, 0, &ssim));
        out->psnr += psnr / channels;
        out->ssim += ssim / channels;
    }
    return FV_OK;
}

static fv_status compare_pair(cli *c, const score_pair *p, quality *out)
{
    picture truth, pred;
    if (!p->pred)
        return fvi_fail(c->ctx, FV_EINVAL, "%s has no prediction", p->truth);
    FV_TRY(picture_read(c, p->truth, 0, &truth));
    fv_status status = picture_read(c, p->pred, 0, &pred);
    if (status == FV_OK) {
        if (fv_same_shape(truth.plane, pred.plane))
            status = compare(c->ctx, truth.plane, pred.plane, out);
        else
            status = fvi_fail(c->ctx, FV_ESHAPE,
                              "%s and %s differ in size or channels", p->pred,
                              p->truth);
        picture_free(c, &pred);
    }
    picture_free(c, &truth);
    return status;
}

static void show_one(const char *stem, quality q, json_t *rows)
{
    if (rows)
        json_array_append_new(rows, json_pack("{s:s, s:o, s:o}", "name", stem,
                                              "psnr", json_number(q.psnr),
                                              "ssim", json_number(q.ssim)));
    else
        printf("%s\t%.4f\t%.5f\n", stem, q.psnr, q.ssim);
}

static int show_mean(cli *c, quality sum, size_t n, json_t *rows)
{
    double many = n ? (double)n : 1;
    if (rows)
        return tell_json(
            c, json_pack("{s:s, s:I, s:o, s:o, s:o}", "task", "restore", "n",
                         (json_int_t)n, "psnr", json_number(sum.psnr / many),
                         "ssim", json_number(sum.ssim / many), "images", rows));
    if (n)
        printf("mean of %zu\t%.4f\t%.5f\n", n, sum.psnr / many,
               sum.ssim / many);
    return EXIT_DONE;
}

int score_restore(cli *c, const score_args *o, const score_pairs *p)
{
    (void)o;
    json_t *rows = c->json ? json_array() : NULL;
    quality sum = {0};
    size_t failed = 0;
    if (!rows)
        printf("image\tpsnr_db\tssim\n");
    for (size_t i = 0; i < p->count; i++) {
        quality q = {0};
        if (compare_pair(c, &p->pair[i], &q) != FV_OK) {
            cli_fail(c);
            failed++;
            continue;
        }
        sum.psnr += q.psnr;
        sum.ssim += q.ssim;
        show_one(p->pair[i].stem, q, rows);
    }
    int told = show_mean(c, sum, p->count - failed, rows);
    return told == EXIT_DONE ? exit_code(failed, p->count) : told;
}
