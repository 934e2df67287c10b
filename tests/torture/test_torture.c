/* The program when the n-th allocation fails, for every n, when the disk is
 * full, and when its model is cut off at byte n: an error and one sentence, no
 * crash, no hang, no leak, nothing half written. */
#include "fvtest.h"
#include "sandbox.h"

#include "fovea/fovea.h"

#include <sys/stat.h>

/* ---- what the verbs work on ---- */

static const char *const tiny_unet[][2] = {
    {"in", "1"}, {"out", "3"}, {"base", "4"}, {"depth", "1"}};
static const char *const class_names[] = {"a", "b"};

/* A small model with random weights: its answers do not matter here. */
static int make_model(const char *task, const char *out, const char *file)
{
    fv_ctx *ctx;
    const fv_arch *arch;
    void *config;
    fv_model *m;
    if (fv_ctx_new(NULL, &ctx) != FV_OK ||
        fv_arch_find(ctx, "unet", &arch) != FV_OK ||
        fv_config_new(ctx, arch, &config) != FV_OK)
        return 1;
    for (int i = 0; i < 4; i++)
        if (fv_field_set(ctx, arch->fields, config, tiny_unet[i][0],
                         i == 1 ? out : tiny_unet[i][1]) != FV_OK)
            return 2;
    if (fv_model_new(ctx, arch, config, 1, &m) != FV_OK)
        return 3;
    m->target = FV_TARGET_BOUNDARY;
    snprintf(m->task, sizeof m->task, "%s", task);
    m->side = 32;
    m->uncertainty = strcmp(task, "restore") == 0;
    int classes = strcmp(task, "classify") == 0 ? 2 : 0;
    int failed = fv_model_set_classes(ctx, m, class_names, classes) != FV_OK ||
                 fv_model_make_check(ctx, m) != FV_OK ||
                 fv_model_write(ctx, file, m, FV_WEIGHTS_F32) != FV_OK;
    if (failed)
        fprintf(stderr, "%s\n", fv_message(ctx));
    fv_model_free(ctx, m);
    fv_ctx_free(ctx);
    return failed;
}

static int make_models(void)
{
    return make_model("segment", "3", "tiny.fovea") ||
           make_model("restore", "2", "clean.fovea") ||
           make_model("classify", "2", "class.fovea");
}

/* A table of predictions, and pictures in folders named after classes. */
static bool make_classes(void)
{
    static const char table[] = "file\tclass\ta\tb\n"
                                "x/field_001.tif\ta\t0.75\t0.25\n"
                                "x/field_002.tif\ta\t0.75\t0.25\n";
    static const char truth[] = "id,class\nfield_001,a\nfield_002,b\n";
    static const char *const from[] = {
        "field/images/field_001.tif", "field/images/field_002.tif",
        "field/labels/field_001.tif", "field/labels/field_002.tif"};
    static const char *const to[] = {"k/a/1.tif", "k/a/2.tif", "k/b/1.tif",
                                     "k/b/2.tif"};
    bool good = mkdir("k", 0700) == 0 && mkdir("k/a", 0700) == 0 &&
                mkdir("k/b", 0700) == 0 &&
                write_bytes("pred.tsv", table, sizeof table - 1) &&
                write_bytes("truth.csv", truth, sizeof truth - 1);
    for (int i = 0; i < 4 && good; i++) {
        long size;
        char *bytes = read_bytes(from[i], &size);
        good = bytes && write_bytes(to[i], bytes, size);
        free(bytes);
    }
    return good;
}

static int setup(void **state)
{
    (void)state;
    if (!sandbox_enter() || !sandbox_call(make_models))
        return 1;
    outcome o = sandbox_run("fovea synth -o field --count 4 --height 48 "
                            "--width 48 --nuclei 6 --diameter 12 -q",
                            (trouble){0});
    if (!o.ended || o.code != 0)
        fprintf(stderr, "setup: exit %d: %s\n", o.code, o.words);
    return !o.ended || o.code != 0 || !make_classes();
}

static int teardown(void **state)
{
    (void)state;
    sandbox_leave();
    return 0;
}

/* ---- the n-th allocation fails ---- */

static long number_from(const char *name, long fallback)
{
    const char *text = getenv(name);
    long n = text ? strtol(text, NULL, 10) : 0;
    return n > 0 ? n : fallback;
}

