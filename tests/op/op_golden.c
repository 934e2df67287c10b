/* Operations and their gradients against golden.txt, which PyTorch computed in
 * double (make_golden.py). */
#include "checkop.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One problem of the file; NULL where it gives no numbers. */
typedef struct golden {
    checkop_problem p;
    checkop_data d;
    double *y, *dx[FVI_MAX_INPUTS], *after[FVI_MAX_INPUTS];
    int lines;
} golden;

static double *numbers(fv_ctx *ctx, const char *line, int64_t count)
{
    char *end;
    double divisor = strtod(line, &end);
    double *v = checkop_numbers(ctx, count);
    for (int64_t i = 0; i < count; i++) {
        const char *at = end;
        v[i] = strtod(at, &end) / divisor;
        if (end == at)
            fail_msg("%.40s...: %lld numbers, expected %lld", line,
                     (long long)i, (long long)count);
    }
    return v;
}

/* "x0 128 3 -5": into the right place. */
static void read_line(fv_ctx *ctx, golden *g, const char *line)
{
    char name[16];
    int used = 0;
    assert_int_equal(sscanf(line, "%15s %n", name, &used), 1);
    const char *rest = line + used;
    int i = name[strlen(name) - 1] - '0';
    bool numbered = i >= 0 && i < g->p.nx;
    g->lines++;
    if (strcmp(name, "y") == 0)
        g->y = numbers(ctx, rest, fv_count(g->p.y));
    else if (strcmp(name, "dy") == 0)
        g->d.dy = numbers(ctx, rest, fv_count(g->p.y));
    else if (numbered && name[0] == 'x')
        g->d.x[i] = numbers(ctx, rest, fv_count(g->p.x[i]));
    else if (numbered && name[0] == 'd')
        g->dx[i] = numbers(ctx, rest, fv_count(g->p.x[i]));
    else if (numbered && name[0] == 'a')
        g->after[i] = numbers(ctx, rest, fv_count(g->p.x[i]));
    else
        fail_msg("golden.txt: %s in %s", name, g->p.text);
}

static void near(const char *problem, const char *what, int i,
                 const double *found, const double *expected, int64_t count,
                 double relative)
{
    double most = 0;
    for (int64_t k = 0; k < count; k++)
        most = fmax(most, fabs(expected[k]));
    for (int64_t k = 0; k < count; k++)
        if (!(fabs(found[k] - expected[k]) <= relative * (most + 1e-3)))
            fail_msg("%s: %s%d[%lld] is %.14g, expected %.14g", problem, what,
                     i, (long long)k, found[k], expected[k]);
}

static void compare(fv_ctx *ctx, golden *g, const fvi_backend *b,
                    fv_dtype dtype, double relative)
{
    const checkop_problem *p = &g->p;
    checkop_subject s = {b->name, b->kernel[p->op], dtype, true, true, true};
    checkop_result r;
    fv_status status = checkop_run(ctx, p, &s, &g->d, (checkop_how){0}, &r);
    if (status != FV_OK)
        fail_msg("%s: %s", p->text, fv_message(ctx));
    near(p->text, "y", 0, r.y, g->y, fv_count(p->y), relative);
    for (int i = 0; i < p->nx; i++) {
        int64_t count = fv_count(p->x[i]);
        assert_int_equal(g->dx[i] != NULL, p->train && (p->want & (1u << i)));
        if (g->dx[i])
            near(p->text, "dx", i, r.dx[i], g->dx[i], count, relative);
        if (g->after[i])
            near(p->text, "x", i, r.x[i], g->after[i], count, relative);
    }
    checkop_result_free(ctx, p, &r);
}

/* Compares what was read and starts anew. */
static void finish(fv_ctx *ctx, golden *g)
{
    if (g->lines) {
        if (!g->d.dy)
            g->d.dy = checkop_numbers(ctx, fv_count(g->p.y));
        compare(ctx, g, &fvi_backend_ref64, FV_F64, 1e-12);
        compare(ctx, g, &fvi_backend_ref, FV_F32, 2e-6);
        for (int i = 0; i < g->p.nx; i++) {
            fvi_free(ctx, g->dx[i]);
            fvi_free(ctx, g->after[i]);
        }
        fvi_free(ctx, g->y);
        checkop_data_free(ctx, &g->p, &g->d);
    }
    *g = (golden){.lines = 0};
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    fv_ctx *ctx;
    unsigned char *text;
    size_t size, live, peak;
    char path[1024];
    const char *folder = getenv("FV_TEST_DIR");
    snprintf(path, sizeof path, "%s/op/golden.txt", folder ? folder : "tests");
    assert_int_equal(fv_ctx_new(NULL, &ctx), FV_OK);
    if (fvi_file_read(ctx, path, 1 << 20, &text, &size) != FV_OK)
        fail_msg("%s", fv_message(ctx));
    golden g = {.lines = 0};
    int problems = 0;
    for (char *line = (char *)text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        if (*line == '#')
            continue;
        if (strncmp(line, "problem ", 8) != 0) {
            read_line(ctx, &g, line);
            continue;
        }
        finish(ctx, &g);
        problems++;
        if (checkop_parse(ctx, line + 8, &g.p) != FV_OK)
            fail_msg("%s", fv_message(ctx));
    }
    finish(ctx, &g);
    assert_true(problems > 40);
    fvi_free(ctx, text);
    fv_memory(ctx, &live, &peak);
    assert_int_equal(live, 0);
    fv_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
