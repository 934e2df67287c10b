/* The table of objects, with the column names of skimage's
 * regionprops_table. */

#include "task/task.h"

#include <math.h>

static void write_head(fvi_text *t, const fv_objects *o, bool pitch)
{
    fvi_text_add(t, "label,area,centroid-0,centroid-1,bbox-0,bbox-1,bbox-2,"
                    "bbox-3,eccentricity,solidity,perimeter,"
                    "axis_major_length,axis_minor_length,orientation");
    for (int c = 0; c < o->channels; c++)
        fvi_text_add(t, ",intensity_mean-%d,intensity_max-%d,intensity_min-%d",
                     c, c, c);
    if (pitch)
        fvi_text_add(t, ",area_um2,centroid_um-0,centroid_um-1,perimeter_um");
    fvi_text_add(t, "\n");
}

static void write_shape(fvi_text *t, const fv_object *o)
{
    fvi_text_add(t, "%u,%lld,%.10g,%.10g,%lld,%lld,%lld,%lld", o->label,
                 (long long)o->area, o->center[0], o->center[1],
                 (long long)o->box[0], (long long)o->box[1],
                 (long long)o->box[2], (long long)o->box[3]);
    fvi_text_add(t, ",%.10g,%.10g,%.10g,%.10g,%.10g,%.10g", o->eccentricity,
                 o->solidity, o->perimeter, o->major, o->minor, o->orientation);
}

/* A length without direction takes the geometric mean of both pitches. */
static void write_um(fvi_text *t, const fv_object *o, double y, double x)
{
    fvi_text_add(t, ",%.10g,%.10g,%.10g,%.10g", (double)o->area * y * x,
                 o->center[0] * y, o->center[1] * x,
                 o->perimeter * sqrt(y * x));
}

void fvi_objects_text(fvi_text *t, const fv_objects *o, const double pitch[3])
{
    bool known = pitch && pitch[1] > 0 && pitch[2] > 0;
    fvi_plain_numbers plain = fvi_plain_begin();
    write_head(t, o, known);
    for (int64_t k = 0; k < o->count; k++) {
        write_shape(t, o->object + k);
        for (int c = 0; c < o->channels; c++) {
            const double *v = o->intensities + 3 * (k * o->channels + c);
            fvi_text_add(t, ",%.10g,%.10g,%.10g", v[0], v[2], v[1]);
        }
        if (known)
            write_um(t, o->object + k, pitch[1], pitch[2]);
        fvi_text_add(t, "\n");
    }
    fvi_plain_end(plain);
}

fv_status fv_objects_write_csv(fv_ctx *ctx, const char *path,
                               const fv_objects *o, const double pitch[3])
{
    fvi_text t = {.ctx = ctx};
    fvi_objects_text(&t, o, pitch);
    fv_status status = fvi_text_check(&t);
    if (status == FV_OK)
        status = fvi_file_write(ctx, path, t.data, t.size);
    fvi_text_free(&t);
    return status;
}