/* All of the first 40, then so many that about FV_TORTURE_RUNS are tried. */
static int64_t next(int64_t n, int64_t total)
{
    int64_t stride = total / number_from("FV_TORTURE_RUNS", 120) + 1;
    return n < 40 ? n + 1 : n + stride;
}

static void check_refusal(const char *line, const char *golden, trouble t)
{
    remove_tree("out");
    outcome o = sandbox_run(line, t);
    const char *how = t.forever ? "and all later" : "alone";
    long n = (long)t.refuse;
    if (!o.ended)
        fail_msg("%s: allocation %ld %s: signal %d %s", line, n, how, o.code,
                 o.words);
    if (o.refused == 0) /* on another path than the first run */
        return;
    if (o.code != 1 && o.code != 3)
        fail_msg("%s: allocation %ld %s: exit %d, expected 1 or 3; %s", line, n,
                 how, o.code, o.words);
    if (o.live)
        fail_msg("%s: allocation %ld %s: %ld blocks not given back", line, n,
                 how, (long)o.live);
    bool told = strncmp(o.words, "fovea", 5) == 0 || strstr(line, "doctor");
    if (!told) /* the doctor's report is its result */
        fail_msg("%s: allocation %ld %s: no sentence but '%s'", line, n, how,
                 o.words);
    if (o.unfinished)
        fail_msg("%s: allocation %ld %s: a temporary file stays", line, n, how);
    const char *different = golden ? first_difference("out", golden) : NULL;
    if (different)
        fail_msg("%s: allocation %ld %s: %s is half written", line, n, how,
                 different);
}

/* `steady`: the files in out/ are the same bytes each time. */
static void refuse_each(const char *line, bool steady)
{
    remove_tree("out");
    remove_tree("golden");
    outcome o = sandbox_run(line, (trouble){0});
    if (!o.ended || o.code != 0)
        fail_msg("%s: exit %d without any trouble: %s", line, o.code, o.words);
    assert_int_equal(o.live, 0);
    assert_true(o.asked > 0);
    if (access("out", F_OK) == 0)
        assert_int_equal(rename("out", "golden"), 0);
    for (int64_t n = 1; n <= o.asked; n = next(n, o.asked)) {
        trouble t = {.refuse = n, .forever = n % 2 == 0};
        check_refusal(line, steady ? "golden" : NULL, t);
        t.forever = !t.forever;
        if (n <= 40)
            check_refusal(line, steady ? "golden" : NULL, t);
    }
}

static void refused_memory_in_info(void **state)
{
    (void)state;
    refuse_each("fovea info tiny.fovea --json", true);
    refuse_each("fovea info field/images/field_001.tif", true);
}

static void refused_memory_in_plan(void **state)
{
    (void)state;
    refuse_each("fovea plan tiny.fovea --tile 64 --threads 1", true);
}

static void refused_memory_in_check(void **state)
{
    (void)state;
    refuse_each("fovea check tiny.fovea --threads 1", true);
}

static void refused_memory_in_segment(void **state)
{
    (void)state;
    refuse_each("fovea segment field/images/field_001.tif "
                "field/images/field_002.tif -o out --model tiny.fovea "
                "--threads 1 --save labels,overlay,rois,geojson,csv,maps -q",
                true);
}

static void refused_memory_in_measure(void **state)
{
    (void)state;
    refuse_each("fovea measure field/images/field_001.tif "
                "field/labels/field_001.tif",
                true);
}

static void refused_memory_in_score(void **state)
{
    (void)state;
    refuse_each("fovea score segment field/labels field/labels --json", true);
    refuse_each("fovea score segment field/labels field/labels --objects "
                "fates.csv --force",
                true);
}

static void refused_memory_in_filters(void **state)
{
    (void)state;
    refuse_each("fovea restore field/images/field_001.tif -o out --method nlm "
                "--threads 1 -q",
                true);
    refuse_each("fovea restore field/images -o out --method wiener --psf "
                "gaussian:1 --threads 1 --json",
                false);
    refuse_each("fovea score restore field/images field/images", true);
    refuse_each("fovea info field/images/field_001.tif --noise --json", true);
}

static void refused_memory_in_synth(void **state)
{
    (void)state;
    refuse_each("fovea synth degrade field/images/field_001.tif -o out -q",
                true);
    refuse_each("fovea synth -o out --count 2 --height 40 --width 40 "
                "--nuclei 5 --diameter 10 -q",
                true);
}

