#ifndef FV_TINYTIFF_H
#define FV_TINYTIFF_H

/* Small TIFF files made by hand, byte by byte: u8 or u16 gray pages without
 * compression, so that tests can say exactly what a file claims. */

#include "image/imagetest.h"

typedef struct tiny {
    unsigned char bytes[1 << 16];
    size_t size;
    size_t next_at; /* where the offset of the next directory goes */
    int big_endian;
} tiny;

typedef struct tiny_page {
    int width, height, bits, photometric;
    const char *description;
    double per_unit; /* resolution; 0: none */
    int unit;        /* 1 none, 2 inch, 3 cm */
    const void *pixels;
    size_t pixel_bytes;
} tiny_page;

static inline void tiny_put(tiny *t, size_t at, uint32_t v, int size)
{
    for (int i = 0; i < size; i++)
        t->bytes[at + (size_t)i] =
            (unsigned char)(v >> 8 * (t->big_endian ? size - 1 - i : i));
}

static inline size_t tiny_add(tiny *t, const void *bytes, size_t n)
{
    size_t at = t->size;
    assert_true(at + n + 2 < sizeof t->bytes);
    if (bytes)
        memcpy(t->bytes + at, bytes, n);
    t->size += n + n % 2;
    return at;
}

static inline void tiny_begin(tiny *t, int big_endian)
{
    memset(t, 0, sizeof *t);
    t->big_endian = big_endian;
    tiny_add(t, big_endian ? "MM" : "II", 2);
    tiny_add(t, NULL, 6);
    tiny_put(t, 2, 42, 2);
    t->next_at = 4;
}

/* An entry of one value (or of `count` at an offset). */
static inline void tiny_tag(tiny *t, size_t *at, int tag, int type,
                            uint32_t count, uint32_t value)
{
    tiny_put(t, *at, (uint32_t)tag, 2);
    tiny_put(t, *at + 2, (uint32_t)type, 2);
    tiny_put(t, *at + 4, count, 4);
    tiny_put(t, *at + 8, value, type == 3 && count == 1 ? 2 : 4);
    *at += 12;
}

static inline void tiny_add_page(tiny *t, const tiny_page *p)
{
    enum { SHORT = 3, LONG = 4, ASCII = 2, RATIONAL = 5 };
    size_t n = p->description ? strlen(p->description) + 1 : 0;
    size_t text = tiny_add(t, p->description, n);
    size_t ratio = tiny_add(t, NULL, 8);
    size_t pixels = tiny_add(t, p->pixels, p->pixel_bytes);
    int tags = 9 + (n > 0) + 3 * (p->per_unit > 0);
    size_t dir = tiny_add(t, NULL, 2 + 12 * (size_t)tags + 4), at = dir + 2;
    tiny_put(t, ratio, (uint32_t)(p->per_unit * 1000 + 0.5), 4);
    tiny_put(t, ratio + 4, 1000, 4);
    tiny_put(t, t->next_at, (uint32_t)dir, 4);
    tiny_put(t, dir, (uint32_t)tags, 2);
    tiny_tag(t, &at, 256, LONG, 1, (uint32_t)p->width);
    tiny_tag(t, &at, 257, LONG, 1, (uint32_t)p->height);
    tiny_tag(t, &at, 258, SHORT, 1, (uint32_t)p->bits);
    tiny_tag(t, &at, 259, SHORT, 1, 1);
    tiny_tag(t, &at, 262, SHORT, 1, (uint32_t)p->photometric);
    if (n > 0)
        tiny_tag(t, &at, 270, ASCII, (uint32_t)n, (uint32_t)text);
    tiny_tag(t, &at, 273, LONG, 1, (uint32_t)pixels);
    tiny_tag(t, &at, 277, SHORT, 1, 1);
    tiny_tag(t, &at, 278, LONG, 1, (uint32_t)p->height);
    tiny_tag(t, &at, 279, LONG, 1,
             (uint32_t)((int64_t)p->width * p->height * p->bits / 8));
    if (p->per_unit > 0) {
        tiny_tag(t, &at, 282, RATIONAL, 1, (uint32_t)ratio);
        tiny_tag(t, &at, 283, RATIONAL, 1, (uint32_t)ratio);
        tiny_tag(t, &at, 296, SHORT, 1, (uint32_t)p->unit);
    }
    t->next_at = at;
}

/* Reads the file made; the status is the result. */
static inline fv_status tiny_read(const tiny *t, fv_image **out)
{
    const char *path = scratch_path("tiny.tif");
    write_bytes(path, t->bytes, t->size);
    fv_status status = fv_image_read(ctx, path, NULL, out);
    unlink(path);
    return status;
}

#endif
