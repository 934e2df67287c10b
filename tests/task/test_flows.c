/* Flows and their decoding: equal to what Cellpose computes
 * (tools/make_golden_flows.py), the same for any number of threads, and
 * harmless on maps that no network should answer with. */
#include "fovea/flows.h"
#include "task/flow.h"
#include "task_test.h"

#include <math.h>
#include <time.h>

static int setup_flows(void **state)
{
    gold = golden_read("flows.txt");
    return open_context(state);
}

static void flows_are_those_of(const char *profile, const char *array)
{
    fv_flow_options o;
    fv_tensor labels = golden_as("flows", "labels", FV_U32);
    fv_tensor want = golden_as("flows", array, FV_F32);
    fv_tensor got = new_tensor(FV_F32, 3, labels.dim[0], labels.dim[1], 2);
    assert_ok(fv_flow_profile(ctx, profile, &o));
    assert_ok(fv_flows_from_labels(ctx, labels, o, got));
    for (int64_t i = 0; i < fv_count(got); i++) {
        float a = ((float *)got.data)[i], b = ((float *)want.data)[i];
        if (!(fabs(a - b) <= 1e-4))
            fail_msg("%s: number %lld is %.7g, expected %.7g", profile,
                     (long long)i, a, b);
    }
    free(labels.data);
    free(want.data);
    free(got.data);
}

static void flows_of_the_field(void **state)
{
    (void)state;
    flows_are_those_of("v2", "v2");
    flows_are_those_of("v3.1-cpu", "v3");
    flows_are_those_of("fovea", "v3");
    flows_are_those_of("v4", "v4");
}

/* At most one pixel in a thousand may differ. */
static void labels_are_those_of(const char *profile, const char *array)
{
    fv_flow_decode_options o;
    fv_tensor maps = golden_as("decode", "maps", FV_F32);
    fv_tensor want = golden_as("decode", array, FV_U32);
    fv_tensor got = new_labels(maps.dim[0], maps.dim[1]);
    int64_t count, differ = 0;
    uint32_t most = 0;
    assert_ok(fv_flow_decode_profile(ctx, profile, &o));
    assert_ok(fv_flow_decode(ctx, maps, o, got, &count));
    for (int64_t i = 0; i < fv_count(got); i++) {
        uint32_t a = ((uint32_t *)got.data)[i], b = ((uint32_t *)want.data)[i];
        differ += a != b;
        most = b > most ? b : most;
    }
    assert_int_equal(count, most);
    if (differ * 1000 > fv_count(got))
        fail_msg("%s: %lld pixels differ", profile, (long long)differ);
    free(maps.data);
    free(want.data);
    free(got.data);
}

static void objects_of_the_field(void **state)
{
    (void)state;
    labels_are_those_of("v3.1.1.3-cpu", "v3");
    labels_are_those_of("v4", "v4");
}

/* Labels of discs on a grid, one of every few missing. */
static fv_tensor discs(int64_t h, int64_t w, int64_t pitch, double radius)
{
    fv_tensor t = new_labels(h, w);
    int64_t across = (w + pitch - 1) / pitch;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            double dy = (double)(y % pitch) - pitch / 2.0 + 0.3;
            double dx = (double)(x % pitch) - pitch / 2.0 - 0.2;
            int64_t k = y / pitch * across + x / pitch;
            if (dy * dy + dx * dx <= radius * radius && k % 7 != 3)
                ((uint32_t *)t.data)[y * w + x] = (uint32_t)k + 100000;
        }
    return t;
}

/* 5 times the flows, and a logit of +-4. */
static fv_tensor maps_of(fv_tensor labels)
{
    fv_tensor maps = new_tensor(FV_F32, 3, labels.dim[0], labels.dim[1], 3);
    fv_tensor flows = maps;
    flows.dim[2] = 2;
    assert_ok(fv_flows_from_labels(ctx, labels, fv_flow_default(), flows));
    float *m = maps.data;
    for (int64_t i = 0; i < fv_count(labels); i++) {
        m[3 * i] *= 5;
        m[3 * i + 1] *= 5;
        m[3 * i + 2] = ((uint32_t *)labels.data)[i] ? 4 : -4;
    }
    return maps;
}

