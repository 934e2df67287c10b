/* A model in memory: an architecture, its settings and its numbers. */
#include "model/model.h"

#include <string.h>

fv_status fvi_tensor_new(fv_ctx *ctx, fv_dtype dtype, int ndim,
                         const int64_t dim[], fv_tensor *out)
{
    fv_tensor t = fv_dense(NULL, dtype, ndim, dim);
    if (t.ndim < 0)
        return fvi_fail(ctx, FV_ENOMEM, "a tensor is too big for memory");
    size_t count = (size_t)fv_count(t);
    t.data = fvi_calloc(ctx, count ? count : 1, fv_dtype_size(dtype));
    if (!t.data)
        return FV_ENOMEM;
    *out = t;
    return FV_OK;
}

size_t fvi_model_numbers(const fv_model *m)
{
    return (size_t)fv_param_count(m->graph, 0);
}

static bool is_text(const fv_field *f)
{
    return f->kind == FV_KIND_TEXT || f->kind == FV_KIND_PATH ||
           f->kind == FV_KIND_CHOICE;
}

/* Text in a config is borrowed: from now on from the model itself. */
static fv_status own_words(fv_ctx *ctx, fv_model *m)
{
    size_t size = 1;
    for (const fv_field *f = m->arch->fields; f->kind != FV_KIND_END; f++) {
        const char **text = (const char **)((char *)m->config + f->offset);
        if (is_text(f) && *text)
            size += strlen(*text) + 1;
    }
    char *at = m->words = fvi_alloc(ctx, size);
    if (!at)
        return FV_ENOMEM;
    for (const fv_field *f = m->arch->fields; f->kind != FV_KIND_END; f++) {
        const char **text = (const char **)((char *)m->config + f->offset);
        if (!is_text(f) || !*text)
            continue;
        size_t n = strlen(*text) + 1;
        memcpy(at, *text, n);
        *text = at;
        at += n;
    }
    return FV_OK;
}

static fv_target target_for(int channels)
{
    for (int t = 0; t < FV_TARGET_COUNT; t++)
        if (fv_target_maps((fv_target)t) == channels)
            return (fv_target)t;
    return FV_TARGET_CELL;
}

static fv_status set_up(fv_ctx *ctx, fv_model *m)
{
    FV_TRY(fv_arch_build(ctx, m->arch, m->config, &m->graph, &m->image,
                         &m->answer));
    FV_TRY(own_words(ctx, m));
    m->percentile[0] = 1;
    m->percentile[1] = 99.8;
    memcpy(m->normalize, "percentile", sizeof "percentile");
    memcpy(m->task, "segment", sizeof "segment");
    m->target = target_for(fv_channels(m->graph, m->answer));
    m->decode = fv_decode_default();
    m->check_input.ndim = m->check_output.ndim = -1;
    m->card = fvi_strdup(ctx, "{}");
    m->history = fvi_strdup(ctx, "{}");
    return m->card && m->history ? FV_OK : FV_ENOMEM;
}

fv_status fvi_model_shell(fv_ctx *ctx, const fv_arch *arch, void *config,
                          fv_model **out)
{
    fv_model *m = fvi_calloc(ctx, 1, sizeof *m);
    if (!m)
        return FV_ENOMEM;
    m->arch = arch;
    m->config = config;
    fv_status status = set_up(ctx, m);
    if (status != FV_OK) {
        m->config = NULL; /* still the caller's */
        fv_model_free(ctx, m);
        return status;
    }
    *out = m;
    return FV_OK;
}

fv_status fv_model_new(fv_ctx *ctx, const fv_arch *arch, void *config,
                       uint64_t seed, fv_model **out)
{
    fv_model *m;
    FV_TRY(fvi_model_shell(ctx, arch, config, &m));
    m->params = fvi_calloc(ctx, fvi_model_numbers(m) + 1, sizeof *m->params);
    if (!m->params) {
        m->config = NULL;
        fv_model_free(ctx, m);
        return FV_ENOMEM;
    }
    fv_params_init(m->graph, seed, m->params);
    *out = m;
    return FV_OK;
}

void fv_model_free(fv_ctx *ctx, fv_model *m)
{
    if (!m)
        return;
    fv_plane_free(ctx, &m->check_input);
    fv_plane_free(ctx, &m->check_output);
    fvi_classes_free(ctx, m);
    fvi_free(ctx, m->size);
    fvi_free(ctx, m->card);
    fvi_free(ctx, m->history);
    fvi_free(ctx, m->params);
    fv_graph_free(m->graph);
    if (m->config)
        fv_config_free(ctx, m->config);
    fvi_free(ctx, m->words);
    fvi_free(ctx, m);
}
