/* NPY in and out. The header is a Python dictionary of three known keys;
 * arrays of objects are pickles, which are programs, and are refused.
 * Source: numpy, NEP 1 "A simple file format for NumPy arrays". */
#include "image/load.h"
#include "image/sample.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 65536 };

typedef struct header {
    char kind; /* b, i, u, f, ... as numpy names them */
    int size;  /* bytes of an element */
    bool swap, fortran;
    int ndim;
    int64_t dim[32];
    char descr[32];
} header;

/* The text after `'key':`, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    for (const char *at = text; (at = strstr(at, key)) != NULL; at++) {
        char quote = at > text ? at[-1] : 0;
        const char *end = at + strlen(key);
        if ((quote != '\'' && quote != '"') || *end != quote)
            continue;
        for (end++; isspace((unsigned char)*end); end++)
            ;
        if (*end != ':')
            continue;
        for (end++; isspace((unsigned char)*end); end++)
            ;
        return end;
    }
    return NULL;
}

static bool parse_descr(const char *at, header *h)
{
    char quote = *at;
    if (quote != '\'' && quote != '"')
        return false;
    size_t n = strcspn(at + 1, "'\"");
    if (n < 2 || n >= sizeof h->descr || at[1 + n] != quote)
        return false;
    memcpy(h->descr, at + 1, n);
    char *end = NULL;
    long size = strtol(h->descr + 2, &end, 10);
    if (*end || size < 0 || size > 1 << 20)
        return false;
    h->swap = h->descr[0] == '>'; /* '<', '|' and '=' are ours */
    h->kind = h->descr[1];
    h->size = (int)size;
    return true;
}

static bool parse_shape(const char *at, header *h)
{
    if (*at++ != '(')
        return false;
    while (h->ndim < 32) {
        while (isspace((unsigned char)*at) || *at == ',')
            at++;
        if (*at == ')')
            return true;
        char *end = NULL;
        if (!isdigit((unsigned char)*at))
            return false;
        long long n = strtoll(at, &end, 10);
        if (end - at > 18)
            return false;
        h->dim[h->ndim++] = n;
        at = end + (*end == 'L'); /* Python 2 wrote 3L */
    }
    return false;
}

static fv_status parse(const fvi_load *l, const char *text, header *h)
{
    const char *descr = value_of(text, "descr");
    const char *order = value_of(text, "fortran_order");
    const char *shape = value_of(text, "shape");
    if (!descr || !order || !shape || !parse_shape(shape, h))
        return fvi_load_fail(l, FV_EFORMAT, "damaged NPY header");
    if (*descr == '[')
        return fvi_load_fail(l, FV_ENOTSUP,
                             "is an NPY table of records, expected numbers");
    if (!parse_descr(descr, h))
        return fvi_load_fail(l, FV_EFORMAT, "damaged NPY element type");
    h->fortran = strncmp(order, "True", 4) == 0;
    return FV_OK;
}

static fv_status read_header(const fvi_load *l, header *h)
{
    unsigned char fixed[12];
    char text[MAX_HEADER + 1];
    if (fread(fixed, 1, 10, l->file) != 10)
        return fvi_load_fail(l, FV_EFORMAT, "NPY header ends early");
    uint32_t size = fixed[8] | (uint32_t)fixed[9] << 8;
    if (fixed[6] < 1 || fixed[6] > 3)
        return fvi_load_fail(l, FV_ENOTSUP,
                             "NPY version %d, expected 1, 2 or 3", fixed[6]);
    if (fixed[6] > 1) {
        if (fread(fixed + 10, 1, 2, l->file) != 2)
            return fvi_load_fail(l, FV_EFORMAT, "NPY header ends early");
        size |= (uint32_t)fixed[10] << 16 | (uint32_t)fixed[11] << 24;
    }
    if (size > MAX_HEADER)
        return fvi_load_fail(l, FV_EFORMAT,
                             "NPY header claims %u bytes, at most %d fit",
                             (unsigned)size, MAX_HEADER);
    if (fread(text, 1, size, l->file) != size)
        return fvi_load_fail(l, FV_EFORMAT, "NPY header ends early");
    text[size] = 0;
    return parse(l, text, h);
}

/* Stored elements to ours. */
static fv_status element(const fvi_load *l, const header *h, fvi_sample *s)
{
    bool one_to_eight =
        h->size == 1 || h->size == 2 || h->size == 4 || h->size == 8;
    if (h->kind == 'O')
        return fvi_load_fail(l, FV_ENOTSUP,
                             "holds pickled objects, expected numbers");
    if (h->kind == 'b' && h->size == 1)
        *s = (fvi_sample){.bits = 8, .kind = FVI_UNSIGNED};
    else if (h->kind == 'u' && one_to_eight)
        *s = (fvi_sample){.bits = h->size * 8, .kind = FVI_UNSIGNED};
    else if (h->kind == 'i' && one_to_eight)
        *s = (fvi_sample){.bits = h->size * 8, .kind = FVI_SIGNED};
    else if (h->kind == 'f' && one_to_eight && h->size > 1)
        *s = (fvi_sample){.bits = h->size * 8, .kind = FVI_FLOAT};
    else
        return fvi_load_fail(l, FV_ENOTSUP,
                             "NPY elements '%s', expected integers or floats "
                             "of at most 64 bits",
                             h->descr);
    return FV_OK;
}

/* What the axes are called is not in the file: a last extent of 3 is RGB, a
 * leading one of up to 4 channels, a longer one z; then time. */
