/* Stars: truth, shapes and decoding against the StarDist package
 * (tools/make_golden_stars.py), selection against its definition, maps made
 * to break it, and any number of threads. */
#include "task/star.h"

#include "task_test.h"

#include <time.h>

static int open_stars(void **state)
{
    gold = golden_read("stars.txt");
    return open_context(state);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- truth ---- */

static void assert_golden(fv_tensor found, const char *scope, const char *name,
                          double tolerance)
{
    fv_tensor want = golden_find(&gold, scope, name);
    assert_true(want.ndim >= 0 && fv_same_shape(found, want));
    for (int64_t i = 0; i < fv_count(want); i++)
        assert_near(((float *)found.data)[i], ((double *)want.data)[i],
                    tolerance);
}

static fv_tensor distances(fv_tensor labels, int rays, int grid)
{
    fv_tensor d = new_tensor(FV_F32, 3, (labels.dim[0] + grid - 1) / grid,
                             (labels.dim[1] + grid - 1) / grid, rays);
    assert_ok(fv_star_distances(ctx, labels, grid, d));
    return d;
}

static fv_tensor probability(fv_tensor labels, int grid)
{
    fv_tensor p = new_tensor(FV_F32, 2, (labels.dim[0] + grid - 1) / grid,
                             (labels.dim[1] + grid - 1) / grid, 1);
    assert_ok(fv_edt_probability(ctx, labels, grid, p));
    return p;
}

static void truth_is_that_of_stardist(void **state)
{
    (void)state;
    static const int rays[][2] = {{8, 1}, {32, 2}, {5, 3}};
    char name[20];
    fv_tensor l = golden_as("small", "labels", FV_U32);
    for (int k = 0; k < 3; k++) {
        fv_tensor d = distances(l, rays[k][0], rays[k][1]);
        snprintf(name, sizeof name, "rays%d", rays[k][0]);
        assert_golden(d, "small", name, 2e-6);
        free(d.data);
        fv_tensor p = probability(l, k + 1);
        snprintf(name, sizeof name, "probability%d", k + 1);
        assert_golden(p, "small", name, 1e-6);
        free(p.data);
    }
    free(l.data);
}

static void the_border_is_an_edge_of_a_full_image_only(void **state)
{
    (void)state;
    fv_tensor l = new_labels(5, 7);
    for (int i = 0; i < 35; i++)
        ((uint32_t *)l.data)[i] = 3000000000u;
    fv_tensor d = distances(l, 8, 1), p = probability(l, 1);
    assert_golden(d, "full", "rays8", 2e-6);
    assert_golden(p, "full", "probability1", 1e-6);
    free(l.data);
    free(d.data);
    free(p.data);
}

/* Numbers that differ by 2^16 are different objects. */
static void labels_have_32_bits(void **state)
{
    (void)state;
    fv_tensor l = new_labels(4, 6);
    for (int i = 0; i < 24; i++)
        ((uint32_t *)l.data)[i] = i % 6 < 3 ? 7 : 7 + 65536;
    fv_tensor d = distances(l, 4, 1);
    assert_near(((float *)d.data)[4 * 1], 1.5, 1e-6); /* column 1 of 0..2 */
    free(l.data);
    free(d.data);
}

/* The walk in great steps ends where the walk in single ones does. */
static void the_walk_skips_nothing(void **state)
{
    (void)state;
    fvi_rays rays = fvi_rays_new(32);
    for (int round = 0; round < 20; round++) {
        int64_t h = 1 + draw(60), w = 1 + draw(60), parts = 1 + draw(4);
        fv_tensor l = new_labels(h, w);
        uint32_t *v = l.data;
        for (int64_t i = 0; i < h * w; i++)
            v[i] = (uint32_t)(draw(150) ? (i % w * parts / w) + 1 : 0);
        fv_tensor d = distances(l, 32, 1);
        for (int64_t i = 0; i < h * w * 32; i++) {
            int64_t y = i / 32 / w, x = i / 32 % w, k = i % 32, ny, nx;
            float dy = 0, dx = 0;
            do {
                dy += rays.row[k];
                dx += rays.column[k];
                ny = y + lrintf(dy);
                nx = x + lrintf(dx);
            } while (ny >= 0 && nx >= 0 && ny < h && nx < w &&
                     v[ny * w + nx] == v[y * w + x]);
            double back =
                1 - 0.5 / fmax(fabs(rays.row[k]), fabs(rays.column[k]));
            double want =
                hypot(dy - back * rays.row[k], dx - back * rays.column[k]);
            assert_near(((float *)d.data)[i], v[y * w + x] ? want : 0, 1e-4);
        }
        free(l.data);
        free(d.data);
    }
}

/* ---- shapes ---- */

static fvi_corners corners_of(const double *x, int64_t n)
{
    fvi_corners p = {0};
    for (int64_t k = 0; k < n && x[k] != -1; k++, p.count++) {
        p.x[k] = x[k];
        p.y[k] = x[k + n];
    }
    return p;
}

static void intersections_have_their_area(void **state)
{
    (void)state;
    fv_tensor c = golden_find(&gold, "areas", "corners");
    fv_tensor want = golden_find(&gold, "areas", "intersection");
    int64_t n = c.dim[3];
    for (int64_t k = 0; k < want.dim[0]; k++) {
        const double *at = (const double *)c.data + k * 4 * n;
        double area = ((double *)want.data)[k], least, most;
        fvi_corners p = corners_of(at, n), q = corners_of(at + 2 * n, n);
        fvi_star a = fvi_star_measure(0, &p), b = fvi_star_measure(1, &q);
        assert_near(fvi_star_intersection(&p, &q), area, 1e-9);
        assert_near(fvi_star_intersection(&q, &p), area, 1e-9);
        assert_near(fvi_star_intersection(&p, &p), a.area, 1e-9);
        fvi_star_bounds(&a, &b, &least, &most);
        assert_true(least <= area + 1e-9 && area <= most + 1e-9);
    }
}

/* Most crossings are placed as Clipper places them. */
static void intersections_are_rounded_as_on_whole_px(void **state)
{
    (void)state;
    fv_tensor c = golden_find(&gold, "clipped", "corners");
    fv_tensor want = golden_find(&gold, "clipped", "intersection");
    int64_t n = c.dim[3], same = 0;
    double off = 0, unrounded_off = 0;
    for (int64_t k = 0; k < want.dim[0]; k++) {
        const double *at = (const double *)c.data + k * 4 * n;
        double area = ((double *)want.data)[k];
        fvi_corners p = corners_of(at, n), q = corners_of(at + 2 * n, n);
        double exact = fvi_star_intersection(&p, &q);
        double rounded = exact + fvi_star_rounding(&p, &q);
        assert_near(exact + fvi_star_rounding(&q, &p), rounded, 1e-9);
        assert_near(fvi_star_rounding(&p, &p), 0, 0);
        same += fabs(rounded - area) < 1e-6;
        off += fabs(rounded - area);
        unrounded_off += fabs(exact - area);
    }
    assert_true(3 * same > 2 * want.dim[0]);
    assert_true(3 * off < unrounded_off);
}

/* ---- decoding ---- */

/* As imperfect() in the script. */
static fv_tensor imperfect(fv_tensor labels, int rays, int grid)
{
    fv_tensor d = distances(labels, rays, grid), p = probability(labels, grid);
    fv_tensor maps = new_tensor(FV_F32, 3, d.dim[0], d.dim[1], 1 + rays);
    float *m = maps.data;
    for (int64_t i = 0; i < fv_count(p); i++) {
        double prob = ((float *)p.data)[i];
        *m++ = (float)(6 * prob - 2 + (double)(i * 7919 % 10007) / 10000);
        for (int64_t j = i * rays; j < (i + 1) * rays; j++)
            *m++ = (float)((double)((float *)d.data)[j] *
                           (1 + (double)(j * 104729 % 101 - 50) / 500));
    }
    free(d.data);
    free(p.data);
    return maps;
}

static void labels_are_those_of_stardist(void **state)
{
    (void)state;
    static const struct {
        const char *scope;
        int rays, grid;
        double probability, overlap;
    } rows[] = {{"plain", 32, 1, 0.5, 0.4},
                {"coarse", 32, 2, 0.4, 0.5},
                {"strict", 32, 1, 0.8, 0.3}};
    fv_tensor cells = golden_as("cells", "labels", FV_U32);
    for (int k = 0; k < 3; k++) {
        fv_star_options o = fv_star_as_stardist();
        o.grid = rows[k].grid;
        o.probability = rows[k].probability;
        o.overlap = rows[k].overlap;
        fv_tensor maps = imperfect(cells, rows[k].rays, rows[k].grid);
        fv_tensor found = new_labels(cells.dim[0], cells.dim[1]);
        fv_stars stars;
        assert_ok(fv_star_decode(ctx, maps, o, found, &stars));
        fv_tensor want = golden_as(rows[k].scope, "labels", FV_U32);
        int64_t differ = 0, n = stars.count;
        for (int64_t i = 0; i < fv_count(want); i++)
            differ += ((uint32_t *)want.data)[i] != ((uint32_t *)found.data)[i];
        if (1000 * differ > fv_count(want))
            fail_msg("%s: %lld pixels differ, %lld stars", rows[k].scope,
                     (long long)differ, (long long)n);
        assert_true(n > 10);
        fv_tensor center = fv_dense(stars.center, FV_F32, 2, (int64_t[]){n, 2});
        fv_tensor p = fv_dense(stars.probability, FV_F32, 1, &n);
        assert_golden(center, rows[k].scope, "center", 0);
        assert_golden(p, rows[k].scope, "probability", 1e-6);
        assert_int_equal(stars.rays, rows[k].rays);
        fv_stars_free(ctx, &stars);
        free(want.data);
        free(found.data);
        free(maps.data);
    }
    free(cells.data);
}

/* The definition: each against all kept before, without buckets and bounds. */
static int64_t select_slowly(const fvi_star_maps *m, const uint32_t *cell,
                             int64_t n, uint32_t *kept)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        fvi_corners p, q;
        bool keep = true;
        fvi_star_corners(m, cell[i], m->o.truncate, &p);
        double a = fvi_star_measure(0, &p).area;
        for (int64_t k = 0; k < count && keep; k++) {
            fvi_star_corners(m, kept[k], m->o.truncate, &q);
            double b = fvi_star_measure(0, &q).area;
            double common = fvi_star_intersection(&q, &p);
            double allowed = m->o.overlap * (fmin(a, b) + 1e-10);
            double last_bits = 1e-9 * (a + b);
            if (m->o.truncate && common > 0 &&
                fabs(common - allowed) <= last_bits + sqrt(fmin(a, b)) / 2)
                common += fvi_star_rounding(&q, &p);
            keep = common <= allowed + last_bits;
        }
        if (keep)
            kept[count++] = cell[i];
    }
    return count;
}

