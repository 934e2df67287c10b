/* Targets and decoders: against scikit-image, there and back, on maps made to
 * break them, and with any number of threads. */
#include "task_test.h"

#include <time.h>

/* Of work, not of waiting: other programs may be busy, too. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void decoders_match_skimage(void **state)
{
    (void)state;
    static const struct {
        const char *scope;
        fv_target target;
        fv_decode_options o;
    } rows[] = {
        {"cell", FV_TARGET_CELL, {0.65, 0, 10, 1}},
        {"boundary", FV_TARGET_BOUNDARY, {0.5, 0.2, 8, 1}},
        {"split", FV_TARGET_DISTANCE, {0.3, 0.4, 5, 1}},
    };
    for (int k = 0; k < 3; k++) {
        int64_t n = 0;
        fv_tensor maps = golden_as(rows[k].scope, "maps", FV_F32);
        fv_tensor l = new_labels(maps.dim[0], maps.dim[1]);
        assert_ok(fv_decode(ctx, rows[k].target, maps, rows[k].o, l, &n));
        assert_true(n > 5);
        assert_golden_labels(l, rows[k].scope, "labels");
        free(maps.data);
    }
}

static void targets_are_found_by_name(void **state)
{
    (void)state;
    fv_target t;
    for (int k = 0; k < FV_TARGET_COUNT; k++) {
        assert_ok(fv_target_find(ctx, fv_target_name((fv_target)k), &t));
        assert_int_equal(t, k);
    }
    assert_int_equal(fv_target_find(ctx, "polygons", &t), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "'polygons'"));
    assert_int_equal(fv_target_maps(FV_TARGET_BOUNDARY), 3);
    assert_int_equal(fv_target_truth_channels(FV_TARGET_BOUNDARY), 1);
}

/* Truth of the golden labels: outline as skimage's inner boundaries, distance
 * as scipy's. The horizontal line one pixel high keeps its middle. */
static void targets_match_skimage(void **state)
{
    (void)state;
    fv_tensor l = golden_as("distance", "labels", FV_U32);
    fv_tensor inner = golden_as("distance", "inner", FV_U8);
    fv_tensor far = golden_as("distance", "open", FV_F32);
    int64_t h = l.dim[0], w = l.dim[1];
    fv_tensor one = new_tensor(FV_F32, 3, h, w, 1);
    fv_tensor two = new_tensor(FV_F32, 3, h, w, 2);
    const float *a = one.data, *b = two.data;
    const uint32_t *v = l.data;
    assert_ok(fv_target_fill(ctx, FV_TARGET_CELL, l, one));
    assert_ok(fv_target_fill(ctx, FV_TARGET_DISTANCE, l, two));
    for (int64_t i = 0; i < h * w; i++) {
        assert_int_equal(a[i], v[i] != 0);
        assert_int_equal(b[2 * i], v[i] != 0);
        assert_near(b[2 * i + 1], ((float *)far.data)[i] / 10, 1e-6);
    }
    assert_ok(fv_target_fill(ctx, FV_TARGET_BOUNDARY, l, one));
    for (int64_t i = 0; i < h * w; i++) {
        bool line = i / w == 20; /* label 9 */
        int want = ((uint8_t *)inner.data)[i] ? 2 : v[i] != 0;
        if (!line && v[i] != 7)
            assert_int_equal(a[i], want);
        if (line)
            assert_int_equal(a[i], 1);
    }
    assert_int_equal(fv_target_fill(ctx, FV_TARGET_DISTANCE, l, one),
                     FV_ESHAPE);
    free(l.data);
    free(inner.data);
    free(far.data);
    free(one.data);
    free(two.data);
}

/* Disks, some of which touch. */
static fv_tensor disks(int64_t side, int n, double radius)
{
    fv_tensor l = new_labels(side, side);
    uint32_t *v = l.data;
    int64_t r = (int64_t)radius + 1;
    for (int k = 1; k <= n; k++) {
        int64_t cy = draw(side), cx = draw(side);
        for (int64_t y = cy - r; y <= cy + r; y++)
            for (int64_t x = cx - r; x <= cx + r; x++) {
                double d = hypot((double)(y - cy), (double)(x - cx));
                bool in = y >= 0 && x >= 0 && y < side && x < side;
                if (in && d < radius)
                    v[y * side + x] = (uint32_t)k;
            }
    }
    return l;
}

