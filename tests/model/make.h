#ifndef MAKE_H
#define MAKE_H

/* Small models for tests. */

#include "base/base.h"
#include "fovea/model.h"

/* An architecture with "a=1|b=2" settings and weights from a seed. */
static inline fv_model *make_model(fv_ctx *c, const char *name,
                                   const char *const settings[][2],
                                   uint64_t seed)
{
    const fv_arch *arch;
    void *config;
    fv_model *m;
    assert_int_equal(fv_arch_find(c, name, &arch), FV_OK);
    assert_int_equal(fv_config_new(c, arch, &config), FV_OK);
    for (int i = 0; settings[i][0]; i++)
        assert_int_equal(fv_field_set(c, arch->fields, config, settings[i][0],
                                      settings[i][1]),
                         FV_OK);
    assert_int_equal(fv_model_new(c, arch, config, seed, &m), FV_OK);
    return m;
}

static inline fv_model *make_unet(fv_ctx *c, const char *depth,
                                  const char *base, const char *in,
                                  const char *out)
{
    const char *const settings[][2] = {
        {"depth", depth}, {"base", base},     {"in", in},
        {"out", out},     {"up", "bilinear"}, {NULL, NULL},
    };
    return make_model(c, "unet", settings, 7);
}

#endif
