/* Images and labels find each other, or one sentence says why not. */
#include "train_test.h"

#include "train/data.h"

static const double usual[2] = {1, 99.8};

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[512];
    join(path, folder, name);
    assert_ok(fvi_file_write(ctx, path, text, strlen(text)));
}

static void copy_disk(const place *p, const char *from, const char *folder,
                      const char *to)
{
    char path[512];
    unsigned char *bytes;
    size_t size;
    join(path, p->labels, from);
    assert_ok(fvi_file_read(ctx, path, 1 << 20, &bytes, &size));
    join(path, folder, to);
    assert_ok(fvi_file_write(ctx, path, bytes, size));
    fvi_free(ctx, bytes);
}

static void drop(const char *folder, const char *name)
{
    char path[512];
    join(path, folder, name);
    assert_int_equal(unlink(path), 0);
}

static void names_pair_up(void **state)
{
    (void)state;
    place p = place_new();
    fv_pair *pairs;
    int64_t n;
    write_disks(p.images, p.labels, 3, 40);
    copy_disk(&p, "disk1.png", p.labels, "disk1_masks.png");
    drop(p.labels, "disk1.png");
    copy_disk(&p, "disk2.png", p.images, "disk2_labels.png");
    drop(p.labels, "disk2.png");
    write_text(p.images, "notes.txt", "not an image");
    assert_ok(fv_pairs_read(ctx, p.images, p.labels, 0, usual, &pairs, &n));
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "disk%d", i);
        assert_string_equal(pairs[i].name, name);
        assert_int_equal(pairs[i].plane.dim[2], 1);
        assert_int_equal(((uint32_t *)pairs[i].labels.data)[11 * 40 + 11], 1);
    }
    fv_pairs_free(ctx, pairs, n);
    assert_ok(fv_pairs_read(ctx, p.images, p.labels, 3, usual, &pairs, &n));
    assert_int_equal(pairs[0].plane.dim[2], 3);
    fv_pairs_free(ctx, pairs, n);
    place_free(&p);
}

static void missing_labels_are_named(void **state)
{
    (void)state;
    place p = place_new();
    fv_pair *pairs;
    int64_t n;
    assert_fails(fv_pairs_read(ctx, p.images, p.labels, 0, usual, &pairs, &n),
                 FV_EINVAL, "no image");
    write_disks(p.images, p.labels, 2, 40);
    drop(p.labels, "disk1.png");
    assert_fails(fv_pairs_read(ctx, p.images, p.labels, 0, usual, &pairs, &n),
                 FV_EINVAL, "disk1.png");
    assert_fails(fv_pairs_read(ctx, p.images, "/nowhere", 0, usual, &pairs, &n),
                 FV_EIO, "/nowhere");
    copy_disk(&p, "disk0.png", p.images, "disk0.tif");
    assert_fails(fv_pairs_read(ctx, p.images, p.labels, 0, usual, &pairs, &n),
                 FV_EINVAL, "same name");
    place_free(&p);
}

static void sizes_must_agree(void **state)
{
    (void)state;
    place p = place_new();
    fv_pair *pairs;
    int64_t n;
    write_disks(p.images, p.labels, 1, 40);
    fv_tensor other = labels_of(40, 41);
    write_labels(p.labels, "disk0.png", other);
    assert_fails(fv_pairs_read(ctx, p.images, p.labels, 0, usual, &pairs, &n),
                 FV_ESHAPE, "40x40");
    free(other.data);
    place_free(&p);
}

static void odd_pixels_do_no_harm(void **state)
{
    (void)state;
    place p = place_new();
    fv_pair *pairs;
    int64_t n, dim[2] = {20, 20};
    fv_image *im;
    fv_tensor empty = labels_of(20, 20);
    assert_ok(fv_image_new(ctx, FV_F32, "YX", dim, &im));
    for (int i = 0; i < 400; i++)
        ((float *)im->pixels.data)[i] = i % 7 ? (float)i : NAN;
    write_image(p.images, "nan.tif", im);
    for (int i = 0; i < 400; i++)
        ((float *)im->pixels.data)[i] = 3;
    write_image(p.images, "flat.tif", im);
    write_labels(p.labels, "nan.tif", empty);
    write_labels(p.labels, "flat.tif", empty);
    assert_ok(fv_pairs_read(ctx, p.images, p.labels, 0, usual, &pairs, &n));
    assert_int_equal(n, 2);
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < 400; i++)
            assert_true(isfinite(((float *)pairs[k].plane.data)[i]));
    assert_near(((float *)pairs[0].plane.data)[17], 0, 0); /* flat */
    fv_pairs_free(ctx, pairs, n);
    fv_image_free(ctx, im);
    free(empty.data);
    place_free(&p);
}