static void random_maps_are_selected_by_the_definition(void **state)
{
    (void)state;
    enum { MOST = 10 * 10 };
    for (int round = 0; round < 2000; round++) {
        int64_t h = 1 + draw(10), w = 1 + draw(10);
        int rays = 3 + (int)draw(14);
        uint32_t cell[MOST], kept[MOST];
        fv_tensor t = new_tensor(FV_F32, 3, h, w, 1 + rays);
        double size = 0.5 + (double)draw(12), rough = (double)draw(11) / 10;
        for (int64_t i = 0; i < fv_count(t); i++)
            ((float *)t.data)[i] =
                (float)(size * (1 - rough * (double)draw(1000) / 1000));
        fvi_star_maps m = {t, fv_star_default(), fvi_rays_new(rays), 1};
        m.o.overlap = (double)draw(10) / 10;
        m.o.truncate = (int)draw(2);
        for (int64_t i = 0; i < h * w; i++)
            cell[i] = (uint32_t)((i * 7 + 3) % (h * w)); /* some order */
        fvi_star_list list = {0};
        assert_ok(fvi_star_select(ctx, &m, cell, h * w, &list));
        int64_t n = select_slowly(&m, cell, h * w, kept);
        assert_int_equal(list.count, n);
        for (int64_t k = 0; k < n; k++)
            assert_int_equal(list.star[k].cell, kept[k]);
        fvi_free(ctx, list.star);
        free(t.data);
    }
}

