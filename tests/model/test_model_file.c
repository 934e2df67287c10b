/* .fovea files: what is written is read, and nothing damaged is believed. */
#include "fvtest.h"
#include "german.h"
#include "make.h"

#include "model/safetensors.h"
#include "model/style.h"

static char folder[64];
static char path[96];

static fv_ctx *new_ctx(void)
{
    fv_ctx *ctx;
    assert_int_equal(fv_ctx_new(NULL, &ctx), FV_OK);
    fv_set_threads(ctx, 1);
    return ctx;
}

static void end_ctx(fv_ctx *ctx)
{
    size_t live, peak;
    fv_memory(ctx, &live, &peak);
    assert_int_equal(live, 0);
    fv_ctx_free(ctx);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-model-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/a.fovea", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void set_text(fv_ctx *ctx, char **to, const char *text)
{
    fv_text_free(ctx, *to);
    *to = fvi_strdup(ctx, text);
}

static void round_trip(fv_weights kind, double tolerance)
{
    fv_ctx *ctx = new_ctx();
    fv_model *a = make_unet(ctx, "1", "4", "3", "3"), *b;
    set_text(ctx, &a->card, "{\"title\":\"t\\\"\\u00e9\\n\"}");
    a->percentile[0] = 0.1;
    a->diameter = 17.3;
    a->diameters[0] = 9.1;
    a->diameters[1] = 31;
    a->pitch_um[0] = 0.2;
    a->pitch_um[1] = 1.0 / 3;
    a->target = FV_TARGET_BOUNDARY;
    a->views = 4;
    a->rescaled = 1;
    int sizes = 0;
    float size[64] = {0.25f, -3, 0, 1e-20f};
    assert_int_equal(fvi_size_numbers(ctx, a, &sizes), FV_OK);
    assert_in_range(sizes, 5, 64);
    assert_int_equal(fv_model_set_size(ctx, a, size, sizes), FV_OK);
    a->decode = (fv_decode_options){0.37, 0.61, 55, 0};
    assert_int_equal(fv_model_make_check(ctx, a), FV_OK);
    assert_int_equal(fv_model_write(ctx, path, a, kind), FV_OK);
    assert_int_equal(fv_model_read(ctx, path, &b), FV_OK);
    assert_string_equal(b->arch->name, "unet");
    assert_string_equal(b->card, a->card);
    assert_string_equal(b->history, "{}");
    assert_memory_equal(b->percentile, a->percentile, sizeof a->percentile);
    assert_memory_equal(b->pitch_um, a->pitch_um, sizeof a->pitch_um);
    assert_near(b->diameter, 17.3, 0);
    assert_memory_equal(b->diameters, a->diameters, sizeof a->diameters);
    assert_near(b->decode.threshold, 0.37, 0);
    assert_near(b->decode.seed, 0.61, 0);
    assert_int_equal(b->views, 4);
    assert_int_equal(b->rescaled, 1);
    assert_int_equal(b->size_count, sizes);
    assert_memory_equal(b->size, size, (size_t)sizes * sizeof *size);
    assert_int_equal(b->decode.min_area, 55);
    assert_int_equal(b->decode.fill_holes, 0);
    assert_int_equal(b->target, FV_TARGET_BOUNDARY);
    assert_int_equal(fv_param_count(a->graph, 0), fv_param_count(b->graph, 0));
    for (int64_t i = 0; i < fv_param_count(a->graph, 0); i++)
        assert_near(b->params[i], a->params[i],
                    tolerance * fabs((double)a->params[i]));
    double error = 1;
    assert_int_equal(fv_model_check(ctx, b, NULL, &error), FV_OK);
    assert_near(error, 0, 1e-6);
    fv_model_free(ctx, a);
    fv_model_free(ctx, b);
    end_ctx(ctx);
}

static void test_round_trip_f32(void **state)
{
    (void)state;
    round_trip(FV_WEIGHTS_F32, 0);
}

static void test_round_trip_bf16(void **state)
{
    (void)state;
    round_trip(FV_WEIGHTS_BF16, 1.0 / 256);
}

static void test_round_trip_f16(void **state)
{
    (void)state;
    round_trip(FV_WEIGHTS_F16, 1.0 / 2048 + 1e-5);
}

/* A changed weight is found by the check. */
static void test_check_sees_damage(void **state)
{
    (void)state;
    fv_ctx *ctx = new_ctx();
    fv_model *m = make_unet(ctx, "1", "4", "1", "1");
    double error = 0;
    assert_int_equal(fv_model_check(ctx, m, NULL, &error), FV_ENOTSUP);
    assert_int_equal(fv_model_make_check(ctx, m), FV_OK);
    m->params[0] += 1;
    assert_int_equal(fv_model_check(ctx, m, NULL, &error), FV_OK);
    assert_true(error > 1e-3);
    fv_model_free(ctx, m);
    end_ctx(ctx);
}

static void write_small(fv_ctx *ctx)
{
    const char *const settings[][2] = {
        {"in", "1"}, {"out", "1"}, {"kernel", "1"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "conv", settings, 1);
    assert_int_equal(fv_model_write(ctx, path, m, FV_WEIGHTS_F32), FV_OK);
    fv_model_free(ctx, m);
}

static void expect(fv_ctx *ctx, fv_status status, const char *part)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_read(ctx, path, &m), status);
    assert_null(m);
    if (!strstr(fv_message(ctx), part))
        fail_msg("'%s' does not contain '%s'", fv_message(ctx), part);
    assert_null(strchr(fv_message(ctx), '\n'));
}

