/* The classifiers that come with fovea, on pictures drawn here: the answer is
 * known without any data set. Skipped in a tree without the models. */
#include "context.h"
#include "fovea/model.h"

#include <math.h>
#include <string.h>

typedef struct picture {
    const char *class_name;
    int64_t side, channels;
    float (*pixel)(double y, double x, int channel);
} picture;

/* ---- digits, white on black ---- */

static float ink(bool on)
{
    return on ? 255.0F : 0.0F;
}

static bool near_line(double y, double x, const double from[2],
                      const double to[2])
{
    double dy = to[0] - from[0], dx = to[1] - from[1];
    double t = ((y - from[0]) * dy + (x - from[1]) * dx) / (dy * dy + dx * dx);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypot(y - from[0] - t * dy, x - from[1] - t * dx) < 1.3;
}

static float zero(double y, double x, int channel)
{
    (void)channel;
    return ink(fabs(hypot((y - 13.5) / 1.3, x - 13.5) - 6) < 1.3);
}

static float one(double y, double x, int channel)
{
    (void)channel;
    return ink(near_line(y, x, (double[]){4, 14}, (double[]){23, 13}));
}

static float seven(double y, double x, int channel)
{
    (void)channel;
    return ink(near_line(y, x, (double[]){6, 7}, (double[]){6, 19}) ||
               near_line(y, x, (double[]){6, 19}, (double[]){23, 11}));
}

/* ---- blood cells ---- */

/* A disk of a color on plasma, with a soft edge. */
static float disk(double y, double x, double radius, const float color[3],
                  int channel)
{
    static const float plasma[3] = {193, 193, 192};
    double r = hypot(y - 23.5, x - 23.5);
    float share = (float)(1 / (1 + exp(r - radius)));
    return share * color[channel] + (1 - share) * plasma[channel];
}

static float red_cell(double y, double x, int channel)
{
    return disk(y, x, 22, (float[]){184, 159, 161}, channel);
}

static float white_cell(double y, double x, int channel)
{
    return disk(y, x, 30, (float[]){142, 115, 201}, channel);
}

static float platelet(double y, double x, int channel)
{
    return disk(y, x, 6, (float[]){158, 158, 196}, channel);
}

/* ---- asking ---- */

static fv_tensor draw(const picture *p)
{
    int64_t dim[3] = {p->side, p->side, p->channels};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    float *at = t.data = fvi_calloc(ctx, (size_t)fv_count(t), sizeof *at);
    assert_non_null(at);
    for (int64_t y = 0; y < p->side; y++)
        for (int64_t x = 0; x < p->side; x++)
            for (int c = 0; c < p->channels; c++)
                *at++ = p->pixel((double)y, (double)x, c);
    return t;
}

static void ask(fv_classifier *c, const fv_model *m, const picture *p)
{
    float says[16];
    fv_tensor t = draw(p);
    assert_in_range(m->classes, 2, 16);
    assert_ok(fv_classify(ctx, c, t, p->channels == 3, says, NULL));
    int best = 0;
    for (int k = 1; k < m->classes; k++)
        best = says[k] > says[best] ? k : best;
    if (strcmp(m->class_names[best], p->class_name) != 0)
        fail_msg("a '%s' is taken for '%s' (%.3f)", p->class_name,
                 m->class_names[best], (double)says[best]);
    assert_true(says[best] > 0.7F);
    fvi_free(ctx, t.data);
}

static void answers(const char *name, const picture *p, int count)
{
    static const char *const backends[] = {NULL, "ref"};
    char *path;
    fv_model *m;
    double error;
    if (fv_model_locate(ctx, NULL, name, &path) != FV_OK) {
        print_message("there is no model '%s'\n", name);
        skip();
    }
    assert_ok(fv_model_read(ctx, path, &m));
    fv_text_free(ctx, path);
    for (int i = 0; i < 2; i++) {
        fv_classifier *c;
        assert_ok(fv_model_check(ctx, m, backends[i], &error));
        assert_true(error < 1e-3);
        assert_ok(fv_classifier_new(ctx, m, backends[i], FV_FULL, &c));
        for (int k = 0; k < count; k++)
            ask(c, m, &p[k]);
        fv_classifier_free(c);
    }
    fv_model_free(ctx, m);
}

static void digits_are_told_apart(void **state)
{
    static const picture p[] = {
        {"0", 28, 1, zero}, {"1", 28, 1, one}, {"7", 28, 1, seven}};
    (void)state;
    answers("digits", p, 3);
}

static void blood_cells_are_told_apart(void **state)
{
    static const picture p[] = {{"RBC", 48, 3, red_cell},
                                {"WBC", 48, 3, white_cell},
                                {"Platelets", 48, 3, platelet}};
    (void)state;
    answers("blood-cells", p, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_told_apart),
        cmocka_unit_test(blood_cells_are_told_apart),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