static int count(const fvi_sources *s, fvi_role role)
{
    int n = 0;
    for (int64_t i = 0; i < s->count; i++)
        n += s->item[i].role == role;
    return n;
}

static void the_seed_splits(void **state)
{
    (void)state;
    place p = place_new();
    fvi_sources a, b;
    write_disks(p.images, p.labels, 20, 24);
    fv_train_options o = quick_options(&p);
    o.val_fraction = 0.2;
    o.test_fraction = 0.1;
    assert_ok(fvi_sources_find(ctx, p.images, p.labels, &a));
    assert_ok(fvi_split(ctx, &o, &a));
    assert_int_equal(count(&a, FVI_FOR_TEST), 2);
    assert_int_equal(count(&a, FVI_FOR_VALIDATION), 4);
    assert_int_equal(count(&a, FVI_FOR_TRAINING), 14);
    o.seed = 2;
    assert_ok(fvi_sources_find(ctx, p.images, p.labels, &b));
    assert_ok(fvi_split(ctx, &o, &b));
    int same = 0;
    for (int64_t i = 0; i < a.count; i++)
        same += a.item[i].role == b.item[i].role;
    assert_true(same < 20);
    fvi_sources_free(ctx, &a);
    fvi_sources_free(ctx, &b);
    place_free(&p);
}

static void a_table_splits(void **state)
{
    (void)state;
    place p = place_new();
    fvi_sources s;
    char csv[512];
    write_disks(p.images, p.labels, 5, 24);
    write_text(p.root, "split.csv",
               "id,type,split\r\ndisk0,a,train\r\n\"disk1\",b,val\r\n"
               "disk2.png,\"c\",test\r\ndisk3,a,train\r\n");
    join(csv, p.root, "split.csv");
    fv_train_options o = quick_options(&p);
    o.split_csv = csv;
    assert_ok(fvi_sources_find(ctx, p.images, p.labels, &s));
    assert_ok(fvi_split(ctx, &o, &s));
    static const fvi_role want[] = {FVI_FOR_TRAINING, FVI_FOR_VALIDATION,
                                    FVI_FOR_TEST, FVI_FOR_TRAINING, FVI_UNUSED};
    for (int i = 0; i < 5; i++)
        assert_int_equal(s.item[i].role, want[i]);
    o.only = "type=b,c";
    assert_ok(fvi_split(ctx, &o, &s));
    assert_int_equal(count(&s, FVI_FOR_TRAINING), 0);
    assert_int_equal(count(&s, FVI_FOR_VALIDATION), 1);
    o.only = "stain=b";
    assert_fails(fvi_split(ctx, &o, &s), FV_EINVAL, "stain");
    o.only = NULL;
    write_text(p.root, "split.csv", "id,split\ndisk9,train\n");
    assert_fails(fvi_split(ctx, &o, &s), FV_EINVAL, "disk9");
    write_text(p.root, "split.csv", "id,split\ndisk1,later\n");
    assert_fails(fvi_split(ctx, &o, &s), FV_EINVAL, "later");
    write_text(p.root, "split.csv", "id\tsplit\ndisk1\ttrain\ndisk2\t");
    assert_ok(fvi_split(ctx, &o, &s));
    assert_int_equal(s.item[1].role, FVI_FOR_TRAINING);
    assert_int_equal(s.item[2].role, FVI_UNUSED);
    write_text(p.root, "split.csv", "id,split,note\n\"disk1\",train,");
    assert_ok(fvi_split(ctx, &o, &s));
    write_text(p.root, "split.csv", "id,split\ndisk1\n");
    assert_fails(fvi_split(ctx, &o, &s), FV_EFORMAT, "row 2");
    fvi_sources_free(ctx, &s);
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_pair_up),
        cmocka_unit_test(missing_labels_are_named),
        cmocka_unit_test(sizes_must_agree),
        cmocka_unit_test(odd_pixels_do_no_harm),
        cmocka_unit_test(the_seed_splits),
        cmocka_unit_test(a_table_splits),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
