/* Autoencoders learn to give pictures back, from folders of any kind. */
#include "train_test.h"

enum { SIDE = 24, NUMBERS = 8 };

/* A bright disk of one of two sizes on a ground of any brightness. */
static void write_disk(const char *folder, const char *name, bool large,
                       uint64_t number)
{
    int64_t dim[2] = {SIDE, SIDE};
    fv_image *im;
    fvi_rng r = fvi_rng_new(12, number);
    assert_ok(fv_image_new(ctx, FV_U8, "YX", dim, &im));
    uint8_t *v = im->pixels.data;
    double radius = large ? 9 : 4, ground = fvi_rng_between(&r, 40, 80);
    for (int64_t i = 0; i < SIDE * SIDE; i++) {
        double away =
            hypot((double)(i / SIDE) - 11.5, (double)(i % SIDE) - 11.5);
        v[i] = (uint8_t)(ground + (away < radius ? 100 : 0) +
                         (double)fvi_rng_below(&r, 10));
    }
    write_image(folder, name, im);
    fv_image_free(ctx, im);
}

static void write_disks_of_two_sizes(const char *folder)
{
    for (int i = 0; i < 24; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.png", i);
        write_disk(folder, name, i % 2, (uint64_t)i);
    }
}

static fv_train_options embed_options(const place *p)
{
    fv_train_options o = quick_options(p);
    o.task = "embed";
    o.labels = NULL;
    o.config = "base=4,depth=2,bottleneck=8";
    o.crop = SIDE;
    o.batch = 8;
    o.steps = 100;
    o.epochs = 2;
    o.lr = 5e-3;
    o.normalize = "percentile";
    o.rotate = 0;
    o.elastic = 0;
    o.scale_min = o.scale_max = 1;
    return o;
}

static void embed_file(fv_embedder *e, const char *folder, float code[NUMBERS])
{
    char path[512];
    fv_image *im;
    fv_tensor plane;
    join(path, folder, "new.png");
    assert_ok(fv_image_read(ctx, path, NULL, &im));
    assert_ok(fv_image_plane(ctx, im, 0, -1, &plane, NULL));
    assert_ok(fv_embed(ctx, e, plane, 0, code));
    fv_plane_free(ctx, &plane);
    fv_image_free(ctx, im);
}

static double away(const float *a, const float *b)
{
    double sum = 0;
    for (int k = 0; k < NUMBERS; k++)
        sum += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
    return sqrt(sum);
}

static double last_score;

static void keep_score(void *user, const fv_train_progress *p)
{
    (void)user;
    if (p->end_of_epoch)
        last_score = p->val_score;
}

static void alike_pictures_are_close(void **state)
{
    (void)state;
    place p = place_new();
    write_disks_of_two_sizes(p.images);
    fv_train_options o = embed_options(&p);
    assert_ok(fv_train(ctx, &o, p.run, keep_score, NULL));
    if (!(last_score > 0.8 && last_score < 1))
        fail_msg("%g of the variance is explained", last_score);
    fv_model *m = model_in(p.run);
    assert_string_equal(m->task, "embed");
    assert_string_equal(m->arch->name, "autoencoder");
    assert_int_equal(m->side, SIDE);
    fv_embedder *e;
    float code[4][NUMBERS];
    assert_ok(fv_embedder_new(ctx, m, NULL, FV_FULL, &e));
    for (int i = 0; i < 4; i++) {
        write_disk(p.labels, "new.png", i % 2, (uint64_t)(100 + i));
        embed_file(e, p.labels, code[i]);
    }
    assert_true(away(code[0], code[2]) < away(code[0], code[1]));
    assert_true(away(code[1], code[3]) < away(code[1], code[2]));
    fv_embedder_free(e);
    fv_model_free(ctx, m);
    place_free(&p);
}

/* By class, which does not matter; and what an embedding cannot have. */
static void folders_and_options(void **state)
{
    (void)state;
    place p = place_new();
    char small[512];
    join(small, p.images, "disks");
    assert_ok(fvi_make_folder(ctx, small));
    fv_train_options o = embed_options(&p);
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "no image");
    write_disks_of_two_sizes(small);
    o.steps = 2;
    o.epochs = 1;
    o.normalize = NULL;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    o.arch = "unet";
    o.config = "base=4,depth=1";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "unet has no bottleneck");
    o.arch = NULL;
    o.loss = "dice";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "not for the task embed");
    empty_folder(small);
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alike_pictures_are_close),
        cmocka_unit_test(folders_and_options),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
