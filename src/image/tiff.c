/* TIFF in: the pages of a file, put together as one stack. */
#include "image/tiff.h"

#include <string.h>

static fv_status keep_page(fvi_tiff *t, fvi_tiff_pages *list, bool alike)
{
    if (list->count == list->room) {
        int64_t room = list->room ? 2 * list->room : 16;
        uint64_t *at =
            fvi_realloc(t->l->ctx, list->at, (size_t)room * sizeof *at);
        if (!at)
            return FV_ENOMEM;
        list->at = at;
        bool *flag = fvi_realloc(t->l->ctx, list->alike, (size_t)room);
        if (!flag)
            return FV_ENOMEM;
        list->alike = flag;
        list->room = room;
    }
    list->alike[list->count] = alike;
    list->at[list->count++] = TIFFCurrentDirOffset(t->tif);
    return FV_OK;
}

/* Pages of other sizes, and of codings we lack, are beside the stack. */
static fv_status is_plane(fvi_tiff *t, const fvi_tiff_page *first, bool *yes)
{
    uint32_t kind = 0;
    fvi_tiff_page p;
    TIFFGetField(t->tif, TIFFTAG_SUBFILETYPE, &kind);
    fv_status status = fvi_tiff_describe(t, &p);
    *yes = status == FV_OK && !(kind & FILETYPE_REDUCEDIMAGE) &&
           fvi_tiff_alike(first, &p);
    return status == FV_ENOTSUP ? FV_OK : status;
}

/* Walks the chain of directories once. A chain that bites its own tail ends
 * there; one that leads nowhere is damage. */
static fv_status list_pages(fvi_tiff *t, const fvi_tiff_page *first,
                            fvi_tiff_pages *list)
{
    FV_TRY(keep_page(t, list, true));
    while (!TIFFLastDirectory(t->tif)) {
        t->said = (fvi_tiff_said){.failed = false};
        if (!TIFFReadDirectory(t->tif)) {
            if (t->said.failed && !strstr(t->said.text, "loop"))
                return fvi_tiff_fail(t, FV_EFORMAT,
                                     "the page after this is damaged");
            break;
        }
        bool alike = false;
        FV_TRY(is_plane(t, first, &alike));
        FV_TRY(keep_page(t, list, alike));
    }
    return FV_OK;
}

void fvi_stack_free(fv_ctx *ctx, fvi_stack *s)
{
    fvi_free(ctx, s->page);
    fvi_free(ctx, s->name);
    *s = (fvi_stack){.t = 1};
}

/* Pages about which the file says nothing are slices. */
static void plain_stack(const fvi_tiff_pages *list, const fvi_tiff_page *p,
                        fvi_stack *s)
{
    int64_t count = 0;
    for (int64_t i = 0; i < list->count; i++)
        count += list->alike[i];
    memcpy(s->order, "TZC", 4);
    s->t = 1;
    s->z = count;
    s->c = p->rgb ? 1 : p->keep;
    s->planes = count;
}

/* Print densities are not pitches; finer ones are taken at their word. */
static void plain_pitch(TIFF *tif, fvi_stack *s)
{
    float x = 0, y = 0;
    uint16_t unit = RESUNIT_NONE;
    TIFFGetField(tif, TIFFTAG_XRESOLUTION, &x);
    TIFFGetField(tif, TIFFTAG_YRESOLUTION, &y);
    TIFFGetField(tif, TIFFTAG_RESOLUTIONUNIT, &unit);
    double um = unit == RESUNIT_CENTIMETER ? 1e4
                : unit == RESUNIT_INCH     ? 25400
                                           : 0;
    s->pitch[1] = fvi_pitch_from_density((double)y, um);
    s->pitch[2] = fvi_pitch_from_density((double)x, um);
}

static fv_status find_stack(fvi_tiff *t, const fvi_tiff_page *p,
                            const fvi_tiff_pages *list, fvi_stack *s)
{
    char *text = NULL;
    bool found = false;
    plain_stack(list, p, s);
    if (!TIFFSetSubDirectory(t->tif, list->at[0]))
        return fvi_tiff_fail(t, FV_EFORMAT, "cannot be read again");
    plain_pitch(t->tif, s);
    if (!TIFFGetField(t->tif, TIFFTAG_IMAGEDESCRIPTION, &text) || !text)
        return FV_OK;
    if (strstr(text, "<OME") || strstr(text, ":OME"))
        FV_TRY(fvi_ome_read(t->l, text, p, list->count, s, &found));
    if (!found && t->imagej)
        fvi_imagej_read(t->tif, text, s->planes, p->rgb ? 1 : p->keep, s);
    return FV_OK;
}

