/* Weights of other programs: PyTorch's own files give PyTorch's answers
 * (tools/make_golden_torch.py), and nothing else in a pickle is believed. */
#include "golden.h"
#include "make.h"

#include "model/foreign.h"
#include "model/model.h"

static fv_ctx *ctx;
static char folder[64], path[128];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-import-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/a.pth", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int open_ctx(void **state)
{
    (void)state;
    return fv_ctx_new(NULL, &ctx) != FV_OK;
}

/* Everything that was taken was given back. */
static int close_ctx(void **state)
{
    size_t live, peak;
    (void)state;
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    return live != 0;
}

static const char *golden_path(const char *name)
{
    static char text[1024];
    const char *tests = getenv("FV_TEST_DIR");
    snprintf(text, sizeof text, "%s/golden/%s", tests ? tests : "tests", name);
    return text;
}

static fv_model *dncnn(const char *norm)
{
    const char *const settings[][2] = {
        {"depth", "4"}, {"width", "3"}, {"batch_norm", norm}, {NULL, NULL}};
    return make_model(ctx, "dncnn", settings, 1);
}

static void answers_as(fv_model *m, const char *name, double tolerance)
{
    golden g = golden_read("torch.txt");
    fv_tensor image = golden_find(&g, "torch", "image");
    fv_tensor want = golden_find(&g, "torch", name);
    fv_tensor in = fv_dense(NULL, FV_F32, 4, image.dim), out;
    float numbers[64];
    assert_int_equal(fv_count(image), 64);
    for (int i = 0; i < 64; i++)
        numbers[i] = (float)((double *)image.data)[i];
    in.data = numbers;
    assert_int_equal(fvi_model_answer(ctx, m, m->params, NULL, in, &out),
                     FV_OK);
    assert_int_equal(fv_count(out), 64);
    for (int i = 0; i < 64; i++)
        assert_near(((float *)out.data)[i], ((double *)want.data)[i],
                    tolerance);
    fv_plane_free(ctx, &out);
    golden_free(&g);
}

static void expect(fv_model *m, const char *file, const char *names,
                   const char *inside, fv_status status, const char *part)
{
    assert_int_equal(fv_model_import(ctx, m, file, names, inside), status);
    if (!strstr(fv_message(ctx), part))
        fail_msg("'%s' does not contain '%s'", fv_message(ctx), part);
    assert_null(strchr(fv_message(ctx), '\n'));
}

/* ---- whole files ---- */

static void test_archive(void **state)
{
    (void)state;
    fv_model *m = dncnn("0");
    assert_int_equal(
        fv_model_import(ctx, m, golden_path("dncnn.pth"), NULL, NULL), FV_OK);
    answers_as(m, "dncnn", 1e-6);
    fv_model_free(ctx, m);
}

/* Strided views, and two dicts of which one is meant. */
static void test_before_archives(void **state)
{
    (void)state;
    fv_model *m = dncnn("0");
    const char *file = golden_path("dncnn-2019.pth");
    assert_int_equal(fv_model_import(ctx, m, file, "kair", "params_ema"),
                     FV_OK);
    answers_as(m, "dncnn", 1e-6);
    expect(m, file, NULL, NULL, FV_EFORMAT, "say which");
    expect(m, file, NULL, "nothing", FV_EFORMAT, "has no tensor");
    fv_model_free(ctx, m);
}

static void test_norms_and_halves(void **state)
{
    (void)state;
    fv_model *m = dncnn("1");
    assert_int_equal(
        fv_model_import(ctx, m, golden_path("dncnn-half.pth"), NULL, NULL),
        FV_OK);
    answers_as(m, "dncnn-half", 1e-6);
    fv_model_free(ctx, m);
}

