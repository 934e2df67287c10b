/* Memory that is refused: every call of src/task is repeated with its first,
 * second, third ... allocation failing. It says so, keeps nothing, leaves no
 * file, and works when there is memory again. */
#include "fovea/degrade.h"
#include "fovea/filter.h"
#include "fovea/flows.h"
#include "task/fft.h"
#include "task_test.h"

#include "fovea/stars.h"

static int64_t until_refusal; /* allocations granted; below 0: all */

static void *grant(void *user, size_t size)
{
    (void)user;
    if (until_refusal == 0)
        return NULL;
    until_refusal--;
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void release(void *user, void *block)
{
    (void)user;
    free(block);
}

static int make(void **state)
{
    static const fv_allocator allocator = {grant, release, NULL};
    (void)state;
    until_refusal = -1;
    gold = golden_read("task.txt");
    return fv_ctx_new(&allocator, &ctx) != FV_OK;
}

enum { SIDE = 24 };
static fv_tensor labels, other, maps, mask, image, plane, thin, spot, rays,
    wide;
static char path[600];

static void fill(void)
{
    uint32_t *v = labels.data;
    for (int i = 0; i < SIDE * SIDE; i++) {
        int y = i / SIDE, x = i % SIDE;
        bool hole = y % 8 == 3 && x % 8 == 3;
        v[i] = y % 8 < 6 && x % 8 < 6 && !hole
                   ? (uint32_t)(y / 8 * 70000 + x / 8 + 1)
                   : 0;
        ((uint8_t *)mask.data)[i] = v[i] != 0;
        ((float *)plane.data)[i] = (float)x;
        ((float *)image.data)[i] = (float)(x + y * y % 7);
        for (int c = 0; c < 3; c++)
            ((float *)maps.data)[3 * i + c] = (v[i] != 0) == (c > 0) ? 4 : -4;
    }
}

static fv_status decode_by(fv_target t)
{
    int64_t n;
    fv_decode_options o = fv_decode_default();
    return fv_decode(ctx, t, fv_slice(maps, 2, 0, fv_target_maps(t)), o, other,
                     &n);
}

static fv_status cell(void)
{
    return decode_by(FV_TARGET_CELL);
}

static fv_status boundary(void)
{
    return decode_by(FV_TARGET_BOUNDARY);
}

static fv_status distance(void)
{
    return decode_by(FV_TARGET_DISTANCE);
}

static fv_status truth(void)
{
    return fv_target_fill(ctx, FV_TARGET_BOUNDARY, thin, plane);
}

static fv_status star_truth(void)
{
    return fv_target_fill(ctx, FV_TARGET_STARS, labels, rays);
}

static fv_status stars(void)
{
    fv_stars s;
    FV_TRY(fv_target_fill(ctx, FV_TARGET_STARS, labels, rays));
    FV_TRY(fv_star_decode(ctx, rays, fv_star_default(), other, &s));
    fv_stars_free(ctx, &s);
    return FV_OK;
}

static fv_status flows(void)
{
    return decode_by(FV_TARGET_FLOWS);
}

static fv_status flow_truth(void)
{
    return fv_target_fill(ctx, FV_TARGET_FLOWS, labels, maps);
}

/* What only the profiles of the field need. */
static fv_status flows_as_the_field(void)
{
    int64_t n;
    fv_flow_decode_options o;
    FV_TRY(fv_flow_decode_profile(ctx, "v4", &o));
    o.max_share = 1;
    o.max_error = 100;
    FV_TRY(fv_target_fill(ctx, FV_TARGET_FLOWS, labels, maps));
    return fv_flow_decode(ctx, maps, o, other, &n);
}

static fv_status shape_truth(void)
{
    return fv_target_fill(ctx, FV_TARGET_SHAPE, labels, wide);
}

static fv_status components(void)
{
    int64_t n;
    return fv_connected_components(ctx, mask, 8, other, &n);
}

static fv_status watershed(void)
{
    return fv_watershed(ctx, image, mask, labels);
}

static fv_status clean(void)
{
    int64_t n;
    FV_TRY(fv_drop_small(ctx, labels, 2));
    return fv_clean_labels(ctx, labels, 3, 1, &n);
}

static fv_status match(void)
{
    double iou = 0.3;
    fv_match m;
    return fv_match_labels(ctx, labels, fv_slice(labels, 0, 0, SIDE), 1, &iou,
                           &m);
}

static fv_status judge_objects(void)
{
    fv_aji a;
    fv_boundary b;
    fv_object_scores s;
    fv_tensor again = fv_slice(labels, 0, 0, SIDE);
    FV_TRY(fv_aji_labels(ctx, labels, again, &a));
    FV_TRY(fv_boundary_labels(ctx, labels, again, 2, &b));
    FV_TRY(fv_score_objects(ctx, labels, again, 0.5, &s));
    fv_object_scores_free(ctx, &s);
    return FV_OK;
}

static fv_status quality(void)
{
    double v;
    fv_rings rings;
    fv_whiteness white;
    FV_TRY(fv_psnr(ctx, image, image, 1, &v));
    FV_TRY(fv_ssim(ctx, image, image, 1, &v));
    FV_TRY(fv_residual_whiteness(ctx, image, 3, &white));
    if (!fvi_fft_built())
        return FV_OK;
    FV_TRY(fv_ring_correlation(ctx, image, image, &rings));
    fv_rings_free(ctx, &rings);
    FV_TRY(fv_ring_correlation_single(ctx, image, &rings));
    fv_rings_free(ctx, &rings);
    return FV_OK;
}

static fv_status filter(void)
{
    fv_nlm o = fv_nlm_default();
    double sigma[3] = {1, 1, 1};
    o.sigma = 1;
    o.search = 1;
    FV_TRY(fv_filter_gaussian(ctx, image, sigma, image));
    FV_TRY(fv_filter_median(ctx, image, 1, image));
    FV_TRY(fv_filter_nlm(ctx, image, o, image));
    FV_TRY(fv_filter_bm3d(ctx, image, 1, image));
    if (!fvi_fft_built())
        return FV_OK;
    FV_TRY(fv_filter_wiener(ctx, image, spot, 1, image));
    return fv_filter_richardson_lucy(ctx, image, spot, 1, 0.01, image);
}

static fv_status picture(void)
{
    fv_noise n;
    fv_optics o = fv_optics_default();
    fv_camera c = fv_camera_default();
    FV_TRY(fv_psf_gibson_lanni(ctx, &o, spot));
    c.psf = fvi_fft_built() ? spot : c.psf;
    FV_TRY(fv_take_picture(ctx, image, &c, image, image));
    return fv_noise_estimate(ctx, image, 0, &n);
}

static fv_status measure(void)
{
    fv_objects o = {0};
    FV_TRY(fv_measure(ctx, labels, plane, &o));
    fv_status status = fv_objects_write_csv(ctx, path, &o, NULL);
    fv_objects_free(ctx, &o);
    return status;
}

static fv_status rois(void)
{
    return fv_rois_write(ctx, path, labels);
}

static fv_status geojson(void)
{
    return fv_geojson_write(ctx, path, labels);
}

static fv_status overlay(void)
{
    return fv_overlay_write(ctx, path, plane, labels);
}

static fv_status (*const calls[])(void) = {
    cell,
    boundary,
    distance,
    truth,
    components,
    watershed,
    clean,
    match,
    quality,
    measure,
    rois,
    geojson,
    overlay,
    star_truth,
    stars,
    judge_objects,
    flows,
    flow_truth,
    flows_as_the_field,
    shape_truth,
    filter,
    picture,
};

static void repeat(fv_status (*call)(void))
{
    size_t before, after, peak;
    for (int64_t n = 0; n < 10000; n++) {
        fill();
        unlink(path);
        fv_memory(ctx, &before, &peak);
        until_refusal = n;
        fv_status status = call();
        bool refused = until_refusal == 0;
        until_refusal = -1;
        fv_memory(ctx, &after, &peak);
        assert_int_equal(before, after);
        if (status == FV_OK && !refused)
            return;
        if (status != FV_OK) {
            assert_int_equal(status, FV_ENOMEM);
            assert_false(fvi_is_file(path));
        }
    }
    fail_msg("more than 10000 allocations");
}

static void refused_memory_is_told_and_survived(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/fovea_memory_test_%d.png", (int)getpid());
    labels = new_labels(SIDE, SIDE);
    other = new_labels(SIDE, SIDE);
    maps = new_tensor(FV_F32, 3, SIDE, SIDE, 3);
    mask = new_tensor(FV_U8, 2, SIDE, SIDE, 1);
    image = new_tensor(FV_F32, 2, SIDE, SIDE, 1);
    plane = new_tensor(FV_F32, 3, SIDE, SIDE, 1);
    thin = new_labels(SIDE, SIDE);
    spot = new_tensor(FV_F32, 2, 3, 3, 1);
    ((float *)spot.data)[4] = 1;
    rays = new_tensor(FV_F32, 3, SIDE, SIDE, 33);
    wide = new_tensor(FV_F32, 3, SIDE, SIDE, 8);
    ((uint32_t *)thin.data)[30] = 5; /* one pixel: keeps its middle */
    for (size_t k = 0; k < sizeof calls / sizeof *calls; k++)
        repeat(calls[k]);
    unlink(path);
    fv_tensor all[] = {labels, other, maps, mask, image,
                       plane,  thin,  spot, rays, wide};
    for (int k = 0; k < 10; k++)
        free(all[k].data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_memory_is_told_and_survived),
    };
    return cmocka_run_group_tests(tests, make, teardown);
}
