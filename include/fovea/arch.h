#ifndef FV_ARCH_H
#define FV_ARCH_H

#include "fovea/field.h"
#include "fovea/graph.h"

FV_C_BEGIN

/* An architecture: a name, a config described by a field table, and a function
 * that writes the network into a graph. */
typedef struct fv_arch {
    const char *name, *title, *cite;
    size_t size;            /* of the config struct                          */
    const fv_field *fields; /* members "in" and "out" are channels           */
    int rank;               /* spatial axes of the input: 2 for images       */
    /* How input extents must divide, e.g. 2^depth; NULL: any. */
    int (*multiple)(const void *config);
    /* The only side an input may have; NULL: any. */
    int (*side)(const void *config);
    fv_val (*build)(fv_graph *g, const void *config, fv_val image);
} fv_arch;

/* All of them, ended by NULL. */
FV_API const fv_arch *const *fv_arch_list(void);

/* By name. FV_EINVAL: the sentence suggests the nearest. */
FV_NODISCARD FV_API fv_status fv_arch_find(fv_ctx *ctx, const char *name,
                                           const fv_arch **out);

/* A config with defaults, owned by the caller (fv_config_free). */
FV_NODISCARD FV_API fv_status fv_config_new(fv_ctx *ctx, const fv_arch *arch,
                                            void **out);
FV_API void fv_config_free(fv_ctx *ctx, void *config);

/* A graph with the input "image" (N, spatial extents, in channels) and the
 * output "answer" (..., out channels). The spatial extents are open unless the
 * architecture has a side. The caller owns `*out`. */
FV_NODISCARD FV_API fv_status fv_arch_build(fv_ctx *ctx, const fv_arch *arch,
                                            const void *config, fv_graph **out,
                                            fv_val *image, fv_val *answer);

FV_C_END

#endif