static void test_every_truncation_fails(void **state)
{
    (void)state;
    fv_ctx *ctx = new_ctx();
    unsigned char *bytes;
    size_t size;
    write_small(ctx);
    assert_int_equal(fvi_file_read(ctx, path, 1 << 20, &bytes, &size), FV_OK);
    for (size_t n = 0; n < size; n++) {
        FILE *f = fopen(path, "wb");
        fwrite(bytes, 1, n, f);
        fclose(f);
        expect(ctx, FV_EFORMAT, path);
    }
    fvi_free(ctx, bytes);
    end_ctx(ctx);
}

/* Any second byte of the file changed: an error or a model, never a crash. */
static void test_changed_bytes(void **state)
{
    (void)state;
    fv_ctx *ctx = new_ctx();
    unsigned char *bytes;
    size_t size;
    write_small(ctx);
    assert_int_equal(fvi_file_read(ctx, path, 1 << 20, &bytes, &size), FV_OK);
    static const unsigned char values[] = {0, '9', '"'};
    for (size_t i = 0; i < size; i += 2) {
        unsigned char old = bytes[i];
        for (size_t v = 0; v < sizeof values; v++) {
            fv_model *m = NULL;
            bytes[i] = values[v];
            FILE *f = fopen(path, "wb");
            fwrite(bytes, 1, size, f);
            fclose(f);
            if (fv_model_read(ctx, path, &m) == FV_OK)
                fv_model_free(ctx, m);
        }
        bytes[i] = old;
    }
    fvi_free(ctx, bytes);
    end_ctx(ctx);
}

/* A file with the given header and `size` bytes of numbers. */
static void write_header(const char *header, size_t size)
{
    FILE *f = fopen(path, "wb");
    uint64_t n = strlen(header);
    for (int i = 0; i < 8; i++)
        fputc((int)(n >> 8 * i & 255), f);
    fputs(header, f);
    while (size--)
        fputc(0, f);
    fclose(f);
}

#define META_OF(config, input)                                          \
    "{\"__metadata__\":{\"fovea.format\":\"1\",\"fovea.arch\":"         \
    "\"conv\",\"fovea.config\":\"" config "\",\"fovea.input\":\"" input \
    "\",\"fovea.output\":\"{}\"},"
#define META(config) META_OF(config, "{}")
#define ONE          "{\\\"in\\\":1,\\\"out\\\":1,\\\"kernel\\\":1}"
#define WEIGHT                                                \
    "\"conv/weight\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1]," \
    "\"data_offsets\":[0,4]}"
#define BIAS                                                           \
    "\"conv/bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" \
    "[4,8]}"

