/* Objects as a GeoJSON FeatureCollection in pixels, as QuPath imports and
 * exports detections: closed rings, holes as inner rings. */

#include "task/outline.h"

static void write_ring(fvi_text *t, const fvi_outlines *o, const fvi_ring *r)
{
    const int32_t *p = o->xy + 2 * r->first;
    fvi_text_add(t, "[");
    for (int64_t k = 0; k < r->corners; k++)
        fvi_text_add(t, "[%d,%d],", p[2 * k], p[2 * k + 1]);
    fvi_text_add(t, "[%d,%d]]", p[0], p[1]);
}

/* The rings lo <= i < hi of one part: the outer one and its holes. */
static void write_part(fvi_text *t, const fvi_outlines *o, int64_t lo,
                       int64_t hi)
{
    fvi_text_add(t, "[");
    for (int64_t i = lo; i < hi; i++) {
        if (i > lo)
            fvi_text_add(t, ",");
        write_ring(t, o, o->ring + i);
    }
    fvi_text_add(t, "]");
}

static void write_geometry(fvi_text *t, const fvi_outlines *o, int64_t lo,
                           int64_t hi)
{
    bool single = fvi_outlines_end(o, lo, true) == hi;
    fvi_text_add(t, "{\"type\":\"%s\",\"coordinates\":%s",
                 single ? "Polygon" : "MultiPolygon", single ? "" : "[");
    for (int64_t i = lo, end; i < hi; i = end) {
        end = fvi_outlines_end(o, i, true);
        if (i > lo)
            fvi_text_add(t, ",");
        write_part(t, o, i, end);
    }
    fvi_text_add(t, "%s}", single ? "" : "]");
}

static void write_object(fvi_text *t, const fvi_outlines *o, int64_t lo,
                         int64_t hi)
{
    int64_t area = 0;
    unsigned label = o->ring[lo].label;
    for (int64_t i = lo; i < hi; i++)
        area += o->ring[i].area;
    fvi_text_add(t, "{\"type\":\"Feature\",\"geometry\":");
    write_geometry(t, o, lo, hi);
    fvi_text_add(t,
                 ",\"properties\":{\"objectType\":\"detection\","
                 "\"name\":\"%u\",\"isLocked\":false,"
                 "\"measurements\":{\"Label\":%u,\"Area px\":%lld}}}",
                 label, label, (long long)area);
}

static fv_status write_all(fv_ctx *ctx, const char *path, const fvi_outlines *o)
{
    fvi_text t = {.ctx = ctx};
    fvi_text_add(&t, "{\"type\":\"FeatureCollection\",\"features\":[");
    for (int64_t i = 0, end; i < o->count; i = end) {
        end = fvi_outlines_end(o, i, false);
        fvi_text_add(&t, i ? ",\n" : "\n");
        write_object(&t, o, i, end);
    }
    fvi_text_add(&t, "\n]}\n");
    fv_status status = fvi_text_check(&t);
    if (status == FV_OK)
        status = fvi_file_write(ctx, path, t.data, t.size);
    fvi_text_free(&t);
    return status;
}

fv_status fv_geojson_write(fv_ctx *ctx, const char *path, fv_tensor labels)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    fvi_dense d;
    fvi_outlines o;
    FV_TRY(fvi_dense_open(ctx, labels, true, &d));
    fv_status status =
        fvi_outlines_new(ctx, d.view.data, labels.dim[0], labels.dim[1], &o);
    if (status == FV_OK) {
        status = write_all(ctx, path, &o);
        fvi_outlines_free(ctx, &o);
    }
    fvi_dense_close(ctx, &d);
    return status;
}
