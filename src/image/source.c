/* Planes of an image file, piece by piece. A TIFF stays open and gives the
 * tiles or strips that a piece meets; other files are read whole, once. */
#include "image/tiff.h"

#include <string.h>

struct fv_source {
    fv_ctx *ctx;
    fvi_load load;
    char *path;
    fvi_tiff_survey tiff; /* when load.file is open */
    fv_image *header;     /* without pixels         */
    fv_image *whole;      /* or NULL                */
};

static bool is_tiff(FILE *f)
{
    char head[4] = {0};
    size_t got = fread(head, 1, sizeof head, f);
    return got == 4 &&
           (memcmp(head, "II*\0", 4) == 0 || memcmp(head, "MM\0*", 4) == 0 ||
            memcmp(head, "II+\0", 4) == 0 || memcmp(head, "MM\0+", 4) == 0);
}

static void close_tiff(fv_source *s)
{
    if (!s->load.file)
        return;
    fvi_tiff_survey_close(&s->tiff);
    fclose(s->load.file);
    s->load.file = NULL;
}

/* Leaves the file open when its pieces can be read alone. */
static fv_status open_tiff(fv_source *s)
{
    fv_status status = fvi_tiff_survey_open(&s->load, &s->tiff);
    if (status == FV_OK)
        status = fvi_tiff_build(&s->tiff, &s->header);
    bool parts = status == FV_OK && fvi_tiff_has_parts(&s->tiff.first) &&
                 !s->tiff.stack.raw;
    if (!parts)
        close_tiff(s);
    return status;
}

static fv_status open_file(fv_source *s)
{
    FV_TRY(fvi_load_open(&s->load));
    if (is_tiff(s->load.file))
        return open_tiff(s);
    fclose(s->load.file);
    s->load.file = NULL;
    return FV_OK;
}

static fv_status open_source(fv_source *s, const char *path,
                             const fv_limits *limits)
{
    s->path = fvi_strdup(s->ctx, path);
    if (!s->path)
        return FV_ENOMEM;
    s->load = (fvi_load){.ctx = s->ctx, .path = s->path, .header = true};
    s->load.limits = fvi_limits_or_default(limits);
    fvi_plain_numbers plain = fvi_plain_begin();
    fv_status status = open_file(s);
    fvi_plain_end(plain);
    if (status != FV_OK || s->load.file)
        return status;
    return fv_image_read(s->ctx, path, limits, &s->whole);
}

fv_status fv_source_open(fv_ctx *ctx, const char *path, const fv_limits *limits,
                         fv_source **out)
{
    fv_source *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->ctx = ctx;
    fv_status status = open_source(s, path, limits);
    if (status == FV_OK)
        *out = s;
    else
        fv_source_close(s);
    return status;
}

void fv_source_close(fv_source *s)
{
    if (!s)
        return;
    close_tiff(s);
    fv_image_free(s->ctx, s->header);
    fv_image_free(s->ctx, s->whole);
    fvi_free(s->ctx, s->path);
    fvi_free(s->ctx, s);
}

const fv_image *fv_source_image(const fv_source *s)
{
    return s->whole ? s->whole : s->header;
}

int fv_source_has_pieces(const fv_source *s)
{
    return !s->whole;
}

/* Channel by channel into `im`, which has the axes of one plane. */
static fv_status decode_piece(fv_source *s, int64_t t, int64_t z, fvi_rect part,
                              fv_image *im)
{
    fvi_tiff_survey *v = &s->tiff;
    int y = fvi_axis_index(im, 'Y'), x = fvi_axis_index(im, 'X');
    int c = fvi_axis_index(im, 'C'), rgb = fvi_axis_index(im, 'S');
    const int64_t *stride = im->pixels.stride;
    int64_t step = v->first.rgb ? 1 : v->first.keep;
    int64_t blocks = v->stack.c / step;
    fvi_plane_to to = {.data = im->pixels.data, .dtype = im->pixels.dtype};
    to.sy = stride[y];
    to.sx = stride[x];
    to.ss = rgb >= 0 ? stride[rgb] : c >= 0 ? stride[c] : 0;
    for (int64_t b = 0; b < blocks; b++) {
        fvi_tiff_page p;
        FV_TRY(fvi_tiff_go(v, (t * v->stack.z + z) * blocks + b, &p));
        if (!fvi_tiff_has_parts(&p))
            return fvi_tiff_fail(&v->t, FV_ENOTSUP,
                                 "is turned or colored unlike the first page");
        to.at = c < 0 ? 0 : b * step * stride[c];
        FV_TRY(fvi_tiff_decode_part(&v->t, &p, part, to));
    }
    return FV_OK;
}

static fv_status read_piece(fv_source *s, int64_t t, int64_t z, fvi_rect part,
                            fv_tensor out, int64_t *nonfinite)
{
    const fv_image *h = s->header;
    fv_image *im;
    int64_t dim[3], n = 0;
    char axes[4];
    for (const char *a = h->axes; *a; a++)
        if (*a != 'T' && *a != 'Z') {
            axes[n] = *a;
            dim[n++] = *a == 'Y'   ? part.y1 - part.y0
                       : *a == 'X' ? part.x1 - part.x0
                                   : fvi_extent(h, *a);
        }
    axes[n] = 0;
    FV_TRY(fv_image_new(s->ctx, h->pixels.dtype, axes, dim, &im));
    fv_status status = decode_piece(s, t, z, part, im);
    if (status == FV_OK)
        status = fvi_image_part(s->ctx, im, -1, -1, 0, 0, out, nonfinite);
    fv_image_free(s->ctx, im);
    return status;
}

fv_status fv_source_read(fv_source *s, int64_t t, int64_t z, int64_t top,
                         int64_t left, fv_tensor out, int64_t *nonfinite)
{
    const fv_image *im = fv_source_image(s);
    int64_t height = fvi_extent(im, 'Y'), width = fvi_extent(im, 'X');
    int64_t count = 0;
    t = t < 0 ? 0 : t;
    z = z < 0 ? fvi_extent(im, 'Z') / 2 : z;
    if (out.ndim != 3 || out.dtype != FV_F32 || !fv_is_dense(out) ||
        out.dim[2] != im->channels)
        return fvi_fail(s->ctx, FV_ESHAPE,
                        "%s: a piece must be a dense f32[H,W,%d]", s->path,
                        im->channels);
    if (top < 0 || left < 0 || top + out.dim[0] > height ||
        left + out.dim[1] > width || t >= fvi_extent(im, 'T') ||
        z >= fvi_extent(im, 'Z'))
        return fvi_fail(s->ctx, FV_EINVAL,
                        "%s: the piece at %lld, %lld of %lld x %lld px lies "
                        "outside the image",
                        s->path, (long long)top, (long long)left,
                        (long long)out.dim[0], (long long)out.dim[1]);
    if (nonfinite)
        *nonfinite = 0;
    if (fv_count(out) == 0)
        return FV_OK;
    fvi_rect part = {top, left, top + out.dim[0], left + out.dim[1]};
    fv_status status =
        s->whole ? fvi_image_part(s->ctx, im, t, z, top, left, out, &count)
                 : read_piece(s, t, z, part, out, &count);
    if (nonfinite && status == FV_OK)
        *nonfinite = count;
    return status;
}