/* What a perfect network would answer for these labels. */
static fv_tensor perfect_maps(fv_target t, fv_tensor l)
{
    int k = fv_target_maps(t), c = fv_target_truth_channels(t);
    fv_tensor truth = new_tensor(FV_F32, 3, l.dim[0], l.dim[1], c);
    fv_tensor maps = new_tensor(FV_F32, 3, l.dim[0], l.dim[1], k);
    float *m = maps.data;
    const float *v = truth.data;
    assert_ok(fv_target_fill(ctx, t, l, truth));
    for (int64_t i = 0; i < fv_count(l); i++) {
        bool classes = t == FV_TARGET_BOUNDARY || t == FV_TARGET_SHAPE;
        int cell = t == FV_TARGET_FLOWS ? 2 : 0; /* which map is its logit */
        for (int j = 0; j < k && !classes; j++)
            m[k * i + j] = v[c * i + j];
        if (!classes)
            m[k * i + cell] = v[c * i + cell] > 0 ? 5 : -5;
        if (t == FV_TARGET_STARS)
            m[k * i] = 8 * v[c * i] - 3;
        for (int j = 0; j < 3 && classes; j++)
            m[k * i + j] = v[c * i] == (float)j ? 5 : -5;
    }
    free(truth.data);
    return maps;
}

/* Labels -> truth -> maps -> labels gives the objects back. */
static void objects_survive_there_and_back(void **state)
{
    (void)state;
    double level = 0.7;
    fv_tensor l = disks(300, 60, 11), p = new_labels(300, 300);
    int64_t n = 0;
    fv_match m;
    assert_ok(fv_clean_labels(ctx, l, 100, 1, &n));
    for (int t = FV_TARGET_BOUNDARY; t < FV_TARGET_COUNT; t++) {
        int64_t found = 0;
        fv_tensor maps = perfect_maps((fv_target)t, l);
        assert_ok(
            fv_decode(ctx, (fv_target)t, maps, fv_decode_default(), p, &found));
        assert_ok(fv_match_labels(ctx, l, p, 1, &level, &m));
        assert_true(m.f1 > 0.85);
        free(maps.data);
    }
    free(l.data);
    free(p.data);
}

