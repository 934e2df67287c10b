/*
 * ImageJ regions: the big-endian ".roi" record (ij.io.RoiDecoder) and
 * RoiSet.zip. An object in one piece is a traced polygon; one with holes or in
 * several pieces is a composite of closed paths.
 */

#include "task/outline.h"

#include <string.h>
#include <time.h>
#include <zip.h>

enum {
    HEADER = 64,
    VERSION = 227,
    RECTANGLE = 1, /* with a path: composite */
    TRACED = 8,
    SUBPIXEL = 128, /* option: float coordinates follow the integers */
    MOVE = 0,
    LINE = 1,
    CLOSE = 4,
    NAME_ROOM = 40
};

/* One object: its rings and where it lies. */
typedef struct region {
    const fvi_outlines *o;
    int64_t lo, hi; /* rings */
    int32_t box[4]; /* top, left, bottom, right */
    char name[NAME_ROOM];
} region;

static void put(unsigned char *at, int bytes, uint32_t value)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
}

static void add(fvi_text *t, int bytes, uint32_t value)
{
    unsigned char b[4];
    put(b, bytes, value);
    fvi_text_bytes(t, b, (size_t)bytes);
}

static void add_float(fvi_text *t, int32_t value)
{
    float f = (float)value;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    add(t, 4, bits);
}

static region region_of(const fvi_outlines *o, int64_t lo, int64_t hi)
{
    region g = {o, lo, hi, {INT32_MAX, INT32_MAX, 0, 0}, ""};
    for (int64_t i = lo; i < hi; i++)
        for (int64_t k = 0; k < o->ring[i].corners; k++) {
            const int32_t *p = o->xy + 2 * (o->ring[i].first + k);
            g.box[0] = p[1] < g.box[0] ? p[1] : g.box[0];
            g.box[1] = p[0] < g.box[1] ? p[0] : g.box[1];
            g.box[2] = p[1] > g.box[2] ? p[1] : g.box[2];
            g.box[3] = p[0] > g.box[3] ? p[0] : g.box[3];
        }
    snprintf(g.name, sizeof g.name, "%04u-%04d-%04d",
             (unsigned)o->ring[lo].label, (g.box[0] + g.box[2]) / 2,
             (g.box[1] + g.box[3]) / 2);
    return g;
}

/* Floats of a composite path: 3 per corner and 1 to close each ring. */
static int64_t path_floats(const region *g)
{
    int64_t n = 0;
    for (int64_t i = g->lo; i < g->hi; i++)
        n += 3 * g->o->ring[i].corners + 1;
    return n;
}

static void add_path(fvi_text *t, const region *g)
{
    for (int64_t i = g->lo; i < g->hi; i++) {
        const fvi_ring *r = g->o->ring + i;
        for (int64_t k = 0; k < r->corners; k++) {
            const int32_t *p = g->o->xy + 2 * (r->first + k);
            add_float(t, k == 0 ? MOVE : LINE);
            add_float(t, p[0]);
            add_float(t, p[1]);
        }
        add_float(t, CLOSE);
    }
}

/* All x, then all y: 16-bit from the corner of the box, and where those do not
 * reach, absolute floats. */
static void add_polygon(fvi_text *t, const region *g, bool floats)
{
    const fvi_ring *r = g->o->ring + g->lo;
    const int32_t *p = g->o->xy + 2 * r->first;
    for (int axis = 0; axis < 2; axis++)
        for (int64_t k = 0; k < r->corners; k++)
            add(t, 2, (uint32_t)(p[2 * k + axis] - g->box[1 - axis]) & 0xffff);
    for (int axis = 0; axis < 2 && floats; axis++)
        for (int64_t k = 0; k < r->corners; k++)
            add_float(t, p[2 * k + axis]);
}

/* Second header: where the name is. The name is UTF-16. */
static void add_name(fvi_text *t, const region *g, size_t start)
{
    unsigned char second[HEADER] = {0};
    size_t length = strlen(g->name);
    put(second + 16, 4, (uint32_t)(t->size - start + HEADER));
    put(second + 20, 4, (uint32_t)length);
    fvi_text_bytes(t, second, sizeof second);
    for (size_t i = 0; i < length; i++)
        add(t, 2, (unsigned char)g->name[i]);
}

static void add_region(fvi_text *t, const region *g)
{
    unsigned char head[HEADER] = {'I', 'o', 'u', 't'};
    size_t start = t->size;
    bool composite = g->hi - g->lo > 1;
    bool floats =
        !composite && (g->box[2] > INT16_MAX || g->box[3] > INT16_MAX);
    int64_t n = g->o->ring[g->lo].corners;
    put(head + 4, 2, VERSION);
    head[6] = composite ? RECTANGLE : TRACED;
    for (int i = 0; i < 4; i++)
        put(head + 8 + 2 * i, 2, (uint32_t)g->box[i] & 0xffff);
    if (composite)
        put(head + 36, 4, (uint32_t)path_floats(g));
    else if (n <= UINT16_MAX)
        put(head + 16, 2, (uint32_t)n);
    else
        put(head + 18, 4, (uint32_t)n);
    put(head + 50, 2, floats ? SUBPIXEL : 0);
    int64_t body = composite ? 4 * path_floats(g) : (floats ? 12 : 4) * n;
    put(head + 60, 4, (uint32_t)(HEADER + body));
    fvi_text_bytes(t, head, sizeof head);
    if (composite)
        add_path(t, g);
    else
        add_polygon(t, g, floats);
    if (!t->failed)
        add_name(t, g, start);
}

