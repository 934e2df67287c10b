/* What a network will do to an image, before anything is computed: layers,
 * shapes, parameters, work and memory of a U-net.
 *   print_plan [SIDE] */
#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>

static fv_ctx *ctx;

static void need(fv_status status)
{
    if (status == FV_OK)
        return;
    fprintf(stderr, "print_plan: %s\n", fv_message(ctx));
    exit(1);
}

int main(int argc, char **argv)
{
    int64_t side = argc > 1 ? strtoll(argv[1], NULL, 10) : 256;
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        return 1;
    const fv_arch *unet;
    void *config;
    fv_graph *g;
    fv_val image, answer;
    need(fv_arch_find(ctx, "unet", &unet));
    need(fv_config_new(ctx, unet, &config));
    need(fv_field_set(ctx, unet->fields, config, "depth", "3"));
    need(fv_arch_build(ctx, unet, config, &g, &image, &answer));

    /* dry: shapes, memory and work are settled, nothing is allocated */
    int64_t dim[] = {1, side, side, fv_channels(g, image)};
    fv_tensor in = fv_dense(NULL, FV_F32, 4, dim);
    fv_plan *p;
    need(fv_plan_new(ctx, g, &in, (fv_plan_options){.dry = 1}, NULL, NULL, &p));
    size_t n = fv_plan_rows(p, NULL, 0);
    fv_plan_row *row = calloc(n, sizeof *row);
    if (!row)
        return 1;
    fv_plan_rows(p, row, n);
    double work = 0;
    for (size_t i = 0; i < n; i++) {
        char shape[64];
        fv_describe(row[i].out, shape, sizeof shape);
        printf("%-24s %-10s %-24s %9lld %9.1f M\n", row[i].node, row[i].op,
               shape, (long long)row[i].params, row[i].work / 1e6);
        work += row[i].work;
    }
    int64_t field[3] = {0};
    need(fv_receptive_field(ctx, g, image, answer, field));
    printf("%lld parameters, %.2f G multiply-adds, %.1f MB, "
           "each output pixel sees %lld x %lld px\n",
           (long long)fv_param_count(g, 1), work / 1e9,
           (double)fv_plan_memory(p) / 1e6, (long long)field[0],
           (long long)field[1]);
    free(row);
    fv_plan_free(p);
    fv_graph_free(g);
    fv_config_free(ctx, config);
    fv_ctx_free(ctx);
    return 0;
}