/* ---- painting ---- */

/* One star in the middle of an image, as the closed polygon says. */
static void a_star_covers_the_pixels_inside(void **state)
{
    (void)state;
    fv_tensor t = new_tensor(FV_F32, 3, 9, 9, 5), l = new_labels(9, 9);
    float *v = (float *)t.data + (4 * 9 + 4) * 5;
    for (int64_t i = 0; i < 81; i++)
        ((float *)t.data)[i * 5] = -9;
    v[0] = 9;
    for (int k = 1; k < 5; k++)
        v[k] = 3; /* a diamond with corners on pixels */
    assert_ok(fv_star_decode(ctx, t, fv_star_default(), l, NULL));
    for (int y = 0; y < 9; y++)
        for (int x = 0; x < 9; x++)
            if (abs(y - 4) + abs(x - 4) != 3) /* on the slanted outline */
                assert_int_equal(((uint32_t *)l.data)[y * 9 + x],
                                 abs(y - 4) + abs(x - 4) < 3);
    assert_int_equal(((uint32_t *)l.data)[4 * 9 + 7], 1);
    assert_int_equal(((uint32_t *)l.data)[7 * 9 + 4], 1);
    v[4] = NAN;
    assert_ok(fv_star_decode(ctx, t, fv_star_default(), l, NULL));
    assert_int_equal(((uint32_t *)l.data)[4 * 9 + 4], 0);
    free(t.data);
    free(l.data);
}