static const struct {
    const char *header;
    size_t size;
    fv_status status;
    const char *part;
} lies[] = {
    {"{}", 0, FV_EFORMAT, "fovea.format"},
    {"[]", 0, FV_EFORMAT, "not a JSON object"},
    {"{", 0, FV_EFORMAT, "not a JSON object"},
    {META(ONE) WEIGHT "," BIAS "}", 9, FV_EFORMAT, "belong to no tensor"},
    {META(ONE) WEIGHT "," BIAS "}", 7, FV_EFORMAT, "cut short"},
    {META(ONE) WEIGHT "}", 4, FV_EFORMAT, "no tensor 'conv/bias'"},
    {META(ONE) WEIGHT
     "," BIAS
     ",\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[8,10]}}",
     10, FV_EFORMAT, "'x' is not part of the network"},
    {META(ONE) WEIGHT ",\"conv/bias\":{\"dtype\":\"F32\",\"shape\":[1],"
                      "\"data_offsets\":[2,6]}}",
     8, FV_EFORMAT, "overlaps"},
    {META(ONE) WEIGHT ",\"conv/bias\":{\"dtype\":\"F32\",\"shape\":[2],"
                      "\"data_offsets\":[4,8]}}",
     8, FV_EFORMAT, "its shape wants 8"},
    {META(ONE) WEIGHT ",\"conv/bias\":{\"dtype\":\"F32\",\"shape\":[2],"
                      "\"data_offsets\":[4,12]}}",
     12, FV_EFORMAT, "the network wants f32[1]"},
    {META(ONE) WEIGHT
     ",\"conv/bias\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,8],"
     "\"data_offsets\":[4,8]}}",
     8, FV_EFORMAT, "impossible shape"},
    {META(ONE) WEIGHT ",\"conv/bias\":{\"dtype\":\"F32\",\"shape\":[-1],"
                      "\"data_offsets\":[4,8]}}",
     8, FV_EFORMAT, "impossible shape"},
    {META(ONE) WEIGHT ",\"conv/bias\":{\"dtype\":\"F99\",\"shape\":[1],"
                      "\"data_offsets\":[4,8]}}",
     8, FV_EFORMAT, "unknown dtype"},
    {META(ONE) WEIGHT ",\"conv/bias\":{\"dtype\":\"I32\",\"shape\":[1],"
                      "\"data_offsets\":[4,8]}}",
     8, FV_ENOTSUP, "whole numbers"},
    {META(ONE) WEIGHT ",\"conv/bias\":{\"dtype\":\"F32\",\"shape\":[1],"
                      "\"data_offsets\":[4]}}",
     8, FV_EFORMAT, "no data_offsets"},
    {META_OF(ONE, "{\\\"channels\\\":2}") WEIGHT "," BIAS "}", 8, FV_EFORMAT,
     "channels are 2, the network takes 1"},
    {META_OF(ONE, "{\\\"diameter_low\\\":9}") WEIGHT "," BIAS "}", 8,
     FV_EFORMAT, "diameters from 9 to 0"},
    {META("{\\\"in\\\":0}") WEIGHT "," BIAS "}", 8, FV_EFORMAT, "in: 0"},
    {META("{\\\"inn\\\":1}") WEIGHT "," BIAS "}", 8, FV_EFORMAT, "'inn'"},
    {META("{\\\"in\\\":65536,\\\"out\\\":65536,\\\"kernel\\\":255}") WEIGHT
     "," BIAS "}",
     8, FV_EFORMAT, "the network wants"},
    {"{\"__metadata__\":{\"fovea.format\":\"2\"}}", 0, FV_ENOTSUP, "format 2"},
    {"{\"__metadata__\":{\"fovea.format\":\"1\",\"fovea.arch\":\"unett\"}}", 0,
     FV_EFORMAT, "unet"},
    {"{\"__metadata__\":{\"fovea.format\":1}}", 0, FV_EFORMAT, "not text"},
    {"{\"__metadata__\":[]}", 0, FV_EFORMAT, "not an object"},
};

