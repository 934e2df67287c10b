/* The table of tasks. */
#include "train/task.h"

#include <string.h>

static const fvi_task *const tasks[] = {&fvi_task_segment};
enum { TASKS = sizeof tasks / sizeof *tasks };

fv_status fvi_task_find(fv_ctx *ctx, const char *name, const fvi_task **out)
{
    char known[160] = "";
    for (int i = 0; i < TASKS; i++) {
        if (strcmp(tasks[i]->name, name) == 0) {
            *out = tasks[i];
            return FV_OK;
        }
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                 tasks[i]->name);
    }
    return fvi_fail(ctx, FV_EINVAL, "task '%s' is unknown, expected %s", name,
                    known);
}
