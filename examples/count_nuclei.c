/* How many nuclei are in a picture?
 *   count_nuclei IMAGE [MODEL] */
#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>

static fv_ctx *ctx;

static void need(fv_status status)
{
    if (status == FV_OK)
        return;
    fprintf(stderr, "count_nuclei: %s\n", fv_message(ctx));
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: count_nuclei IMAGE [MODEL]\n");
        return 2;
    }
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        return 1;

    /* the picture, as recorded, and the plane of it to work on */
    fv_image *im;
    fv_tensor plane;
    need(fv_image_read(ctx, argv[1], NULL, &im));
    need(fv_image_plane(ctx, im, 0, -1, &plane, NULL));

    /* a model of ours by name, or anybody's by path */
    char *path;
    fv_model *model;
    fv_predictor *predictor;
    need(fv_model_locate(ctx, NULL, argc > 2 ? argv[2] : "nuclei", &path));
    need(fv_model_read(ctx, path, &model));
    need(fv_predictor_new(ctx, model, (fv_predict_options){0}, &predictor));

    fv_tensor labels;
    int64_t count;
    need(fv_segment(ctx, predictor, plane, im->rgb, &labels, &count));
    printf("%s: %lld nuclei\n", argv[1], (long long)count);

    fv_plane_free(ctx, &labels);
    fv_predictor_free(predictor);
    fv_model_free(ctx, model);
    fv_text_free(ctx, path);
    fv_plane_free(ctx, &plane);
    fv_image_free(ctx, im);
    fv_ctx_free(ctx);
    return 0;
}
