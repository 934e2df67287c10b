/* Values between products of bf16 numbers: smaller, and the same numbers. */
#include "base/base.h"
#include "context.h"
#include "fovea/plan.h"
#include "graph/plan_internal.h"

#include <math.h>

enum { TOKENS = 40, WIDTH = 64, COUNT = TOKENS * WIDTH };

typedef struct net {
    fv_graph *g;
    fv_val x, y;
    float *params;
} net;

/* The block of a transformer, without GELU, which is another one in bf16. */
static net block_of(int64_t images)
{
    net n;
    int64_t dim[] = {images, TOKENS, WIDTH};
    assert_int_equal(fv_graph_new(ctx, &n.g), FV_OK);
    n.x = fv_input(n.g, "x", 3, dim);
    fv_val x = n.x, y = fv_layer_norm(n.g, "norm1", x, 1e-6f);
    y = fv_attend_to_self(n.g, "attention", fv_linear(n.g, "qkv", y, 3 * WIDTH),
                          (fv_attention){.heads = 2});
    x = fv_add(n.g, x, fv_linear(n.g, "out", y, WIDTH));
    y = fv_linear(n.g, "in", fv_layer_norm(n.g, "norm2", x, 1e-6f), 100);
    n.y = fv_add(n.g, fv_linear(n.g, "mlp", fv_relu(n.g, y), WIDTH), x);
    fv_output(n.g, "y", n.y);
    assert_int_equal(fv_graph_check(ctx, n.g), FV_OK);
    n.params = fvi_alloc(ctx, (size_t)fv_param_count(n.g, 0) * 4);
    fv_params_init(n.g, 1, n.params);
    return n;
}

static void drop(net *n)
{
    fvi_free(ctx, n->params);
    fv_graph_free(n->g);
}

static fv_status plan_of(const net *n, int64_t images, int keep_all,
                         fv_plan **p)
{
    fv_tensor in =
        fv_dense(NULL, FV_F32, 3, (int64_t[]){images, TOKENS, WIDTH});
    fv_plan_options o = {.precision = FV_BF16, .keep_all = keep_all};
    FV_TRY(fv_plan_new(ctx, n->g, &in, o, n->params, NULL, p));
    float *x = fv_plan_at(*p, n->x).data;
    for (int64_t i = 0; i < images * COUNT; i++)
        x[i] = (float)sin((double)(i * i % 1000));
    assert_int_equal(fv_plan_run(ctx, *p), FV_OK);
    return FV_OK;
}

static int tiled_values(const fv_plan *p)
{
    int count = 0;
    for (int i = 0; i < p->graph->nodes; i++)
        count += p->value[i].tiled;
    return count;
}

static bool reads_tiles(const fv_plan *p)
{
    bool reads = false;
    for (int i = 0; i < p->steps; i++)
        reads |= (p->step[i].tiled & FVI_TILED_X(0)) != 0;
    return reads;
}

static void tiles_change_no_bit(void **state)
{
    (void)state;
    for (int64_t images = 1; images <= 2; images++) {
        net n = block_of(images);
        fv_plan *plain = NULL, *joined = NULL;
        fv_status status = plan_of(&n, images, 1, &plain);
        const size_t size = (size_t)(images * COUNT) * sizeof(float);
        for (int threads = 1; status == FV_OK && threads <= 3; threads++) {
            fv_set_threads(ctx, threads);
            assert_int_equal(plan_of(&n, images, 0, &joined), FV_OK);
            assert_int_equal(tiled_values(plain), 0);
            if (reads_tiles(joined)) /* 40 tokens are no whole blocks of two */
                assert_int_equal(tiled_values(joined), images == 1 ? 5 : 3);
            assert_memory_equal(fv_plan_at(plain, n.y).data,
                                fv_plan_at(joined, n.y).data, size);
            fv_plan_free(joined);
        }
        fv_set_threads(ctx, 0);
        fv_plan_free(plain);
        drop(&n);
        assert_true(status == FV_OK || status == FV_ENOTSUP);
        if (status == FV_ENOTSUP)
            skip();
    }
}

static void sums_and_gelu_are_taken_along(void **state)
{
    int64_t dim[] = {3, 16};
    fv_tensor in = fv_dense(NULL, FV_F32, 2, dim);
    fv_graph *g;
    fv_plan *p;
    fv_plan_row rows[8];
    (void)state;
    assert_int_equal(fv_graph_new(ctx, &g), FV_OK);
    fv_val x = fv_input(g, "x", 2, dim);
    fv_val y = fv_gelu(g, fv_linear(g, "a", x, 16));
    y = fv_add(g, y, fv_linear(g, "b", y, 16));
    /* both are there only after both: one of them is added by the other */
    y = fv_add(g, fv_linear(g, "c", y, 16), fv_linear(g, "d", y, 16));
    fv_output(g, "y", y);
    float *params = fvi_calloc(ctx, (size_t)fv_param_count(g, 0), 4);
    fv_plan_options o = {.precision = FV_BF16};
    fv_status status = fv_plan_new(ctx, g, &in, o, params, NULL, &p);
    if (status == FV_OK) {
        assert_int_equal(fv_plan_rows(p, rows, 8), 4);
        assert_string_equal(rows[0].fused, "gelu");
        assert_string_equal(rows[1].fused, "add");
        assert_string_equal(rows[2].fused, "");
        assert_string_equal(rows[3].fused, "add");
        fv_plan_free(p);
        o.precision = FV_FULL;
        assert_int_equal(fv_plan_new(ctx, g, &in, o, params, NULL, &p), FV_OK);
        assert_int_equal(fv_plan_rows(p, NULL, 0), 7);
        fv_plan_free(p);
    }
    fvi_free(ctx, params);
    fv_graph_free(g);
    if (status == FV_ENOTSUP)
        skip();
    assert_int_equal(status, FV_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_change_no_bit),
        cmocka_unit_test(sums_and_gelu_are_taken_along),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