static fv_status name_axes(const fvi_load *l, const header *h, fvi_claim *claim)
{
    bool rgb = h->ndim >= 3 && h->dim[h->ndim - 1] == 3;
    int planes = h->ndim - 2 - (rgb ? 1 : 0);
    if (h->ndim < 2 || h->ndim > FV_MAX_DIM || planes > 3)
        return fvi_load_fail(
            l, FV_EFORMAT, "is an array of %d axes, expected 2 to 5", h->ndim);
    char *a = claim->axes;
    bool channels = !rgb && planes > 0 && h->dim[planes - 1] <= 4;
    const char *lead = rgb || !channels ? "TZ" : "TZC";
    int longest = (int)strlen(lead);
    if (planes > longest)
        lead = "TZC", longest = 3;
    memcpy(a, lead + longest - planes, (size_t)planes);
    memcpy(a + planes, rgb ? "YXS" : "YX", rgb ? 4 : 3);
    memcpy(claim->dim, h->dim, (size_t)h->ndim * sizeof h->dim[0]);
    return FV_OK;
}

/* Reads row by row of the file; Fortran order counts the first axis fastest,
 * so those rows lie along axis 0 of the image. */
static fv_status read_rows(const fvi_load *l, const header *h,
                           const fvi_sample *s, fv_image *im,
                           unsigned char *row, unsigned char *typed)
{
    fv_tensor t = im->pixels;
    int n = t.ndim, axis[FV_MAX_DIM] = {0};
    for (int i = 0; i < n; i++)
        axis[i] = h->fortran ? n - 1 - i : i;
    int fast = axis[n - 1];
    size_t bytes = (size_t)t.dim[fast] * (size_t)h->size;
    int64_t at[FV_MAX_DIM] = {0};
    for (;;) {
        int64_t to = 0;
        for (int i = 0; i < n - 1; i++)
            to += at[i] * t.stride[axis[i]];
        if (fread(row, 1, bytes, l->file) != bytes)
            return fvi_load_fail(l, FV_EFORMAT, "NPY data ends early");
        if (h->swap)
            fvi_swap_bytes(row, t.dim[fast], h->size);
        const void *from = fvi_sample_row(s, row, t.dim[fast], typed);
        fvi_scatter(t.dtype, from, 1, t.dim[fast], t.data, to, t.stride[fast]);
        int i = n - 2;
        while (i >= 0 && ++at[i] == t.dim[axis[i]])
            at[i--] = 0;
        if (i < 0)
            return FV_OK;
    }
}

static fv_status read_pixels(const fvi_load *l, const header *h,
                             const fvi_sample *s, fv_image *im)
{
    int64_t n = im->pixels.dim[h->fortran ? 0 : im->pixels.ndim - 1];
    unsigned char *row = fvi_calloc(l->ctx, (size_t)n, 8);
    unsigned char *typed = fvi_calloc(l->ctx, (size_t)n, 8);
    fv_status status = FV_ENOMEM;
    if (row && typed)
        status = read_rows(l, h, s, im, row, typed);
    fvi_free(l->ctx, row);
    fvi_free(l->ctx, typed);
    return status;
}

fv_status fvi_read_npy(fvi_load *l, fv_image **out)
{
    header h = {0};
    fvi_sample sample = {0};
    fvi_claim claim = {.expansion = 2}; /* f16 becomes f32 */
    fv_image *im = NULL;
    FV_TRY(read_header(l, &h));
    FV_TRY(element(l, &h, &sample));
    FV_TRY(name_axes(l, &h, &claim));
    claim.dtype = fvi_sample_dtype(&sample);
    FV_TRY(fvi_load_image(l, &claim, &im));
    if (!l->header) {
        fv_status status = read_pixels(l, &h, &sample, im);
        if (status != FV_OK) {
            fv_image_free(l->ctx, im);
            return status;
        }
    }
    *out = im;
    return FV_OK;
}

static fv_status write_header(fvi_file *f, const fv_image *im)
{
    static const char *const descr[] = {"<f4", "<f8", "|u1", "<u2",
                                        "<u4", "|i1", "<i2", "<i4"};
    fvi_text t = {.ctx = f->ctx};
    fvi_text_bytes(&t, "\x93NUMPY\1\0\0\0", 10);
    fvi_text_add(&t, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                 descr[im->pixels.dtype]);
    for (int i = 0; i < im->pixels.ndim; i++)
        fvi_text_add(&t, "%lld, ", (long long)im->pixels.dim[i]);
    fvi_text_add(&t, "), }");
    while (!t.failed && (t.size + 1) % 64 != 0)
        fvi_text_add(&t, " ");
    fvi_text_add(&t, "\n");
    fv_status status = fvi_text_check(&t);
    if (status == FV_OK) {
        size_t size = t.size - 10;
        t.data[8] = (char)(size & 255);
        t.data[9] = (char)(size >> 8);
        status = fvi_file_add(f, t.data, t.size);
    }
    fvi_text_free(&t);
    return status;
}

fv_status fvi_write_npy(fv_ctx *ctx, const char *path, const fv_image *im)
{
    fvi_file f;
    FV_TRY(fvi_file_create(ctx, path, true, &f));
    fv_status status = write_header(&f, im);
    if (status == FV_OK)
        status = fvi_file_add(&f, im->pixels.data,
                              (size_t)fv_count(im->pixels) *
                                  fv_dtype_size(im->pixels.dtype));
    if (status == FV_OK)
        return fvi_file_commit(&f);
    fvi_file_discard(&f);
    return status;
}
