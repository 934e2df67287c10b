/* The smallest network that cannot be a straight line: a perceptron with one
 * hidden layer learns XOR. Graph, plan, forward, backward, optimizer. */
#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fv_ctx *ctx;

static void need(fv_status status)
{
    if (status == FV_OK)
        return;
    fprintf(stderr, "xor: %s\n", fv_message(ctx));
    exit(1);
}

/* 500 steps of Adam; weights, gradients and moments lie behind one another. */
static void learn(const fv_graph *g, fv_plan *p, fv_val loss, float *w)
{
    size_t n = (size_t)fv_param_count(g, 0);
    float *grad = w + n, *m1 = w + 2 * n, *m2 = w + 3 * n;
    fv_optim adam = fv_optim_default();
    adam.lr = 0.05;
    for (int step = 1; step <= 500; step++) {
        memset(grad, 0, n * sizeof *grad);
        need(fv_plan_run(ctx, p));
        need(fv_plan_backward(ctx, p, loss));
        need(fv_optim_step(ctx, g, &adam, step, w, grad, m1, m2, NULL));
        if (step % 100 == 0)
            printf("step %d  loss %.5f\n", step,
                   (double)*(const float *)fv_plan_at(p, loss).data);
    }
}

int main(void)
{
    static const float points[] = {0, 0, 0, 1, 1, 0, 1, 1};
    static const float truths[] = {0, 1, 1, 0};
    fv_graph *g;
    fv_plan *p;
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        return 1;

    /* write the network down: extents of -1 are bound by the plan */
    need(fv_graph_new(ctx, &g));
    fv_val x = fv_input(g, "x", 2, (int64_t[]){-1, 2});
    fv_val truth = fv_input(g, "truth", 2, (int64_t[]){-1, 1});
    fv_val hidden = fv_tanh(g, fv_linear(g, "hidden", x, 8));
    fv_val logit = fv_linear(g, "out", hidden, 1);
    fv_val answer = fv_sigmoid(g, logit);
    fv_val loss = fv_loss_bce(g, logit, truth, (fv_val){0});
    fv_output(g, "answer", answer);
    fv_output(g, "loss", loss);
    need(fv_graph_check(ctx, g));

    /* bind shapes and memory once, then run as often as needed */
    size_t n = (size_t)fv_param_count(g, 0);
    float *w = calloc(4 * n, sizeof *w);
    fv_tensor in[] = {fv_dense(NULL, FV_F32, 2, (int64_t[]){4, 2}),
                      fv_dense(NULL, FV_F32, 2, (int64_t[]){4, 1})};
    fv_plan_options train = {.mode = FV_TRAIN};
    if (!w)
        return 1;
    fv_params_init(g, 1, w);
    need(fv_plan_new(ctx, g, in, train, w, w + n, &p));
    memcpy(fv_plan_at(p, x).data, points, sizeof points);
    memcpy(fv_plan_at(p, truth).data, truths, sizeof truths);

    learn(g, p, loss, w);
    need(fv_plan_run(ctx, p));
    const float *y = fv_plan_at(p, answer).data;
    int right = 0;
    for (int i = 0; i < 4; i++) {
        printf("%g xor %g = %.3f\n", (double)points[2 * i],
               (double)points[2 * i + 1], (double)y[i]);
        right += (y[i] > 0.5f) == (truths[i] > 0.5f);
    }
    fv_plan_free(p);
    fv_graph_free(g);
    free(w);
    fv_ctx_free(ctx);
    return right == 4 ? 0 : 1;
}