static void claim_stack(const fvi_tiff_page *p, const fvi_stack *s,
                        fvi_claim *claim)
{
    int n = 0;
    for (const char *a = s->order; *a; a++) {
        int64_t extent = *a == 'T' ? s->t : *a == 'Z' ? s->z : s->c;
        if (extent == 1)
            continue;
        claim->axes[n] = *a;
        claim->dim[n++] = extent;
    }
    claim->axes[n] = 'Y';
    claim->axes[n + 1] = 'X';
    fvi_tiff_upright(p, &claim->dim[n], &claim->dim[n + 1]);
    n += 2;
    if (p->rgb) {
        claim->axes[n] = 'S';
        claim->dim[n++] = 3;
    }
    claim->axes[n] = 0;
    claim->dtype = p->dtype;
    claim->expansion = fvi_tiff_expansion(p);
}

static int64_t stride_of(const fv_image *im, char axis)
{
    int i = fvi_axis_index(im, axis);
    return i < 0 ? 0 : im->pixels.stride[i];
}

/* Leaves the pages that are planes, when the file does not say which. */
static void leave_planes(fvi_tiff_survey *s)
{
    fvi_tiff_pages *list = &s->pages;
    int64_t n = 0;
    for (int64_t i = 0; i < list->count && !s->stack.have_planes; i++)
        if (list->alike[i])
            list->at[n++] = list->at[i];
    list->count = s->stack.have_planes ? list->count : n;
}

fv_status fvi_tiff_go(fvi_tiff_survey *s, int64_t k, fvi_tiff_page *p)
{
    fvi_tiff *t = &s->t;
    int64_t page = s->stack.have_planes ? s->stack.page[k] : k;
    if (page < 0 || page >= s->pages.count)
        return fvi_load_fail(t->l, FV_EFORMAT,
                             "TIFF: plane %lld of %lld has no page",
                             (long long)k + 1, (long long)s->stack.planes);
    t->said = (fvi_tiff_said){.failed = false};
    if (!TIFFSetSubDirectory(t->tif, s->pages.at[page]))
        return fvi_tiff_fail(t, FV_EFORMAT, "cannot be read again");
    FV_TRY(fvi_tiff_describe(t, p));
    if (!fvi_tiff_alike(&s->first, p))
        return fvi_tiff_fail(t, FV_EFORMAT,
                             "differs in size or type from the first page");
    return FV_OK;
}

static fv_status decode_stack(fvi_tiff_survey *s, fv_image *im)
{
    const fvi_tiff_page *first = &s->first;
    const fvi_stack *stack = &s->stack;
    int64_t step = first->rgb ? 1 : first->keep, blocks = stack->c / step;
    fvi_plane_to to = {.data = im->pixels.data,
                       .dtype = first->dtype,
                       .sy = stride_of(im, 'Y'),
                       .sx = stride_of(im, 'X'),
                       .ss = stride_of(im, first->rgb ? 'S' : 'C')};
    for (int64_t k = 0; k < stack->planes; k++) {
        fvi_tiff_page p;
        int64_t c = k % blocks, z = k / blocks % stack->z;
        FV_TRY(fvi_tiff_go(s, k, &p));
        to.at = k / blocks / stack->z * stride_of(im, 'T') +
                z * stride_of(im, 'Z') + c * step * stride_of(im, 'C');
        FV_TRY(fvi_tiff_decode(&s->t, &p, to));
    }
    return FV_OK;
}