static void the_more_probable_lies_on_top(void **state)
{
    (void)state;
    fv_tensor t = new_tensor(FV_F32, 3, 30, 40, 9), l = new_labels(30, 40);
    float *v = t.data;
    fv_star_options o = fv_star_default();
    for (int64_t i = 0; i < 1200; i++)
        v[9 * i] = -9;
    for (int c = 0; c < 2; c++) {
        float *star = v + (15 * 40 + (c ? 25 : 14)) * 9;
        star[0] = c ? 2 : 1;
        for (int k = 1; k < 9; k++)
            star[k] = 9;
    }
    o.overlap = 0.5;
    assert_ok(fv_star_decode(ctx, t, o, l, NULL));
    assert_int_equal(((uint32_t *)l.data)[15 * 40 + 20], 1);
    assert_int_equal(((uint32_t *)l.data)[15 * 40 + 14], 2);
    o.overlap = 0.1;
    assert_ok(fv_star_decode(ctx, t, o, l, NULL));
    assert_int_equal(((uint32_t *)l.data)[15 * 40 + 14], 0);
    o.rim = 15; /* row 15 of 30 is the first outside */
    assert_ok(fv_star_decode(ctx, t, o, l, NULL));
    assert_int_equal(((uint32_t *)l.data)[15 * 40 + 25], 0);
    free(t.data);
    free(l.data);
}

/* ---- hostile maps ---- */

typedef float hostile(int64_t y, int64_t x, int c);

static float zeros(int64_t y, int64_t x, int c)
{
    (void)y, (void)x, (void)c;
    return 0;
}

static float ones(int64_t y, int64_t x, int c)
{
    (void)y, (void)x, (void)c;
    return 1;
}

static float nans(int64_t y, int64_t x, int c)
{
    return (y + x + c) % 29 ? 1 : NAN;
}

static float points(int64_t y, int64_t x, int c)
{
    (void)y, (void)x;
    return c ? -5 : 3;
}

static float checkerboard(int64_t y, int64_t x, int c)
{
    return (y + x) % 2 ? 9 : c ? 1 : -9;
}

static float giant(int64_t y, int64_t x, int c)
{
    return c ? 1e30f : (float)((y * 31 + x * 17) % 101 + 1);
}

static float spikes(int64_t y, int64_t x, int c)
{
    return c ? (float)((x * 7919 + y * 104729 + c * 1301) % 97) : 1;
}

static void hostile_maps_end_soon(void **state)
{
    (void)state;
    static hostile *const all[] = {zeros,        ones,  nans,  points,
                                   checkerboard, giant, spikes};
    static const int64_t side[][2] = {{0, 0}, {0, 4},  {5, 0},
                                      {1, 1}, {1, 90}, {300, 260}};
    for (size_t f = 0; f < sizeof all / sizeof *all; f++)
        for (size_t s = 0; s < sizeof side / sizeof *side; s++) {
            int64_t h = side[s][0], w = side[s][1];
            fv_tensor t = new_tensor(FV_F32, 3, h, w, 33);
            fv_tensor l = new_labels(h, w);
            for (int64_t i = 0; i < fv_count(t); i++)
                ((float *)t.data)[i] =
                    all[f](i / 33 / w, i / 33 % w, (int)(i % 33));
            double start = seconds();
            fv_stars stars;
            assert_ok(fv_star_decode(ctx, t, fv_star_default(), l, &stars));
            if (seconds() - start > 20)
                fail_msg("map %d took %.1f s", (int)f, seconds() - start);
            if (all[f] == zeros || all[f] == nans)
                assert_int_equal(stars.count, 0);
            if (all[f] == points)
                assert_int_equal(stars.count, h * w);
            if (all[f] == giant)
                assert_int_equal(stars.count, h * w > 0);
            fv_stars_free(ctx, &stars);
            free(t.data);
            free(l.data);
        }
}

/* ---- threads, misfits ---- */

