/* The files of MNIST. */
#include "image/idx.h"

#include <string.h>
#include <zlib.h>

static const size_t most = (size_t)1 << 32;

/* ---- head ---- */

static int64_t big_endian(const unsigned char *b)
{
    return (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 |
           b[3];
}

static bool is_idx(const unsigned char *b, size_t size)
{
    return size >= 8 && !b[0] && !b[1] && b[2] == 8 && b[3] >= 1 && b[3] <= 3;
}

/* Bytes a file should have whose first `size` are at `b`; 0: it is none, or
 * would be too long. */
static size_t wanted(const unsigned char *b, size_t size)
{
    if (!is_idx(b, size) || size < 4 + 4 * (size_t)b[3])
        return 0;
    size_t head = 4 + 4 * (size_t)b[3], count = 1;
    for (int i = 0; i < b[3]; i++) {
        int64_t dim = big_endian(b + 4 + 4 * i);
        if (dim < 1 || count > most / (size_t)dim)
            return 0;
        count *= (size_t)dim;
    }
    return head + count;
}

/* ---- gzip ---- */

static bool is_gzip(const unsigned char *bytes, size_t size)
{
    return size > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* Inflates into a block that doubles as the bytes come, until there are more
 * than the head says. */
static fv_status inflate_all(fv_ctx *ctx, z_stream *z, unsigned char **out,
                             size_t *size)
{
    enum { HEAD = 16 }; /* bytes at most */
    size_t room = (size_t)1 << 16;
    int code = Z_OK;
    *size = 0;
    while (code == Z_OK && (*size < HEAD || *size <= wanted(*out, *size))) {
        unsigned char *grown = fvi_realloc(ctx, *out, room);
        if (!grown)
            return FV_ENOMEM;
        *out = grown;
        size_t left = room - *size;
        z->next_out = grown + *size;
        z->avail_out = left < UINT32_MAX ? (uInt)left : UINT32_MAX;
        uInt before = z->avail_out;
        code = inflate(z, Z_NO_FLUSH);
        *size += before - z->avail_out;
        if (*size == room)
            room *= 2;
    }
    if (code == Z_STREAM_END || (code == Z_OK && !is_idx(*out, *size)))
        return FV_OK; /* what is no idx file is refused by its head */
    return fvi_fail(ctx, FV_EFORMAT,
                    code == Z_OK ? "holds more bytes than its extents ask for"
                                 : "the gzip stream is damaged");
}

static fv_status unpack(fv_ctx *ctx, unsigned char **bytes, size_t *size)
{
    z_stream z = {.next_in = *bytes, .avail_in = (uInt)*size};
    unsigned char *out = NULL;
    if (*size > UINT32_MAX)
        return fvi_fail(ctx, FV_EFORMAT, "has %zu bytes, at most 4 GiB fit",
                        *size);
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return fvi_fail(ctx, FV_ENOMEM, "no memory to inflate");
    fv_status status = inflate_all(ctx, &z, &out, size);
    inflateEnd(&z);
    if (status != FV_OK) {
        fvi_free(ctx, out);
        return status;
    }
    fvi_free(ctx, *bytes);
    *bytes = out;
    return FV_OK;
}

/* ---- idx ---- */

static fv_status parse(fv_ctx *ctx, size_t size, fvi_idx *idx)
{
    const unsigned char *b = idx->bytes;
    size_t want = wanted(b, size);
    if (!is_idx(b, size))
        return fvi_fail(ctx, FV_EFORMAT,
                        "is not an idx file of unsigned bytes with 1 to 3 "
                        "extents");
    if (want == 0)
        return fvi_fail(ctx, FV_EFORMAT,
                        "its extents are cut short, zero, or ask for more "
                        "than 4 GiB");
    if (size != want)
        return fvi_fail(ctx, FV_EFORMAT,
                        "has %zu bytes, its extents ask for %zu", size, want);
    idx->ndim = b[3];
    for (int i = 0; i < idx->ndim; i++)
        idx->dim[i] = big_endian(b + 4 + 4 * i);
    size_t head = 4 + 4 * (size_t)idx->ndim;
    idx->item = (int64_t)(size - head) / idx->dim[0];
    idx->data = idx->bytes + head;
    return FV_OK;
}

fv_status fvi_idx_read(fv_ctx *ctx, const char *path, fvi_idx *out)
{
    fvi_idx idx = {.ndim = 0};
    size_t size;
    FV_TRY(fvi_file_read(ctx, path, most, &idx.bytes, &size));
    fv_status status = FV_OK;
    if (is_gzip(idx.bytes, size))
        status = unpack(ctx, &idx.bytes, &size);
    if (status == FV_OK)
        status = parse(ctx, size, &idx);
    if (status != FV_OK) {
        fvi_idx_free(ctx, &idx);
        return fvi_fail_in(ctx, status, "%s", path);
    }
    *out = idx;
    return FV_OK;
}

void fvi_idx_free(fv_ctx *ctx, fvi_idx *idx)
{
    fvi_free(ctx, idx->bytes);
    *idx = (fvi_idx){.ndim = 0};
}