static void refused_memory_in_train(void **state)
{
    (void)state;
    refuse_each("fovea train --task segment --images field/images --labels "
                "field/labels -o out --config base=2,depth=1 --epochs 1 "
                "--steps 2 --batch 1 --crop 32 --val-fraction 0.25 "
                "--test-fraction 0 --threads 1 --size 0 -q",
                false);
}

static void refused_memory_in_restore(void **state)
{
    (void)state;
    refuse_each("fovea restore field/images/field_001.tif "
                "field/images/field_002.tif -o out --model clean.fovea "
                "--threads 1 --save restored,uncertainty,residual -q",
                true);
}

static void refused_memory_in_embed(void **state)
{
    (void)state;
    refuse_each("fovea embed k/a k/b --model class.fovea --threads 1 -o m.png "
                "--csv m.csv --size 64 --thumbnail 8 --force",
                true);
}

static void refused_memory_in_classify(void **state)
{
    (void)state;
    refuse_each("fovea classify k/a k/b --model class.fovea --threads 1 "
                "--embedding e.npy --force -q",
                true);
    refuse_each("fovea score classify pred.tsv truth.csv", true);
    refuse_each("fovea score classify pred.tsv truth.csv --json", true);
}

static void refused_memory_in_other_training(void **state)
{
    (void)state;
    refuse_each("fovea train --task restore --method n2v --images field/images "
                "-o out --config base=2,depth=1 --epochs 1 --steps 2 --batch 1 "
                "--crop 32 --val-fraction 0.25 --test-fraction 0 --threads 1 "
                "-q",
                false);
    refuse_each("fovea train --task restore --images field/images --targets "
                "field/labels --freeze down* -o out --config base=2,depth=1 "
                "--epochs 1 --steps 2 --batch 1 --crop 32 --val-fraction 0.25 "
                "--test-fraction 0 --threads 1 -q",
                false);
    refuse_each("fovea train --task restore --images field/images --targets "
                "field/images --labels field/labels --segment-model tiny.fovea "
                "-o out --config base=2,depth=1 --epochs 1 --steps 2 --batch 1 "
                "--crop 32 --val-fraction 0.25 --test-fraction 0 --threads 1 "
                "-q",
                false);
    refuse_each("fovea train --task embed --images k --val-images k -o out "
                "--config base=2,depth=1,bottleneck=3 --epochs 1 --steps 2 "
                "--batch 1 --crop 32 --threads 1 -q",
                false);
    refuse_each("fovea train --task classify --images k --val-images k -o out "
                "--config base=2,depth=1 --epochs 1 --steps 2 --batch 1 "
                "--crop 32 --threads 1 -q",
                false);
}

static void refused_memory_in_models_and_doctor(void **state)
{
    (void)state;
    refuse_each("fovea models", true);
    refuse_each("fovea doctor", true);
}

static void refused_memory_in_convert(void **state)
{
    (void)state;
    static const char *const files[] = {
        "dncnn-2019.pth a.fovea --inside params_ema", "dncnn.pth a.fovea"};
    for (int i = 0; i < 2; i++) {
        char line[1024];
        snprintf(line, sizeof line,
                 "fovea convert %s/golden/%s --arch dncnn --set "
                 "depth=4,width=3,batch_norm=0 --task restore --force "
                 "--threads 1",
                 getenv("FV_TEST_DIR"), files[i]);
        refuse_each(line, false);
    }
}

/* ---- the disk is full ---- */

static const char *const writers[] = {
    "fovea segment field/images/field_001.tif -o out --model tiny.fovea "
    "--threads 1 --save labels,overlay,rois,geojson,csv,maps -q",
    "fovea restore field/images -o out --method gaussian -q",
    "fovea synth -o out --count 1 --height 64 --width 64 --nuclei 5 "
    "--diameter 10 -q",
    "fovea train --task segment --images field/images --labels field/labels "
    "-o out --config base=2,depth=1 --epochs 1 --steps 2 --batch 1 --crop 32 "
    "--val-fraction 0.25 --test-fraction 0 --threads 1 --size 0 -q",
    "fovea restore field/images/field_001.tif -o out --model clean.fovea "
    "--threads 1 --save restored,uncertainty,residual -q",
};

static void check_full_disk(const char *line, outcome o, const char *how)
{
    if (!o.ended)
        fail_msg("%s: %s: signal %d", line, how, o.code);
    if (o.code != 1 && o.code != 3)
        fail_msg("%s: %s: exit %d: %s", line, how, o.code, o.words);
    assert_int_equal(o.live, 0);
    assert_int_equal(o.unfinished, 0);
}

