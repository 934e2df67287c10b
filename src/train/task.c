/* The table of tasks. */
#include "train/task.h"

#include <string.h>

static const fvi_task *const tasks[] = {&fvi_task_segment, &fvi_task_restore,
                                        &fvi_task_classify, &fvi_task_embed};
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

fv_status fvi_task_takes(const fvi_run *r, const char *option,
                         const char *value, const char *list)
{
    size_t n = strlen(value);
    for (const char *at = list; *at; at += strspn(at, ", ")) {
        if (strcspn(at, ",") == n && strncmp(at, value, n) == 0)
            return FV_OK;
        at += strcspn(at, ",");
    }
    return fvi_fail(r->ctx, FV_EINVAL,
                    "%s: '%s' is not for the task %s, expected one of %s",
                    option, value, r->task->name, list);
}
