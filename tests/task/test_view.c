/* Mirrored and turned views: what is drawn on a view and turned back is what
 * is drawn on the image. */
#include "fovea/synth.h"
#include "task/view.h"
#include "task_test.h"

#include <math.h>

enum { H = 90, W = 70 };

static fv_tensor new_plane(int64_t h, int64_t w, int64_t c)
{
    return new_tensor(FV_F32, 3, h, w, c);
}

static fv_tensor shown(fvi_view v, fv_tensor image)
{
    int64_t h = image.dim[v.swap], w = image.dim[!v.swap];
    fv_tensor seen = new_plane(h, w, image.dim[2]);
    fvi_view_show(ctx, v, image, seen);
    return seen;
}

/* The eight views of a picture without symmetry differ, and each turns back
 * into it. */
static void there_and_back(void **state)
{
    (void)state;
    fv_tensor image = new_plane(3, 3, 2), seen[FVI_VIEWS];
    for (int i = 0; i < 18; i++)
        ((float *)image.data)[i] = (float)(i * i);
    for (int i = 0; i < FVI_VIEWS; i++) {
        fvi_view v = fvi_view_at(i);
        fv_tensor back = new_plane(3, 3, 2);
        seen[i] = shown(v, image);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(seen[i].data, seen[k].data,
                                    18 * sizeof(float));
        fvi_view_add(ctx, v, NULL, seen[i], 1, back);
        assert_memory_equal(back.data, image.data, 18 * sizeof(float));
        free(back.data);
    }
    assert_memory_equal(seen[0].data, image.data, 18 * sizeof(float));
    for (int i = 0; i < FVI_VIEWS; i++)
        free(seen[i].data);
    free(image.data);
}

/* Row 0 of a swapped view is column 0 of the image; `down` begins below. */
static void where_pixels_go(void **state)
{
    (void)state;
    fv_tensor image = new_plane(2, 3, 1);
    for (int i = 0; i < 6; i++)
        ((float *)image.data)[i] = (float)i;
    fv_tensor a = shown((fvi_view){.swap = true}, image);
    fv_tensor b = shown((fvi_view){.down = true, .swap = true}, image);
    fv_tensor c = shown((fvi_view){.across = true}, image);
    const float swapped[] = {0, 3, 1, 4, 2, 5}, turned[] = {3, 0, 4, 1, 5, 2};
    const float mirrored[] = {2, 1, 0, 5, 4, 3};
    assert_int_equal(a.dim[0], 3);
    assert_memory_equal(a.data, swapped, sizeof swapped);
    assert_memory_equal(b.data, turned, sizeof turned);
    assert_memory_equal(c.data, mirrored, sizeof mirrored);
    free(a.data);
    free(b.data);
    free(c.data);
    free(image.data);
}

/* What a perfect network would answer: the truth in the order of the maps. */
static fv_tensor perfect(fv_target target, fv_tensor picture)
{
    int64_t h = picture.dim[0], w = picture.dim[1];
    int truth = fv_target_truth_channels(target), maps = fv_target_maps(target);
    fv_tensor labels = new_labels(h, w), all = new_plane(h, w, truth);
    fv_tensor out = new_plane(h, w, maps);
    for (int64_t i = 0; i < h * w; i++)
        ((uint32_t *)labels.data)[i] =
            (uint32_t)((const float *)picture.data)[i];
    assert_ok(fv_target_fill(ctx, target, labels, all));
    for (int64_t i = 0; i < h * w; i++)
        for (int k = 0; k < maps; k++) {
            int from = maps > truth ? (k < 3 ? 0 : k - 2) : k;
            ((float *)out.data)[i * maps + k] =
                ((const float *)all.data)[i * truth + from];
        }
    free(labels.data);
    free(all.data);
    return out;
}

/* Share of numbers that differ when the truth of a view is turned back. */
static double apart(fv_target target, bool directed, int view,
                    fv_tensor picture, fv_tensor want)
{
    fvi_view v = fvi_view_at(view);
    fv_tensor seen = shown(v, picture), answer = perfect(target, seen);
    fv_tensor back = new_plane(H, W, fv_target_maps(target));
    fvi_view_add(ctx, v, directed ? &target : NULL, answer, 1, back);
    int64_t n = fv_count(back), differ = 0;
    for (int64_t i = 0; i < n; i++)
        differ += !(fabs((double)((float *)back.data)[i] -
                         (double)((float *)want.data)[i]) < 0.02);
    free(seen.data);
    free(answer.data);
    free(back.data);
    return (double)differ / (double)n;
}

/* Directions that are not turned are wrong all over the objects. */
static void directions_turn(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    s.height = H;
    s.width = W;
    s.nuclei = 9;
    s.seed = 3;
    fv_tensor image = new_tensor(FV_F32, 2, H, W, 1);
    fv_tensor labels = new_labels(H, W), picture = new_plane(H, W, 1);
    int64_t count = 0;
    assert_ok(fv_synth_nuclei(ctx, &s, image, labels, &count));
    assert_true(count > 3);
    for (int64_t i = 0; i < H * W; i++)
        ((float *)picture.data)[i] = (float)((uint32_t *)labels.data)[i];
    for (int t = 0; t < FV_TARGET_COUNT; t++) {
        fv_target target = (fv_target)t;
        bool vectors = target == FV_TARGET_FLOWS || target == FV_TARGET_STARS ||
                       target == FV_TARGET_SHAPE;
        fv_tensor want = perfect(target, picture);
        for (int i = 0; i < FVI_VIEWS; i++) {
            double share = apart(target, true, i, picture, want);
            if (share > 0.001)
                fail_msg("%s, view %d: %.4f of the numbers differ",
                         fv_target_name(target), i, share);
            if (vectors && i > 0)
                assert_true(apart(target, false, i, picture, want) > 0.05);
        }
        free(want.data);
    }
    free(image.data);
    free(labels.data);
    free(picture.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(where_pixels_go),
        cmocka_unit_test(directions_turn),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