/* Large stacks of ImageJ have one directory; all planes follow the first. */
static fv_status read_raw(fvi_tiff *t, const fvi_tiff_page *p, fv_image *im)
{
    int bits = p->sample.bits;
    int64_t size = (int64_t)fv_dtype_size(p->dtype);
    int64_t count = fv_count(im->pixels);
    int64_t at = (int64_t)TIFFGetStrileOffset(t->tif, 0);
    if (p->compression != COMPRESSION_NONE || p->tiled || p->planar ||
        p->way != FVI_TIFF_PLAIN || bits != 8 * (int)size ||
        p->samples != p->keep || (!p->rgb && p->keep != 1))
        return fvi_tiff_fail(t, FV_ENOTSUP,
                             "ImageJ stack that is not plain numbers");
    if (at <= 0 || at > t->l->file_bytes ||
        (t->l->file_bytes - at) / size < count)
        return fvi_tiff_fail(t, FV_EFORMAT, "the stack ends early");
    if (t->l->header)
        return FV_OK;
    if (fseeko(t->l->file, (off_t)at, SEEK_SET) != 0 ||
        fread(im->pixels.data, (size_t)size, (size_t)count, t->l->file) !=
            (size_t)count)
        return fvi_tiff_fail(t, FV_EIO, "the stack cannot be read");
    if (TIFFIsByteSwapped(t->tif))
        fvi_swap_bytes(im->pixels.data, count, (int)size);
    return FV_OK;
}

fv_status fvi_tiff_build(fvi_tiff_survey *v, fv_image **out)
{
    const fvi_load *l = v->t.l;
    const fvi_tiff_page *p = &v->first;
    const fvi_stack *s = &v->stack;
    fvi_claim claim = {.dtype = p->dtype};
    fv_image *im = NULL;
    if (p->rgb && s->t > 1 && s->z > 1 && s->c > 1)
        return fvi_load_fail(l, FV_ENOTSUP,
                             "RGB over time, z and channels has six axes, "
                             "expected at most five");
    claim_stack(p, s, &claim);
    FV_TRY(fvi_load_image(l, &claim, &im));
    memcpy(im->pitch, s->pitch, sizeof im->pitch);
    for (int i = 0; i < s->names && i < im->channels && !im->rgb; i++)
        memcpy(im->name[i], s->name[i], sizeof im->name[i]);
    fv_status status = s->raw      ? read_raw(&v->t, p, im)
                       : l->header ? FV_OK
                                   : decode_stack(v, im);
    if (status == FV_OK)
        *out = im;
    else
        fv_image_free(l->ctx, im);
    return status;
}

static fv_status survey(fvi_tiff_survey *s)
{
    char *text = NULL;
    fvi_tiff *t = &s->t;
    TIFFGetField(t->tif, TIFFTAG_IMAGEDESCRIPTION, &text);
    t->imagej = text && strncmp(text, "ImageJ=", 7) == 0;
    FV_TRY(fvi_tiff_describe(t, &s->first));
    FV_TRY(list_pages(t, &s->first, &s->pages));
    t->said = (fvi_tiff_said){.failed = false};
    FV_TRY(find_stack(t, &s->first, &s->pages, &s->stack));
    leave_planes(s);
    return FV_OK;
}

fv_status fvi_tiff_survey_open(fvi_load *l, fvi_tiff_survey *out)
{
    int64_t most = 0;
    *out = (fvi_tiff_survey){.t = {.l = l}, .stack = {.t = 1}};
    if (__builtin_mul_overflow(l->file_bytes, 4, &most) ||
        __builtin_add_overflow(most, (int64_t)64 << 20, &most))
        most = INT64_MAX;
    fvi_tiff *t = &out->t;
    t->tif = fvi_tiff_open(l->path, "rm", most, &t->said);
    if (!t->tif)
        return fvi_load_fail(l, FV_EFORMAT, "damaged TIFF: %s", t->said.text);
    return survey(out);
}

void fvi_tiff_survey_close(fvi_tiff_survey *s)
{
    fv_ctx *ctx = s->t.l->ctx;
    if (s->t.tif)
        TIFFClose(s->t.tif);
    fvi_stack_free(ctx, &s->stack);
    fvi_free(ctx, s->pages.at);
    fvi_free(ctx, s->pages.alike);
}

fv_status fvi_read_tiff(fvi_load *l, fv_image **out)
{
    fvi_tiff_survey s;
    fv_status status = fvi_tiff_survey_open(l, &s);
    if (status == FV_OK)
        status = fvi_tiff_build(&s, out);
    fvi_tiff_survey_close(&s);
    return status;
}