/* Encoded and decoded again, objects come back to the pixel. */
static void there_and_back(void **state)
{
    (void)state;
    fv_tensor labels = discs(300, 260, 20, 9.8), maps = maps_of(labels);
    fv_tensor got = new_labels(300, 260);
    int64_t count, expected;
    assert_ok(fv_flow_decode(ctx, maps, fv_flow_decode_default(), got, &count));
    assert_ok(fv_clean_labels(ctx, labels, 15, 1, &expected));
    assert_int_equal(count, expected);
    assert_same_labels(got, labels);
    free(labels.data);
    free(maps.data);
    free(got.data);
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    int64_t count[2];
    fv_tensor labels = discs(400, 300, 17, 9), maps = maps_of(labels);
    fv_tensor got[2] = {new_labels(400, 300), new_labels(400, 300)};
    fv_tensor field[2] = {new_tensor(FV_F32, 3, 400, 300, 2),
                          new_tensor(FV_F32, 3, 400, 300, 2)};
    for (int64_t i = 0; i < fv_count(maps); i++)
        ((float *)maps.data)[i] += (float)draw(1000) / 500 - 1;
    for (int k = 0; k < 2; k++) {
        fv_set_threads(ctx, k ? 3 : 1);
        assert_ok(fv_flow_decode(ctx, maps, fv_flow_decode_default(), got[k],
                                 &count[k]));
        assert_ok(
            fv_flows_from_labels(ctx, labels, fv_flow_default(), field[k]));
    }
    assert_true(count[0] == count[1] && count[0] > 100);
    assert_same_labels(got[0], got[1]);
    assert_memory_equal(field[0].data, field[1].data,
                        (size_t)fv_count(field[0]) * sizeof(float));
    for (int k = 0; k < 2; k++) {
        free(got[k].data);
        free(field[k].data);
    }
    free(labels.data);
    free(maps.data);
}

#ifdef FV_WITH_V4
/* The AVX-512 twins give the bits of the plain ones. */
static void fast_twins(void **state)
{
    (void)state;
    enum { H = 37, W = 45, N = 64 };
    if (!fvi_flow_fast())
        skip();
    static float field[2 * H * W];
    float y[2][N], x[2][N];
    for (int i = 0; i < H * W; i++) {
        bool inside = draw(4);
        field[2 * i] = inside ? (float)draw(4000) / 1000 - 2 : 0;
        field[2 * i + 1] = inside ? (float)draw(4000) / 1000 - 2 : 0;
    }
    for (int shifted = 0; shifted < 2; shifted++) {
        double s = shifted ? -0.5 : 0;
        fvi_flow_walk k = {field,
                           {H, shifted ? H / (H - 1.) : 1, s},
                           {W, shifted ? W / (W - 1.) : 1, s}};
        for (int i = 0; i < N; i++) {
            y[0][i] = y[1][i] = (float)draw(H * 100 - 99) / 100;
            x[0][i] = x[1][i] = (float)draw(W * 100 - 99) / 100;
        }
        for (int step = 0; step < 50; step++) {
            fvi_flow_walk_any(&k, y[0], x[0], N);
            fvi_flow_walk_v4(&k, y[1], x[1], N);
        }
        assert_memory_equal(y[0], y[1], sizeof y[0]);
        assert_memory_equal(x[0], x[1], sizeof x[0]);
    }
}
#endif

/* ---- maps that no network should answer with ---- */

static int64_t decoded(fv_tensor maps)
{
    int64_t count = -1;
    static const char *const name[] = {"fovea", "v3.1.1.3-cpu", "v4"};
    fv_tensor labels = new_labels(maps.dim[0], maps.dim[1]);
    for (int k = 2; k >= 0; k--) {
        fv_flow_decode_options o;
        uint32_t most = 0;
        assert_ok(fv_flow_decode_profile(ctx, name[k], &o));
        assert_ok(fv_flow_decode(ctx, maps, o, labels, &count));
        for (int64_t i = 0; i < fv_count(labels); i++)
            if (((uint32_t *)labels.data)[i] > most)
                assert_int_equal(++most, ((uint32_t *)labels.data)[i]);
        assert_int_equal(count, most);
    }
    free(labels.data);
    return count;
}

static fv_tensor filled(int64_t h, int64_t w, float dy, float dx, float logit)
{
    fv_tensor maps = new_tensor(FV_F32, 3, h, w, 3);
    float *m = maps.data;
    for (int64_t i = 0; i < h * w; i++) {
        m[3 * i] = dy;
        m[3 * i + 1] = dx;
        m[3 * i + 2] = logit;
    }
    return maps;
}

static void constant_maps(void **state)
{
    (void)state;
    static const float values[] = {0, 1, -1, 5, 1e30f, -1e38f, HUGE_VALF};
    for (size_t i = 0; i < 7 * 7; i++) {
        fv_tensor maps = filled(19, 23, values[i / 7], values[i % 7], 1);
        decoded(maps);
        free(maps.data);
    }
    fv_tensor zero = filled(40, 30, 0, 0, 0);
    assert_int_equal(decoded(zero), 0);
    free(zero.data);
    fv_tensor nan = filled(40, 30, NAN, 1, 3);
    assert_int_equal(decoded(nan), 0);
    free(nan.data);
}

