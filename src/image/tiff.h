#ifndef FVI_IMAGE_TIFF_H
#define FVI_IMAGE_TIFF_H

/* Inside the TIFF reader and writer: one open file, one page, one stack. */

#include "image/load.h"
#include "image/sample.h"

#include <tiffio.h>

/* The first thing libtiff complained about. */
typedef struct fvi_tiff_said {
    char text[200];
    bool failed;
} fvi_tiff_said;

/* One TIFF being read. */
typedef struct fvi_tiff {
    fvi_load *l;
    TIFF *tif;
    fvi_tiff_said said;
    bool imagej; /* palettes and inversion are for display only */
} fvi_tiff;

/* Opens with messages kept in `said` and no single allocation over
 * `max_alloc` bytes; NULL on failure. */
TIFF *fvi_tiff_open(const char *path, const char *mode, int64_t max_alloc,
                    fvi_tiff_said *said);

/* "PATH: page 3: what: what libtiff said". Pages count from 1. */
fv_status fvi_tiff_fail(fvi_tiff *t, fv_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* How the samples of a page become ours. */
typedef enum fvi_tiff_way {
    FVI_TIFF_PLAIN,   /* as stored                                  */
    FVI_TIFF_PALETTE, /* index to red, green, blue                  */
    FVI_TIFF_INK,     /* cyan, magenta, yellow, black to RGB        */
    FVI_TIFF_RENDER   /* by libtiff: YCbCr, Lab, LogLuv to 8-bit RGB */
} fvi_tiff_way;

/* What one page (image file directory) says about its pixels. */
typedef struct fvi_tiff_page {
    uint32_t width, height;    /* as stored, before orientation */
    uint32_t chunk_w, chunk_h; /* of a tile or a strip          */
    uint16_t samples, orientation, compression;
    bool tiled, planar, difference;
    fvi_sample sample;
    fvi_tiff_way way;
    int keep; /* samples that become channels: 1, 3 for RGB, ... */
    bool rgb;
    fv_dtype dtype;
} fvi_tiff_page;

/* Describes the current directory. FV_ENOTSUP, FV_EFORMAT. */
fv_status fvi_tiff_describe(fvi_tiff *t, fvi_tiff_page *p);

/* Checks that the current directory is whole, and finds the predictor it names
 * (1: none). FV_EFORMAT. */
fv_status fvi_tiff_directory(fvi_tiff *t, int *predictor);

/* True when the pages can be planes of one stack. */
bool fvi_tiff_alike(const fvi_tiff_page *a, const fvi_tiff_page *b);

/* The most bytes that one stored byte can become. */
int64_t fvi_tiff_expansion(const fvi_tiff_page *p);

/* Height and width after orientation. */
void fvi_tiff_upright(const fvi_tiff_page *p, int64_t *h, int64_t *w);

/* Where pixel (0,0), sample 0 of a plane goes, in elements of `data`; strides
 * along upright y and x, and between samples. */
typedef struct fvi_plane_to {
    void *data;
    fv_dtype dtype;
    int64_t at, sy, sx, ss;
} fvi_plane_to;

/* Decodes the current directory. */
fv_status fvi_tiff_decode(fvi_tiff *t, const fvi_tiff_page *p, fvi_plane_to to);

/* Pixels y0 <= y < y1, x0 <= x < x1. */
typedef struct fvi_rect {
    int64_t y0, x0, y1, x1;
} fvi_rect;

/* True when a part of a page needs no more than the tiles or strips it meets:
 * upright pages of numbers or palettes. */
bool fvi_tiff_has_parts(const fvi_tiff_page *p);

/* Decodes a part of the current directory, whose first pixel goes to `to`. */
fv_status fvi_tiff_decode_part(fvi_tiff *t, const fvi_tiff_page *p,
                               fvi_rect part, fvi_plane_to to);

/* How the pages of a file make a stack. */
typedef struct fvi_stack {
    char order[4];   /* T, Z, C, slowest first; NUL-terminated */
    int64_t t, z, c; /* extents; c counts all channels          */
    double pitch[3];
    bool have_planes; /* page[] is set                           */
    bool raw;         /* ImageJ: one page, planes follow its data */
    int64_t planes;   /* t * z * c / channels of a page          */
    int32_t *page;    /* page index of plane (t*z + z)*c + c     */
    int names;
    char (*name)[32];
} fvi_stack;

void fvi_stack_free(fv_ctx *ctx, fvi_stack *s);

/* Where the pages begin, and which can be planes beside the first. */
typedef struct fvi_tiff_pages {
    uint64_t *at;
    bool *alike;
    int64_t count, room;
} fvi_tiff_pages;

/* An open file before its pixels are read. */
typedef struct fvi_tiff_survey {
    fvi_tiff t;
    fvi_tiff_page first;
    fvi_tiff_pages pages;
    fvi_stack stack;
} fvi_tiff_survey;

/* Opens and describes the file of `l`, which must stay. Close also
 * after a failure. */
fv_status fvi_tiff_survey_open(fvi_load *l, fvi_tiff_survey *out);
void fvi_tiff_survey_close(fvi_tiff_survey *s);

/* An image as surveyed, with pixels or (l->header) without. */
fv_status fvi_tiff_build(fvi_tiff_survey *s, fv_image **out);

/* Goes to the page of plane k = (t*z + z)*c + c and describes it. */
fv_status fvi_tiff_go(fvi_tiff_survey *s, int64_t k, fvi_tiff_page *p);

/* Reads OME-XML; `*found` is false when `xml` does not describe `pages` pages
 * of `width` x `height` with `samples` channels each. */
fv_status fvi_ome_read(fvi_load *l, const char *xml, const fvi_tiff_page *p,
                       int64_t pages, fvi_stack *out, bool *found);

/* Reads the description ImageJ writes, with the resolution beside it. */
void fvi_imagej_read(TIFF *tif, const char *text, int64_t pages, int keep,
                     fvi_stack *out);

/* The OME-XML of an image. The caller frees the text. */
fv_status fvi_ome_write(fv_ctx *ctx, const fv_image *im, fvi_text *out);

#endif