static void test_lies(void **state)
{
    (void)state;
    fv_ctx *ctx = new_ctx();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        write_header(lies[i].header, lies[i].size);
        expect(ctx, lies[i].status, lies[i].part);
    }
    write_header(META(ONE) WEIGHT "," BIAS "}", 8); /* the truth is read */
    fv_model *m;
    assert_int_equal(fv_model_read(ctx, path, &m), FV_OK);
    fv_model_free(ctx, m);
    end_ctx(ctx);
}

static void test_huge_header(void **state)
{
    (void)state;
    fv_ctx *ctx = new_ctx();
    FILE *f = fopen(path, "wb");
    for (int i = 0; i < 16; i++)
        fputc(255, f);
    fclose(f);
    expect(ctx, FV_EFORMAT, "not a safetensors file");
    end_ctx(ctx);
}

static void test_write_refuses(void **state)
{
    (void)state;
    fv_ctx *ctx = new_ctx();
    fv_model *m = make_unet(ctx, "1", "2", "1", "1");
    unlink(path);
    set_text(ctx, &m->card, "not JSON");
    assert_int_equal(fv_model_write(ctx, path, m, FV_WEIGHTS_F32), FV_EINVAL);
    set_text(ctx, &m->card, "{}");
    m->params[0] = 1e6f;
    assert_int_equal(fv_model_write(ctx, path, m, FV_WEIGHTS_F16), FV_EINVAL);
    m->params[0] = NAN;
    assert_int_equal(fv_model_write(ctx, path, m, FV_WEIGHTS_F32), FV_EINVAL);
    assert_int_equal(access(path, F_OK), -1);
    m->params[0] = 1;
    assert_int_equal(fv_model_write(ctx, "/nowhere/a.fovea", m, FV_WEIGHTS_F32),
                     FV_EIO);
    fv_model_free(ctx, m);
    end_ctx(ctx);
}

static void test_locate(void **state)
{
    (void)state;
    fv_ctx *ctx = new_ctx();
    char *found;
    write_small(ctx);
    assert_int_equal(fv_model_locate(ctx, folder, "a", &found), FV_OK);
    assert_string_equal(found, path);
    fv_text_free(ctx, found);
    assert_int_equal(fv_model_locate(ctx, folder, "x/y.fovea", &found), FV_OK);
    assert_string_equal(found, "x/y.fovea");
    fv_text_free(ctx, found);
    assert_int_equal(fv_model_locate(ctx, folder, "b", &found), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "built in: a"));
    end_ctx(ctx);
}

static void test_any_locale(void **state)
{
    (void)state;
    german_or_skip();
    fv_ctx *ctx = new_ctx();
    fv_model *a = make_unet(ctx, "1", "4", "1", "3"), *b = NULL, *c = NULL;
    a->target = FV_TARGET_BOUNDARY;
    a->diameter = 17.3;
    snprintf(a->normalize, sizeof a->normalize, "mean_std");
    a->mean[0] = 0.25;
    a->deviation[0] = 1.5;
    fv_status wrote = fv_model_write(ctx, path, a, FV_WEIGHTS_F32);
    fv_status here = fv_model_read(ctx, path, &b);
    german_end();
    assert_int_equal(wrote, FV_OK);
    assert_int_equal(here, FV_OK);
    assert_int_equal(fv_model_read(ctx, path, &c), FV_OK);
    assert_near(b->diameter, 17.3, 0);
    assert_near(c->diameter, 17.3, 0);
    assert_near(b->mean[0], 0.25, 0);
    assert_near(c->deviation[0], 1.5, 0);
    fv_model_free(ctx, a);
    fv_model_free(ctx, b);
    fv_model_free(ctx, c);
    end_ctx(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_f32),
        cmocka_unit_test(test_round_trip_bf16),
        cmocka_unit_test(test_round_trip_f16),
        cmocka_unit_test(test_check_sees_damage),
        cmocka_unit_test(test_every_truncation_fails),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_huge_header),
        cmocka_unit_test(test_write_refuses),
        cmocka_unit_test(test_any_locale),
        cmocka_unit_test(test_locate),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
