/* The names of what a classifier tells apart. */
#include "model/model.h"

void fvi_classes_free(fv_ctx *ctx, fv_model *m)
{
    for (int i = 0; i < m->classes; i++)
        fvi_free(ctx, m->class_names[i]);
    fvi_free(ctx, m->class_names);
    m->class_names = NULL;
    m->classes = 0;
}

fv_status fv_model_set_classes(fv_ctx *ctx, fv_model *m,
                               const char *const name[], int count)
{
    fvi_classes_free(ctx, m);
    m->class_names = fvi_calloc(ctx, (size_t)count + 1, sizeof(char *));
    if (!m->class_names)
        return FV_ENOMEM;
    for (; m->classes < count; m->classes++) {
        m->class_names[m->classes] = fvi_strdup(ctx, name[m->classes]);
        if (!m->class_names[m->classes])
            return FV_ENOMEM;
    }
    return FV_OK;
}
