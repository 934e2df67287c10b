/* The list of architectures, and making one from its name and config. */
#include "base/field.h"
#include "nn/arch/arch_internal.h"

#define ROW(name) &fvi_arch_##name,
static const fv_arch *const archs[] = {FVI_ARCHS(ROW) NULL};
#undef ROW

const fv_arch *const *fv_arch_list(void)
{
    return archs;
}

fv_status fv_arch_find(fv_ctx *ctx, const char *name, const fv_arch **out)
{
    const fv_arch *nearest = archs[0];
    for (int i = 0; archs[i]; i++) {
        if (strcmp(archs[i]->name, name) == 0) {
            *out = archs[i];
            return FV_OK;
        }
        if (fvi_text_distance(name, archs[i]->name) <
            fvi_text_distance(name, nearest->name))
            nearest = archs[i];
    }
    return fvi_fail(ctx, FV_EINVAL,
                    "unknown architecture '%s', nearest is '%s'", name,
                    nearest->name);
}

fv_status fv_config_new(fv_ctx *ctx, const fv_arch *arch, void **out)
{
    void *config = fvi_calloc(ctx, 1, arch->size);
    if (!config)
        return FV_ENOMEM;
    fv_fields_default(arch->fields, config);
    *out = config;
    return FV_OK;
}

void fv_config_free(fv_ctx *ctx, void *config)
{
    fvi_free(ctx, config);
}

fv_status fv_arch_build(fv_ctx *ctx, const fv_arch *arch, const void *config,
                        fv_graph **out, fv_val *image, fv_val *answer)
{
    fv_graph *g = NULL;
    int64_t dim[FV_MAX_DIM] = {-1, -1, -1, -1, -1};
    for (int a = 1; a <= arch->rank && arch->side; a++)
        dim[a] = arch->side(config);
    dim[arch->rank + 1] = fvi_field_int(arch->fields, config, "in");
    FV_TRY(fv_graph_new(ctx, &g));
    fv_val x = fv_input(g, "image", arch->rank + 2, dim);
    fv_val y = arch->build(g, config, x);
    fv_output(g, "answer", y);
    fv_status status = fv_graph_check(ctx, g);
    if (status != FV_OK) {
        fv_graph_free(g);
        return fvi_fail_in(ctx, status, "%s", arch->name);
    }
    *out = g;
    *image = x;
    *answer = y;
    return FV_OK;
}