static void files_that_cannot_grow(void **state)
{
    (void)state;
    static const long room[] = {0, 1, 40, 300, 700};
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
        for (size_t j = 0; j < sizeof room / sizeof *room; j++) {
            char how[40];
            trouble t = {.disk_full = true, .disk_bytes = room[j]};
            snprintf(how, sizeof how, "no file over %ld bytes", room[j]);
            remove_tree("out");
            check_full_disk(writers[i], sandbox_run(writers[i], t), how);
        }
}

static void disk_of_two_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        remove_tree("out");
        outcome o = sandbox_run(
            writers[i], (trouble){.small_disk = true, .disk_bytes = 8192});
        if (o.skipped) {
            print_message("skipped: only root can mount a small disk\n");
            skip();
        }
        check_full_disk(writers[i], o, "disk of 8192 bytes");
    }
}

static void results_that_cannot_be_printed(void **state)
{
    (void)state;
    static const char *const printers[] = {
        "fovea info tiny.fovea",
        "fovea plan tiny.fovea",
        "fovea score segment field/labels field/labels",
        "fovea measure field/images/field_001.tif field/labels/field_001.tif",
    };
    if (access("/dev/full", W_OK) != 0) {
        print_message("skipped: no /dev/full here\n");
        skip();
    }
    for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) {
        outcome o = sandbox_run(printers[i], (trouble){.output = "/dev/full"});
        if (!o.ended || o.code != 1)
            fail_msg("%s > /dev/full: exit %d, expected 1; %s", printers[i],
                     o.code, o.words);
    }
}

/* ---- the model is cut off ---- */

static void model_cut_at_every_byte(void **state)
{
    (void)state;
    long size;
    char *bytes = read_bytes("tiny.fovea", &size);
    assert_non_null(bytes);
    long stride = size / number_from("FV_TORTURE_RUNS", 120) + 1;
    for (long n = 0; n < size; n += n < 16 || n + 9 > size ? 1 : stride) {
        assert_true(write_bytes("cut.fovea", bytes, n));
        outcome o = sandbox_run("fovea info cut.fovea", (trouble){0});
        if (!o.ended || o.code != 1 || strncmp(o.words, "fovea", 5) != 0)
            fail_msg("info of a model cut at byte %ld of %ld: %s %d, %s", n,
                     size, o.ended ? "exit" : "signal", o.code, o.words);
        assert_int_equal(o.live, 0);
    }
    free(bytes);
}

/* One byte changed: an error, or a model; never a crash. */
static void model_with_one_byte_changed(void **state)
{
    (void)state;
    long size;
    char *bytes = read_bytes("tiny.fovea", &size);
    assert_non_null(bytes);
    long stride = size / number_from("FV_TORTURE_RUNS", 120) + 1;
    for (long n = 0; n < size; n += n < 64 ? 1 : stride) {
        bytes[n] = (char)(bytes[n] ^ 0x51);
        assert_true(write_bytes("bad.fovea", bytes, size));
        bytes[n] = (char)(bytes[n] ^ 0x51);
        outcome o = sandbox_run("fovea check bad.fovea", (trouble){0});
        if (!o.ended || o.code < 0 || o.code > 1)
            fail_msg("check of a model with byte %ld changed: %s %d, %s", n,
                     o.ended ? "exit" : "signal", o.code, o.words);
        assert_int_equal(o.live, 0);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_memory_in_info),
        cmocka_unit_test(refused_memory_in_plan),
        cmocka_unit_test(refused_memory_in_check),
        cmocka_unit_test(refused_memory_in_segment),
        cmocka_unit_test(refused_memory_in_measure),
        cmocka_unit_test(refused_memory_in_score),
        cmocka_unit_test(refused_memory_in_filters),
        cmocka_unit_test(refused_memory_in_synth),
        cmocka_unit_test(refused_memory_in_train),
        cmocka_unit_test(refused_memory_in_other_training),
        cmocka_unit_test(refused_memory_in_restore),
        cmocka_unit_test(refused_memory_in_classify),
        cmocka_unit_test(refused_memory_in_embed),
        cmocka_unit_test(refused_memory_in_models_and_doctor),
        cmocka_unit_test(refused_memory_in_convert),
        cmocka_unit_test(files_that_cannot_grow),
        cmocka_unit_test(disk_of_two_pages),
        cmocka_unit_test(results_that_cannot_be_printed),
        cmocka_unit_test(model_cut_at_every_byte),
        cmocka_unit_test(model_with_one_byte_changed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