static void small_objects_are_dropped_and_numbers_stay(void **state)
{
    (void)state;
    static const uint32_t before[] = {7, 7, 7, 0, 9, 2, 0, 0, 9, 2, 0, 7};
    static const uint32_t after[] = {7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    fv_tensor l = new_labels(3, 4);
    memcpy(l.data, before, sizeof before);
    assert_ok(fv_drop_small(ctx, l, 3));
    assert_memory_equal(l.data, after, sizeof after);
    free(l.data);
}

typedef float hostile(int64_t y, int64_t x, int c);

static float zeros(int64_t y, int64_t x, int c)
{
    (void)y, (void)x, (void)c;
    return 0;
}

static float ones(int64_t y, int64_t x, int c)
{
    (void)y, (void)x;
    return c == 1 ? 9 : 1;
}

static float nans(int64_t y, int64_t x, int c)
{
    (void)y, (void)x, (void)c;
    return NAN;
}

static float some_nans(int64_t y, int64_t x, int c)
{
    return (y * 7 + x * 3 + c) % 11 ? 3 : NAN;
}

static float infinities(int64_t y, int64_t x, int c)
{
    return (y / 9 + x / 9 + c) % 2 ? INFINITY : -INFINITY;
}

static float checkerboard(int64_t y, int64_t x, int c)
{
    return (y + x) % 2 ? 5 : (float)-5 + (float)c;
}

static float comb(int64_t y, int64_t x, int c)
{
    return y % 2 == 0 || (x == 0) ? 4 + (float)c : -4;
}

static float spiral_hills(int64_t y, int64_t x, int c)
{
    return c ? (float)((x * 7919 + y * 104729) % 1009) / 100 : 2;
}

static hostile *const hostiles[] = {
    zeros, ones, nans, some_nans, infinities, checkerboard, comb, spiral_hills};
enum { HOSTILES = sizeof hostiles / sizeof *hostiles };

/* Dense numbers in raster order of the first pixel. */
static void assert_tidy(fv_tensor l, int64_t count)
{
    uint32_t seen = 0;
    for (int64_t i = 0; i < fv_count(l); i++) {
        uint32_t v = ((uint32_t *)l.data)[i];
        assert_true(v <= seen + 1);
        seen = v > seen ? v : seen;
    }
    assert_int_equal(seen, count);
}

static void decode_hostile(fv_target t, hostile *f, int64_t h, int64_t w,
                           double limit)
{
    int k = fv_target_maps(t);
    int64_t count = -1;
    fv_tensor maps = new_tensor(FV_F32, 3, h, w, k), l = new_labels(h, w);
    for (int64_t i = 0; i < h * w * k; i++)
        ((float *)maps.data)[i] = f(i / k / w, i / k % w, (int)(i % k));
    double start = seconds();
    assert_ok(fv_decode(ctx, t, maps, fv_decode_default(), l, &count));
    double took = seconds() - start;
    if (took > limit)
        fail_msg("%lld x %lld took %.2f s, expected at most %.2f s",
                 (long long)h, (long long)w, took, limit);
    assert_tidy(l, count);
    if (f == nans)
        assert_int_equal(count, 0);
    if (f == ones && t != FV_TARGET_STARS && t != FV_TARGET_FLOWS)
        assert_int_equal(count, h * w >= 10);
    free(maps.data);
    free(l.data);
}

/* Generous limits: what they catch is work that grows with the square. */
static void hostile_maps_end_soon(void **state)
{
    (void)state;
    static const int64_t shape[][2] = {{0, 0}, {0, 5}, {5, 0},   {1, 1},
                                       {1, 9}, {9, 1}, {1, 500}, {64, 77}};
    for (int t = 0; t < FV_TARGET_COUNT; t++)
        for (int k = 0; k < HOSTILES; k++) {
            for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
                decode_hostile((fv_target)t, hostiles[k], shape[s][0],
                               shape[s][1], 5);
            int64_t part = t == FV_TARGET_STARS ? 3 : 1; /* 33 maps */
            decode_hostile((fv_target)t, hostiles[k], 700 / part, 900 / part,
                           60);
        }
}

static void a_giant_object_ends_soon(void **state)
{
    (void)state;
    for (int t = 0; t < FV_TARGET_COUNT; t++) {
        int64_t side = t == FV_TARGET_STARS ? 512 : 2048; /* 33 maps */
        decode_hostile((fv_target)t, ones, side, side, 30);
    }
}

/* The same labels, whatever the number of threads. */
static void threads_change_nothing(void **state)
{
    (void)state;
    fv_tensor truth = disks(401, 150, 12);
    for (int t = 0; t < FV_TARGET_COUNT; t++) {
        int k = fv_target_maps((fv_target)t);
        fv_tensor maps = perfect_maps((fv_target)t, truth);
        fv_tensor one = new_labels(401, 401), many = new_labels(401, 401);
        int64_t a = 0, b = 0;
        for (int64_t i = 0; i < 401 * 401 * k; i++)
            ((float *)maps.data)[i] += 0.01f * (float)draw(300);
        fv_set_threads(ctx, 1);
        assert_ok(
            fv_decode(ctx, (fv_target)t, maps, fv_decode_default(), one, &a));
        static const int counts[] = {2, 3, 7};
        for (int c = 0; c < 3; c++) {
            fv_set_threads(ctx, counts[c]);
            assert_ok(fv_decode(ctx, (fv_target)t, maps, fv_decode_default(),
                                many, &b));
            assert_int_equal(a, b);
            assert_same_labels(many, one);
        }
        free(maps.data);
        free(one.data);
        free(many.data);
    }
    fv_set_threads(ctx, 0);
    free(truth.data);
}

static void misfits_are_refused(void **state)
{
    (void)state;
    int64_t n;
    fv_tensor maps = new_tensor(FV_F32, 3, 4, 5, 2), l = new_labels(4, 5);
    fv_decode_options o = fv_decode_default();
    assert_int_equal(fv_decode(ctx, FV_TARGET_BOUNDARY, maps, o, l, &n),
                     FV_ESHAPE);
    assert_string_equal(fv_message(ctx),
                        "maps: found 2 channels, target 'boundary' has 3");
    assert_int_equal(fv_decode(ctx, FV_TARGET_COUNT, maps, o, l, &n),
                     FV_EINVAL);
    assert_int_equal(
        fv_decode(ctx, FV_TARGET_DISTANCE, maps, o, fv_slice(l, 0, 1, 3), &n),
        FV_ESHAPE);
    o.threshold = NAN;
    assert_int_equal(fv_decode(ctx, FV_TARGET_DISTANCE, maps, o, l, &n),
                     FV_EINVAL);
    free(maps.data);
    free(l.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoders_match_skimage),
        cmocka_unit_test(targets_are_found_by_name),
        cmocka_unit_test(targets_match_skimage),
        cmocka_unit_test(objects_survive_there_and_back),
        cmocka_unit_test(small_objects_are_dropped_and_numbers_stay),
        cmocka_unit_test(hostile_maps_end_soon),
        cmocka_unit_test(a_giant_object_ends_soon),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(misfits_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