static void threads_change_nothing(void **state)
{
    (void)state;
    static const int counts[] = {2, 3, 7};
    fv_tensor l = new_labels(401, 300), one = new_labels(401, 300);
    for (int k = 1; k < 300; k++) {
        int64_t cy = draw(401), cx = draw(300), r = 3 + draw(12);
        for (int64_t i = 0; i < fv_count(l); i++)
            if (hypot((double)(i / 300 - cy), (double)(i % 300 - cx)) < r)
                ((uint32_t *)l.data)[i] = (uint32_t)k;
    }
    fv_set_threads(ctx, 1);
    fv_tensor maps = imperfect(l, 24, 1);
    assert_ok(fv_star_decode(ctx, maps, fv_star_default(), one, NULL));
    for (int c = 0; c < 3; c++) {
        fv_tensor many = new_labels(401, 300);
        fv_set_threads(ctx, counts[c]);
        fv_tensor again = imperfect(l, 24, 1);
        size_t bytes = (size_t)fv_count(maps) * sizeof(float);
        assert_memory_equal(maps.data, again.data, bytes);
        assert_ok(fv_star_decode(ctx, maps, fv_star_default(), many, NULL));
        assert_same_labels(many, one);
        free(many.data);
        free(again.data);
    }
    fv_set_threads(ctx, 0);
    free(maps.data);
    free(l.data);
    free(one.data);
}

static void strides_are_followed(void **state)
{
    (void)state;
    fv_tensor cells = golden_as("cells", "labels", FV_U32);
    int64_t h = cells.dim[0], w = cells.dim[1];
    fv_tensor maps = imperfect(cells, 8, 1);
    fv_tensor wide = new_tensor(FV_F32, 3, h, w + 3, 12);
    fv_tensor part = fv_slice(fv_slice(wide, 1, 2, w + 2), 2, 1, 10);
    fv_tensor big = new_labels(h, w + 5), in = fv_slice(big, 1, 1, w + 1);
    fv_tensor want = new_labels(h, w), found = new_labels(h, w);
    assert_ok(fv_copy(ctx, maps, part));
    assert_ok(fv_star_decode(ctx, maps, fv_star_default(), want, NULL));
    assert_ok(fv_star_decode(ctx, part, fv_star_default(), in, NULL));
    assert_ok(fv_copy(ctx, in, found));
    assert_same_labels(found, want);
    assert_ok(fv_copy(ctx, cells, in));
    assert_ok(fv_star_distances(ctx, in, 1, fv_slice(part, 2, 1, 9)));
    fv_tensor d = distances(cells, 8, 1);
    for (int64_t i = 0; i < h * w; i++)
        assert_memory_equal((float *)part.data + i / w * part.stride[0] +
                                i % w * part.stride[1] + part.stride[2],
                            (float *)d.data + 8 * i, 8 * sizeof(float));
    free(cells.data), free(maps.data), free(wide.data), free(big.data);
    free(want.data), free(found.data), free(d.data);
}

static void misfits_are_refused(void **state)
{
    (void)state;
    fv_star_options o = fv_star_default();
    fv_tensor t = new_tensor(FV_F32, 3, 4, 5, 9), l = new_labels(8, 10);
    assert_int_equal(fv_star_decode(ctx, t, o, l, NULL), FV_ESHAPE);
    assert_string_equal(fv_message(ctx),
                        "maps: found 4 x 5 cells, labels of 8 x 10 with grid "
                        "1 have 8 x 10");
    o.grid = 2;
    assert_ok(fv_star_decode(ctx, t, o, l, NULL));
    assert_int_equal(fv_star_decode(ctx, fv_slice(t, 2, 0, 3), o, l, NULL),
                     FV_EINVAL);
    assert_string_equal(fv_message(ctx), "stars: 2 rays, expected 3 to 256");
    o.overlap = NAN;
    assert_int_equal(fv_star_decode(ctx, t, o, l, NULL), FV_EINVAL);
    assert_int_equal(fv_star_distances(ctx, l, 0, t), FV_EINVAL);
    assert_int_equal(fv_edt_probability(ctx, l, 2, t), FV_ESHAPE);
    free(t.data);
    free(l.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truth_is_that_of_stardist),
        cmocka_unit_test(the_border_is_an_edge_of_a_full_image_only),
        cmocka_unit_test(labels_have_32_bits),
        cmocka_unit_test(the_walk_skips_nothing),
        cmocka_unit_test(intersections_have_their_area),
        cmocka_unit_test(intersections_are_rounded_as_on_whole_px),
        cmocka_unit_test(labels_are_those_of_stardist),
        cmocka_unit_test(random_maps_are_selected_by_the_definition),
        cmocka_unit_test(a_star_covers_the_pixels_inside),
        cmocka_unit_test(the_more_probable_lies_on_top),
        cmocka_unit_test(hostile_maps_end_soon),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(strides_are_followed),
        cmocka_unit_test(misfits_are_refused),
    };
    return cmocka_run_group_tests(tests, open_stars, teardown);
}