static void test_transposed(void **state)
{
    (void)state;
    const char *const settings[][2] = {{"base", "2"},       {"depth", "1"},
                                       {"convs", "1"},      {"batch_norm", "0"},
                                       {"up", "transpose"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "unet", settings, 1);
    assert_int_equal(
        fv_model_import(ctx, m, golden_path("unet.pth"), NULL, NULL), FV_OK);
    answers_as(m, "unet", 1e-6);
    fv_model_free(ctx, m);
}

/* The same tensors in the other container. */
static void test_safetensors(void **state)
{
    (void)state;
    fvi_foreign f;
    fv_model *m = dncnn("0");
    assert_int_equal(fvi_foreign_open(ctx, golden_path("dncnn.pth"), &f),
                     FV_OK);
    assert_int_equal(f.count, 8);
    fvi_st_item item[8];
    float numbers[8][128];
    for (size_t i = 0; i < 8; i++) {
        const fvi_foreign_tensor *t = &f.tensor[i];
        assert_int_equal(fvi_foreign_numbers(&f, t, numbers[i]), FV_OK);
        item[i] =
            (fvi_st_item){t->name, FVI_ST_F32, t->ndim, t->dim, numbers[i]};
    }
    assert_int_equal(fvi_st_write(ctx, path, NULL, 0, item, 8), FV_OK);
    assert_int_equal(fv_model_import(ctx, m, path, NULL, NULL), FV_OK);
    answers_as(m, "dncnn", 1e-6);
    assert_int_equal(fvi_st_write(ctx, path, NULL, 0, item, 7), FV_OK);
    expect(m, path, NULL, NULL, FV_EFORMAT, "has no tensor 'model.6.bias'");
    fvi_foreign_close(&f);
    fv_model_free(ctx, m);
}

/* ---- weights of something else ---- */

static void test_misfits(void **state)
{
    (void)state;
    const char *const deep[][2] = {
        {"depth", "3"}, {"width", "3"}, {"batch_norm", "0"}, {NULL, NULL}};
    const char *const wide[][2] = {
        {"depth", "4"}, {"width", "5"}, {"batch_norm", "0"}, {NULL, NULL}};
    const char *file = golden_path("dncnn.pth");
    fv_model *m = make_model(ctx, "dncnn", deep, 1);
    expect(m, file, NULL, NULL, FV_EFORMAT, "expected f32[1,3,3,3]");
    fv_model_free(ctx, m);
    m = make_model(ctx, "dncnn", wide, 1);
    expect(m, file, NULL, NULL, FV_EFORMAT, "expected f32[5,1,3,3]");
    expect(m, file, "keras", NULL, FV_EINVAL, "expected one of kair");
    expect(m, file, "same", NULL, FV_EFORMAT, "has no tensor 'conv1.weight'");
    fv_model_free(ctx, m);
    m = make_unet(ctx, "1", "2", "1", "1");
    expect(m, file, NULL, NULL, FV_EFORMAT, "has no tensor 'down0.conv1");
    expect(m, "/nowhere/a.pth", NULL, NULL, FV_EIO, "/nowhere/a.pth");
    fv_model_free(ctx, m);
}

/* A network that all of whose weights are there, and more. */
static void test_left_over(void **state)
{
    (void)state;
    const char *const settings[][2] = {{"kernel", "1"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "conv", settings, 1);
    const float x[2] = {2, 3};
    const int64_t dim[4] = {1, 1, 1, 1};
    char name[2][32];
    for (int i = 0; i < 2; i++) {
        snprintf(name[i], 32, "%s", fv_param_at(m->graph, i).name);
        *strchr(name[i], '/') = '.';
    }
    const fvi_st_item item[] = {{name[0], FVI_ST_F32, 4, dim, x},
                                {name[1], FVI_ST_F32, 1, dim, x + 1},
                                {"more", FVI_ST_F32, 1, dim, x}};
    assert_int_equal(fvi_st_write(ctx, path, NULL, 0, item, 2), FV_OK);
    assert_int_equal(fv_model_import(ctx, m, path, NULL, NULL), FV_OK);
    assert_near(m->params[0] + m->params[1], 5, 0);
    assert_int_equal(fvi_st_write(ctx, path, NULL, 0, item, 3), FV_OK);
    expect(m, path, NULL, NULL, FV_EFORMAT, "'more' has no place");
    fv_model_free(ctx, m);
}

/* ---- hostile files ---- */

static fv_status open_bytes(const void *bytes, size_t size)
{
    fvi_foreign f = {.ctx = ctx};
    unsigned char *copy = fvi_alloc(ctx, size + 1);
    memcpy(copy, bytes, size);
    fv_status status = fvi_torch_open(&f, copy, size);
    float x[4096];
    for (size_t i = 0; i < f.count && status == FV_OK; i++) {
        int64_t n = 1;
        for (int k = 0; k < f.tensor[i].ndim; k++)
            n *= f.tensor[i].dim[k] < 4096 ? f.tensor[i].dim[k] : 4096;
        if (n <= 4096)
            (void)!fvi_foreign_numbers(&f, &f.tensor[i], x);
    }
    fvi_foreign_close(&f);
    return status;
}

static unsigned char *golden_bytes(const char *name, size_t *size)
{
    unsigned char *bytes;
    assert_int_equal(
        fvi_file_read(ctx, golden_path(name), 1 << 20, &bytes, size), FV_OK);
    return bytes;
}

static void every_cut_fails(const char *name)
{
    size_t size;
    unsigned char *bytes = golden_bytes(name, &size);
    for (size_t n = 0; n < size; n++)
        assert_int_not_equal(open_bytes(bytes, n), FV_OK);
    assert_int_equal(open_bytes(bytes, size), FV_OK);
    fvi_free(ctx, bytes);
}

static void test_cut_short(void **state)
{
    (void)state;
    every_cut_fails("dncnn.pth");
    every_cut_fails("dncnn-2019.pth");
}

/* Any byte may be anything: an error or other numbers, never a crash. */
static void test_every_byte(void **state)
{
    (void)state;
    static const char *const names[] = {"dncnn.pth", "dncnn-2019.pth"};
    static const unsigned char to[] = {0x00, 0xff, '(', '.', 'R'};
    for (int k = 0; k < 2; k++) {
        size_t size;
        unsigned char *bytes = golden_bytes(names[k], &size);
        for (size_t i = 0; i < size; i++)
            for (size_t v = 0; v < sizeof to; v++) {
                unsigned char keep = bytes[i];
                bytes[i] = to[v];
                (void)!open_bytes(bytes, size);
                bytes[i] = keep;
            }
        fvi_free(ctx, bytes);
    }
}

static void refuse(const char *bytes, size_t size, fv_status status,
                   const char *part)
{
    fvi_pickle p;
    assert_int_equal(
        fvi_pickle_read(ctx, (const unsigned char *)bytes, size, &p), status);
    if (!strstr(fv_message(ctx), part))
        fail_msg("'%s' does not contain '%s'", fv_message(ctx), part);
}

#define REFUSE(text, status, part) refuse(text, sizeof text - 1, status, part)

static void test_only_data(void **state)
{
    (void)state;
    REFUSE("\x80\x02"
           "cposix\nsystem\nX\x02\0\0\0ls\x85R.",
           FV_ENOTSUP, "asks for 'posix.system'");
    REFUSE("\x80\x04\x8c\x08"
           "builtins\x8c\x04"
           "eval\x93.",
           FV_ENOTSUP, "asks for 'builtins.eval'");
    REFUSE("\x80\x02"
           "cto\x07rch\nFloat\nq\0.",
           FV_ENOTSUP, "asks for 'to?rch.Float'");
    REFUSE("\x80\x02"
           "ctorch\nFloatStorage\n)R.",
           FV_EFORMAT, "calls a type");
    REFUSE("\x80\x02]K\x01\x85R.", FV_EFORMAT, "cannot be called");
    REFUSE("\x80\x02(i__main__\nX\n.", FV_ENOTSUP, "operation 0x69");
    REFUSE("\x80\x01N.", FV_ENOTSUP, "protocol 1");
}

static void test_damaged_pickles(void **state)
{
    (void)state;
    REFUSE("", FV_EFORMAT, "cut short");
    REFUSE(".", FV_EFORMAT, "one value");
    REFUSE("(.", FV_EFORMAT, "one value");
    REFUSE("NN.", FV_EFORMAT, "one value");
    REFUSE("Nt.", FV_EFORMAT, "mark");
    REFUSE("\x85.", FV_EFORMAT, "empty stack");
    REFUSE("(\x85.", FV_EFORMAT, "mark for a value");
    REFUSE("N(NNu.", FV_EFORMAT, "no container");
    REFUSE("}(Nu.", FV_EFORMAT, "no value");
    REFUSE("h\x05.", FV_EFORMAT, "recalls");
    REFUSE("Nr\xff\xff\xff\x7f.", FV_EFORMAT, "too high");
    REFUSE("X\xff\xff\xff\xff.", FV_EFORMAT, "cut short");
    REFUSE("\x8a\x09 123456789.", FV_EFORMAT, "64 bits");
    REFUSE("NNb.", FV_EFORMAT, "attributes");
    REFUSE("K\x01Q.", FV_EFORMAT, "storage");
    REFUSE("ccollections\nOrderedDict\n]K\x01"
           "a\x85R.",
           FV_EFORMAT, "no pair");
    REFUSE("ctorch._utils\n_rebuild_tensor_v2\n)R.", FV_EFORMAT,
           "not described");
}

/* A dict that holds itself ends. */
static void test_dict_in_itself(void **state)
{
    (void)state;
    static const char head[] = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19."
                               "\x80\x02M\xe9\x03."
                               "}X\x0d\0\0\0little_endian\x88s."
                               "}q\0X\x01\0\0\0ah\0s.].";
    assert_int_equal(open_bytes(head, sizeof head - 1), FV_EFORMAT);
    assert_non_null(strstr(fv_message(ctx), "dicts over"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_ctx, close_ctx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_archive),          TEST(test_before_archives),
        TEST(test_norms_and_halves), TEST(test_transposed),
        TEST(test_safetensors),      TEST(test_misfits),
        TEST(test_left_over),        TEST(test_cut_short),
        TEST(test_every_byte),       TEST(test_only_data),
        TEST(test_damaged_pickles),  TEST(test_dict_in_itself),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
