/*
 * The perceptron: one neuron that weighs its inputs and answers between 0 and
 * 1. The step of the original is smoothed to a sigmoid so that it can be
 * trained by gradient descent.
 *   y = sigmoid(x w + b)
 * Source: Rosenblatt 1958, "The perceptron".
 */
#include "nn/arch/arch_internal.h"

typedef struct perceptron {
    int in, out;
} perceptron;

static const fv_field fields[] = {
    FV_INT(perceptron, in, 2, 1, 1e8, "numbers", "inputs"),
    FV_INT(perceptron, out, 1, 1, 1e8, "neurons", "outputs"),
    FV_END,
};

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const perceptron *p = config;
    return fv_sigmoid(g, fv_linear(g, "neuron", x, p->out));
}

const fv_arch fvi_arch_perceptron = {
    .name = "perceptron",
    .title = "one neuron with a sigmoid",
    .cite = "Rosenblatt 1958",
    .size = sizeof(perceptron),
    .fields = fields,
    .rank = 0,
    .build = build,
};
