#ifndef FV_TRAIN_TEST_H
#define FV_TRAIN_TEST_H

/* What the tests of src/train share: a context, and fields of bright disks. */

#include "base/base.h"
#include "context.h"
#include "fovea/image.h"
#include "fovea/train.h"

static inline int setup(void **state)
{
    if (open_context(state) != 0)
        return 1;
    fv_set_threads(ctx, 2);
    return 0;
}

/* The status, and a word the sentence must hold. */
#define assert_fails(call, status, word)                           \
    do {                                                           \
        fv_status status_ = (call);                                \
        if (status_ != (status) || !strstr(fv_message(ctx), word)) \
            fail_msg("%s: %s: %s", #call, fv_status_name(status_), \
                     fv_message(ctx));                             \
    } while (0)

static inline fv_tensor plane_of(int64_t h, int64_t w, int64_t c)
{
    int64_t dim[3] = {h, w, c};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    t.data = calloc((size_t)fv_count(t), sizeof(float));
    return t;
}

static inline fv_tensor labels_of(int64_t h, int64_t w)
{
    int64_t dim[2] = {h, w};
    fv_tensor t = fv_dense(NULL, FV_U32, 2, dim);
    t.data = calloc((size_t)fv_count(t), sizeof(uint32_t));
    return t;
}

/* Disks of radius 6 to 8 on a jittered lattice of 22 px, with noise. */
static inline void draw_disks(uint64_t number, fv_image *im, fv_tensor labels)
{
    fvi_rng r = fvi_rng_new(5, number);
    int64_t h = labels.dim[0], w = labels.dim[1];
    uint32_t *label = labels.data, next = 1;
    uint8_t *pixel = im->pixels.data;
    for (int64_t i = 0; i < h * w; i++)
        pixel[i] = (uint8_t)(40 + fvi_rng_below(&r, 30));
    for (int64_t cy = 11; cy < h; cy += 22)
        for (int64_t cx = 11; cx < w; cx += 22, next++) {
            double y0 = (double)cy + fvi_rng_between(&r, -3, 3);
            double x0 = (double)cx + fvi_rng_between(&r, -3, 3);
            double radius = fvi_rng_between(&r, 6, 8);
            for (int64_t i = 0; i < h * w; i++)
                if (hypot((double)(i / w) - y0, (double)(i % w) - x0) <
                    radius) {
                    label[i] = next;
                    pixel[i] = (uint8_t)(130 + fvi_rng_below(&r, 60));
                }
        }
}

static inline void join(char out[512], const char *folder, const char *name)
{
    assert_in_range(snprintf(out, 512, "%s/%s", folder, name), 1, 511);
}

static inline void write_image(const char *folder, const char *name,
                               const fv_image *im)
{
    char path[512];
    join(path, folder, name);
    assert_ok(fv_image_write(ctx, path, im));
}

static inline void write_labels(const char *folder, const char *name,
                                fv_tensor labels)
{
    char path[512];
    join(path, folder, name);
    assert_ok(fv_labels_write(ctx, path, labels, NULL));
}

/* Files disk0.png.. in `images` and `labels`. */
static inline void write_disks(const char *images, const char *labels,
                               int count, int64_t side)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        int64_t dim[2] = {side, side};
        fv_image *im;
        fv_tensor truth = labels_of(side, side);
        assert_ok(fv_image_new(ctx, FV_U8, "YX", dim, &im));
        draw_disks((uint64_t)i, im, truth);
        snprintf(name, sizeof name, "disk%d.png", i);
        write_image(images, name, im);
        write_labels(labels, name, truth);
        fv_image_free(ctx, im);
        free(truth.data);
    }
}

/* A fresh folder with `images` and `labels` in it. */
typedef struct place {
    char root[256], images[300], labels[300], run[300];
} place;

static inline place place_new(void)
{
    place p;
    snprintf(p.root, sizeof p.root, "%s/fovea-train-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(p.root));
    snprintf(p.images, sizeof p.images, "%s/images", p.root);
    snprintf(p.labels, sizeof p.labels, "%s/labels", p.root);
    snprintf(p.run, sizeof p.run, "%s/run", p.root);
    assert_ok(fvi_make_folder(ctx, p.images));
    assert_ok(fvi_make_folder(ctx, p.labels));
    return p;
}

static inline void empty_folder(const char *folder)
{
    fvi_names names;
    if (!fvi_is_folder(folder))
        return;
    assert_ok(fvi_list_folder(ctx, folder, &names));
    for (size_t i = 0; i < names.count; i++) {
        char path[512];
        join(path, folder, names.name[i]);
        unlink(path);
    }
    fvi_names_free(ctx, &names);
    rmdir(folder);
}

static inline void place_free(place *p)
{
    empty_folder(p->images);
    empty_folder(p->labels);
    empty_folder(p->run);
    empty_folder(p->root);
}

static inline fv_train_options quick_options(const place *p)
{
    fv_train_options o;
    fv_fields_default(fv_train_fields, &o);
    o.images = p->images;
    o.labels = p->labels;
    o.config = "base=4,depth=2";
    o.batch = 2;
    o.crop = 32;
    o.steps = 4;
    o.epochs = 6;
    o.warmup = 2;
    o.threads = 1;
    o.size = 0;
    return o;
}

/* The model of a run. */
static inline fv_model *model_in(const char *run)
{
    char path[512];
    fv_model *m;
    join(path, run, "model.fovea");
    assert_ok(fv_model_read(ctx, path, &m));
    return m;
}

#endif