static fv_status fail_zip(fv_ctx *ctx, const char *path, const char *why)
{
    return fvi_fail(ctx, FV_EIO, "%s: cannot make the ROI set: %s", path, why);
}

/* Adds each region; `t` keeps the bytes until the archive is closed. */
static fv_status add_entries(fv_ctx *ctx, const char *path, zip_t *z,
                             const fvi_outlines *o, fvi_text *t)
{
    for (int64_t i = 0, end; i < o->count; i = end) {
        end = fvi_outlines_end(o, i, false);
        region g = region_of(o, i, end);
        add_region(t, &g);
    }
    FV_TRY(fvi_text_check(t));
    size_t at = 0;
    for (int64_t i = 0, end; i < o->count; i = end) {
        end = fvi_outlines_end(o, i, false);
        region g = region_of(o, i, end);
        unsigned char *b = (unsigned char *)t->data + at;
        size_t size = 2 * strlen(g.name) + HEADER;
        size += (size_t)b[60] << 24 | (size_t)b[61] << 16 | (size_t)b[62] << 8 |
                (size_t)b[63];
        char entry[NAME_ROOM + 8];
        snprintf(entry, sizeof entry, "%s.roi", g.name);
        zip_source_t *s = zip_source_buffer(z, b, size, 0);
        zip_int64_t k = s ? zip_file_add(z, entry, s, ZIP_FL_ENC_UTF_8) : -1;
        if (k < 0) {
            zip_source_free(s);
            return fail_zip(ctx, path, zip_strerror(z));
        }
        /* a fixed date (1980), so that equal input gives equal files */
        zip_file_set_dostime(z, (zip_uint64_t)k, 0, 0x21, 0);
        at += size;
    }
    return FV_OK;
}

static fv_status save(fv_ctx *ctx, const char *path, zip_source_t *s)
{
    zip_stat_t about;
    if (zip_source_stat(s, &about) != 0 || zip_source_open(s) != 0)
        return fail_zip(ctx, path, zip_error_strerror(zip_source_error(s)));
    unsigned char *bytes = fvi_alloc(ctx, about.size);
    fv_status status = FV_ENOMEM;
    if (bytes) {
        zip_int64_t n = zip_source_read(s, bytes, about.size);
        if (n == (zip_int64_t)about.size)
            status = fvi_file_write(ctx, path, bytes, about.size);
        else
            status = fail_zip(ctx, path, "the archive ends early");
    }
    zip_source_close(s);
    fvi_free(ctx, bytes);
    return status;
}

/* An archive without entries: libzip would write none. */
static fv_status save_empty(fv_ctx *ctx, const char *path)
{
    static const unsigned char end[22] = {'P', 'K', 5, 6};
    return fvi_file_write(ctx, path, end, sizeof end);
}

static fv_status write_zip(fv_ctx *ctx, const char *path, const fvi_outlines *o)
{
    zip_error_t error;
    fvi_text t = {.ctx = ctx};
    zip_error_init(&error);
    zip_source_t *s = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *z = s ? zip_open_from_source(s, ZIP_TRUNCATE, &error) : NULL;
    if (!z) {
        fv_status status = fail_zip(ctx, path, zip_error_strerror(&error));
        zip_source_free(s);
        zip_error_fini(&error);
        return status;
    }
    zip_source_keep(s);
    fv_status status = add_entries(ctx, path, z, o, &t);
    if (status == FV_OK && zip_close(z) != 0)
        status = fail_zip(ctx, path, zip_strerror(z));
    else if (status == FV_OK)
        z = NULL;
    if (z)
        zip_discard(z);
    if (status == FV_OK)
        status = save(ctx, path, s);
    zip_source_free(s);
    zip_error_fini(&error);
    fvi_text_free(&t);
    return status;
}

fv_status fv_rois_write(fv_ctx *ctx, const char *path, fv_tensor labels)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    fvi_dense d;
    fvi_outlines o;
    FV_TRY(fvi_dense_open(ctx, labels, true, &d));
    fv_status status =
        fvi_outlines_new(ctx, d.view.data, labels.dim[0], labels.dim[1], &o);
    if (status == FV_OK) {
        status = o.count ? write_zip(ctx, path, &o) : save_empty(ctx, path);
        fvi_outlines_free(ctx, &o);
    }
    fvi_dense_close(ctx, &d);
    return status;
}
