/* Which options of fovea restore belong together. */
#include "options.h"
#include "restorer.h"

#include <string.h>

/* "model" stands for --model; the others are methods. Options that are not
 * here belong to all. */
static const struct {
    const char *option, *ways;
} belonging[] = {
    {"tile", "model"},
    {"overlap", "model"},
    {"augment", "model"},
    {"precision", "model"},
    {"backend", "model"},
    {"sigma", "gaussian, nlm or bm3d"},
    {"strength", "nlm or bm3d"},
    {"radius", "median"},
    {"h", "nlm"},
    {"patch", "nlm"},
    {"search", "nlm"},
    {"stabilize", "nlm or bm3d"},
    {"gain", "nlm or bm3d"},
    {"offset", "nlm, bm3d or rl"},
    {"balance", "wiener"},
    {"iterations", "rl"},
    {"tv", "rl"},
    {"volume", "gaussian, median, wiener or rl"},
    {"pitch", "wiener or rl"},
    {"psf", "wiener or rl"},
    {"wavelength", "wiener or rl"},
    {"na", "wiener or rl"},
    {"index", "wiener or rl"},
    {"index-sample", "wiener or rl"},
    {"depth", "wiener or rl"},
    {"pitch-z", "wiener or rl"},
};

enum { BELONGING = sizeof belonging / sizeof *belonging };

static const fv_field *field_called(const char *name)
{
    const fv_field *f = fv_field_find(cmd_restore.options, name);
    return f ? f : fv_field_find(cmd_restore.shared, name);
}

static fv_status check_belonging(cli *c, const restore_args *o)
{
    const char *way = o->method ? o->method : "model";
    for (int i = 0; i < BELONGING; i++) {
        const char *option = belonging[i].option, *ways = belonging[i].ways;
        if (strstr(ways, way) || !option_given(field_called(option), o))
            continue;
        const char *with = strcmp(ways, "model") == 0 ? "" : "method ";
        return fvi_fail(c->ctx, FV_EINVAL,
                        "--%s goes with --%s%s, leave it out with --%s%s",
                        option, with, ways, o->method ? "method " : "", way);
    }
    return FV_OK;
}

fv_status restore_check(cli *c, const restore_args *o)
{
    if (!o->output)
        return fvi_fail(c->ctx, FV_EINVAL, "restore: where to? -o FOLDER");
    if (!o->model && !o->method)
        return fvi_fail(c->ctx, FV_EINVAL,
                        "restore: how? --model NAME or FILE, or --method "
                        "gaussian, median, nlm, bm3d, wiener or rl");
    if (o->model && o->method)
        return fvi_fail(c->ctx, FV_EINVAL,
                        "restore: --model or --method, not both");
    FV_TRY(check_belonging(c, o));
    return o->method ? restore_filter_check(c, o) : FV_OK;
}