/* Pixels without a number change nothing around them. */
static void nan_is_background(void **state)
{
    (void)state;
    fv_tensor labels = discs(60, 60, 20, 8), maps = maps_of(labels);
    fv_tensor got = new_labels(60, 60);
    int64_t count;
    for (int64_t i = 0; i < fv_count(labels); i++)
        if (!((uint32_t *)labels.data)[i] || i % 60 == 10)
            ((float *)maps.data)[3 * i + (i % 3)] = NAN;
    fv_flow_decode_options o = fv_flow_decode_default();
    o.max_error = 0;
    o.fill_holes = 0;
    assert_ok(fv_flow_decode(ctx, maps, o, got, &count));
    assert_true(count >= 7);
    for (int64_t i = 0; i < fv_count(labels); i++)
        if (!((uint32_t *)labels.data)[i] || i % 60 == 10)
            assert_int_equal(((uint32_t *)got.data)[i], 0);
    free(labels.data);
    free(maps.data);
    free(got.data);
}

static void one_giant_and_a_checkerboard(void **state)
{
    (void)state;
    fv_tensor one = new_labels(220, 210);
    for (int64_t i = 0; i < fv_count(one); i++)
        ((uint32_t *)one.data)[i] = UINT32_MAX;
    fv_tensor maps = maps_of(one);
    assert_int_equal(decoded(maps), 0); /* more than 0.4 of the image */
    fv_flow_decode_options o = fv_flow_decode_default();
    o.max_share = 1;
    int64_t count;
    assert_ok(fv_flow_decode(ctx, maps, o, one, &count));
    assert_int_equal(count, 1);
    float *m = maps.data;
    for (int64_t i = 0; i < 220 * 210; i++)
        m[3 * i + 2] = (i / 210 + i % 210) % 2 ? 3 : -3;
    decoded(maps);
    free(one.data);
    free(maps.data);
}

static void random_small_maps(void **state)
{
    (void)state;
    clock_t start = clock();
    for (int k = 0; k < 2000; k++) {
        int64_t h = draw(24), w = draw(24);
        fv_tensor maps = new_tensor(FV_F32, 3, h, w, 3);
        double size = (double)(1 + draw(40));
        for (int64_t i = 0; i < fv_count(maps); i++)
            ((float *)maps.data)[i] = (float)(size * (draw(2001) - 1000) / 1e3);
        for (int64_t i = 0; k % 3 == 0 && i < h * w; i++)
            ((float *)maps.data)[3 * i] = draw(9) ? 0 : NAN;
        decoded(maps);
        free(maps.data);
    }
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 60);
}

static void tiny_objects(void **state)
{
    (void)state;
    static const char *const name[] = {"fovea", "v2", "v3.1-cpu", "v4"};
    for (int k = 0; k < 400; k++) {
        fv_flow_options o;
        fv_tensor labels = new_labels(draw(12), draw(12));
        fv_tensor f = new_tensor(FV_F32, 3, labels.dim[0], labels.dim[1], 2);
        for (int64_t i = 0; i < fv_count(labels); i++)
            ((uint32_t *)labels.data)[i] = (uint32_t)draw(1 + k % 9);
        assert_ok(fv_flow_profile(ctx, name[k % 4], &o));
        assert_ok(fv_flows_from_labels(ctx, labels, o, f));
        for (int64_t i = 0; i < fv_count(labels); i++) {
            const float *v = (float *)f.data + 2 * i;
            double n = hypot(v[0], v[1]);
            if (((uint32_t *)labels.data)[i])
                assert_true(n < 1e-9 || fabs(n - 1) < 1e-6);
            else
                assert_true(n == 0);
        }
        free(labels.data);
        free(f.data);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    int64_t count;
    fv_flow_options flow;
    fv_flow_decode_options o = fv_flow_decode_default();
    fv_tensor maps = filled(5, 6, 0, 0, 0), labels = new_labels(5, 6);
    assert_int_equal(fv_flow_profile(ctx, "v9", &flow), FV_EINVAL);
    assert_int_equal(fv_flow_decode_profile(ctx, "v2", &o), FV_EINVAL);
    o.scale = 0;
    assert_int_equal(fv_flow_decode(ctx, maps, o, labels, &count), FV_EINVAL);
    o = fv_flow_decode_default();
    o.logit = NAN;
    assert_int_equal(fv_flow_decode(ctx, maps, o, labels, &count), FV_EINVAL);
    o = fv_flow_decode_default();
    labels.dim[0] = 4;
    assert_int_equal(fv_flow_decode(ctx, maps, o, labels, &count), FV_ESHAPE);
    assert_int_equal(fv_flows_from_labels(ctx, labels, fv_flow_default(), maps),
                     FV_ESHAPE);
    free(maps.data);
    free(labels.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_of_the_field),
        cmocka_unit_test(objects_of_the_field),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(same_bits_for_any_threads),
#ifdef FV_WITH_V4
        cmocka_unit_test(fast_twins),
#endif
        cmocka_unit_test(constant_maps),
        cmocka_unit_test(nan_is_background),
        cmocka_unit_test(one_giant_and_a_checkerboard),
        cmocka_unit_test(random_small_maps),
        cmocka_unit_test(tiny_objects),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, setup_flows, teardown);
}
