/* Blind spots: where they are, what replaces them, what is left alone. */
#include "train_test.h"

#include "train/blind.h"
#include "train/warp.h"

enum { SIDE = 40 };

typedef struct scene {
    fv_tensor whole, image, weight;
} scene;

/* Every number once, so that a pixel can be recognized. */
static scene scene_new(int64_t channels)
{
    scene s = {plane_of(SIDE, SIDE, channels), plane_of(SIDE, SIDE, channels),
               plane_of(SIDE, SIDE, 1)};
    for (int64_t i = 0; i < fv_count(s.whole); i++)
        ((float *)s.whole.data)[i] = (float)((i * 7919) % fv_count(s.whole));
    memcpy(s.image.data, s.whole.data,
           (size_t)fv_count(s.whole) * sizeof(float));
    return s;
}

static void scene_free(scene *s)
{
    free(s->whole.data);
    free(s->image.data);
    free(s->weight.data);
}

static float at(fv_tensor t, int64_t y, int64_t x, int64_t c)
{
    return ((float *)t.data)[(y * t.dim[1] + x) * t.dim[2] + c];
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* The window around (y,x) without its center, sorted. */
static int window(fv_tensor t, int64_t y, int64_t x, int64_t c, int radius,
                  float *v)
{
    int n = 0;
    for (int64_t i = y - radius; i <= y + radius; i++)
        for (int64_t j = x - radius; j <= x + radius; j++)
            if (i >= 0 && j >= 0 && i < SIDE && j < SIDE && (i != y || j != x))
                v[n++] = at(t, i, j, c);
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n;
}

static void check_spot(const fvi_blind *b, const scene *s, int64_t y, int64_t x)
{
    float v[400], got = at(s->image, y, x, 0);
    int n = window(s->whole, y, x, 0, b->radius, v), found = 0;
    double middle = n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
    for (int i = 0; i < n; i++)
        found += v[i] == got;
    if (b->median)
        assert_near(got, middle, 0);
    else
        assert_true(found > 0 && got != at(s->whole, y, x, 0));
}

static int check_spots(const fvi_blind *b, const scene *s)
{
    int spots = 0;
    for (int64_t y = 0; y < SIDE; y++)
        for (int64_t x = 0; x < SIDE; x++) {
            if (at(s->weight, y, x, 0) == 0) {
                assert_true(at(s->image, y, x, 0) == at(s->whole, y, x, 0));
                continue;
            }
            assert_true(at(s->weight, y, x, 0) == 1);
            check_spot(b, s, y, x);
            spots++;
        }
    return spots;
}

static void spots_are_replaced_by_neighbors(void **state)
{
    (void)state;
    for (int median = 0; median < 2; median++)
        for (int radius = 1; radius <= 8; radius += 7) {
            fvi_blind b = {.share = 1.5,
                           .radius = radius,
                           .median = median,
                           .height = 1,
                           .width = 1};
            fvi_rng r = fvi_rng_new(1, (uint64_t)radius);
            scene s = scene_new(2);
            fvi_blind_spots(&b, &r, s.whole, s.image, s.weight);
            /* squares of 8 px: 5 x 5 of them lie in 40 x 40 */
            assert_int_equal(check_spots(&b, &s), 25);
            scene_free(&s);
        }
}

static void spots_are_everywhere_in_the_end(void **state)
{
    (void)state;
    fvi_blind b = {.share = 4, .radius = 2, .height = 1, .width = 1};
    static int hits[SIDE * SIDE];
    memset(hits, 0, sizeof hits);
    for (uint64_t k = 0; k < 1000; k++) {
        scene s = scene_new(1);
        fvi_rng r = fvi_rng_new(2, k);
        fvi_blind_spots(&b, &r, s.whole, s.image, s.weight);
        for (int i = 0; i < SIDE * SIDE; i++)
            hits[i] += ((float *)s.weight.data)[i] > 0;
        scene_free(&s);
    }
    for (int i = 0; i < SIDE * SIDE; i++) /* binomial: 40 +- 6.2 */
        assert_in_range(hits[i], 12, 70);
}

static void structure_is_hidden_too(void **state)
{
    (void)state;
    fvi_blind b = {.share = 1, .radius = 3, .lo = -2, .hi = 2};
    assert_ok(fvi_blind_mask(ctx, "1x5", &b));
    fvi_rng r = fvi_rng_new(3, 1);
    scene s = scene_new(1);
    for (int i = 0; i < SIDE * SIDE; i++)
        ((float *)s.whole.data)[i] = ((float *)s.image.data)[i] = 100;
    fvi_blind_spots(&b, &r, s.whole, s.image, s.weight);
    int spots = 0, hidden = 0;
    for (int64_t y = 0; y < SIDE; y++)
        for (int64_t x = 0; x < SIDE; x++) {
            float v = at(s.image, y, x, 0);
            spots += at(s.weight, y, x, 0) > 0;
            if (v == 100)
                continue;
            hidden++;
            assert_true(v >= -2 && v < 2);
            bool near = false;
            for (int64_t k = x - 2; k <= x + 2; k++)
                near =
                    near || (k >= 0 && k < SIDE && at(s.weight, y, k, 0) > 0);
            assert_true(near);
        }
    assert_int_equal(spots, 16);
    assert_in_range(hidden, 2 * spots, 4 * spots);
    scene_free(&s);
    assert_fails(fvi_blind_mask(ctx, "2x5", &b), FV_EINVAL, "odd");
    assert_fails(fvi_blind_mask(ctx, "1x5x", &b), FV_EINVAL, "odd");
    assert_fails(fvi_blind_mask(ctx, "wide", &b), FV_EINVAL, "odd");
    assert_fails(fvi_blind_mask(ctx, "4294967297x5", &b), FV_EINVAL, "odd");
    assert_fails(fvi_blind_mask(ctx, "-1x5", &b), FV_EINVAL, "odd");
}

/* A crop of whole pixels: every number is one of the picture, neighbors stay
 * neighbors, and all eight positions of a square occur. */
static void exact_crops_only_move_pixels(void **state)
{
    (void)state;
    enum { H = 30, W = 50, S = 9 };
    fv_tensor picture = plane_of(H, W, 1), crop = plane_of(S, S, 1);
    const fv_tensor none = {.ndim = -1};
    const fv_augment all = {.flip = 1, .rotate = 1};
    const int64_t dim[2] = {H, W};
    bool seen[8] = {false};
    for (int64_t i = 0; i < H * W; i++)
        ((float *)picture.data)[i] = (float)i;
    for (uint64_t k = 0; k < 200; k++) {
        fvi_rng r = fvi_rng_new(4, k);
        fvi_warp w = fvi_warp_exact(&all, &r, dim, S);
        fvi_warp_apply(&w, picture, none, crop, none, NULL);
        int right = (int)(at(crop, 0, 1, 0) - at(crop, 0, 0, 0));
        int down = (int)(at(crop, 1, 0, 0) - at(crop, 0, 0, 0));
        for (int64_t y = 0; y < S; y++)
            for (int64_t x = 0; x < S; x++)
                assert_true(at(crop, y, x, 0) ==
                            at(crop, 0, 0, 0) +
                                (float)((int)x * right + (int)y * down));
        bool turned = abs(right) == W;
        assert_true(abs(right) == (turned ? W : 1));
        assert_true(abs(down) == (turned ? 1 : W));
        seen[4 * turned + 2 * (right > 0) + (down > 0)] = true;
    }
    for (int i = 0; i < 8; i++)
        assert_true(seen[i]);
    free(picture.data);
    free(crop.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spots_are_replaced_by_neighbors),
        cmocka_unit_test(spots_are_everywhere_in_the_end),
        cmocka_unit_test(structure_is_hidden_too),
        cmocka_unit_test(exact_crops_only_move_pixels),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
