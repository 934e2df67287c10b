#ifndef FV_IMAGE_H
#define FV_IMAGE_H

#include "fovea/tensor.h"

FV_C_BEGIN

/*
 * A microscopy image as it was recorded: counts are never rescaled on the way
 * in. Owns its pixels; free with fv_image_free.
 *
 *   pixels  dense; axes[i] names dim[i]: some of T, Z, C in the order of the
 *           file, then Y, X, and for RGB a last S (samples): "YX", "CYX",
 *           "TZYX", "YXS". T, Z and C are each at most once.
 *   pitch   distance between neighboring samples along z, y, x in
 *           micrometers; 0 means the file did not say (never guessed)
 *   name    `channels` channel names, "" where unknown
 *   rgb     1 when samples are red, green, blue (alpha is dropped)
 */
typedef struct fv_image {
    fv_tensor pixels;
    char axes[FV_MAX_DIM + 1];
    double pitch[3];
    int rgb;
    int channels;
    char (*name)[32];
} fv_image;

/* Bounds on what a reader may believe, checked before anything is allocated.
 * Zeroed fields mean the defaults at the right. */
typedef struct fv_limits {
    int64_t max_side;  /* pixels                       1 000 000 */
    int64_t max_bytes; /* decoded pixels, in bytes     8 GiB     */
} fv_limits;

/*
 * Reads TIFF (strips, tiles, BigTIFF, multi-page, OME-XML, ImageJ), PNG, JPEG
 * or NPY: decided by the first bytes, not by the name. 12-bit and below become
 * u8 or u16, f16 becomes f32, 64-bit integers become f64; values are kept.
 * Unsigned TIFF counts whose 0 is white are inverted and palettes become RGB,
 * except in files of ImageJ, where both are for display only. Pages without a
 * meaning are Z. A resolution of TIFF or PNG is a pitch when finer than 10 um;
 * coarser ones are print densities.
 * FV_EIO, FV_EFORMAT, FV_ENOTSUP (with the codec), FV_ENOMEM. `limits` may be
 * NULL. On failure `*out` is untouched.
 */
FV_NODISCARD FV_API fv_status fv_image_read(fv_ctx *ctx, const char *path,
                                            const fv_limits *limits,
                                            fv_image **out);

/* Shape, axes, dtype, pitch and names only; pixels.data is NULL. */
FV_NODISCARD FV_API fv_status fv_image_read_header(fv_ctx *ctx,
                                                   const char *path,
                                                   fv_image **out);

/* A zeroed image of the given shape; axes as above. */
FV_NODISCARD FV_API fv_status fv_image_new(fv_ctx *ctx, fv_dtype dtype,
                                           const char *axes,
                                           const int64_t dim[], fv_image **out);
FV_API void fv_image_free(fv_ctx *ctx, fv_image *im); /* NULL is fine */

/*
 * Writes by the ending of `path`: .tif (OME-XML with axes, pitch and channel
 * names; deflate; BigTIFF when needed), .png (u8 or u16, gray or RGB), .npy.
 * All or nothing: a failed write leaves no file. FV_EIO, FV_ENOTSUP.
 */
FV_NODISCARD FV_API fv_status fv_image_write(fv_ctx *ctx, const char *path,
                                             const fv_image *im);

/* A label image (u32 (H,W), 0 is background) as TIFF or PNG: u16, or u32 in
 * TIFF when a label is over 65,535 (PNG: FV_EINVAL). pitch may be NULL. */
FV_NODISCARD FV_API fv_status fv_labels_write(fv_ctx *ctx, const char *path,
                                              fv_tensor labels,
                                              const double pitch[3]);

/* Reads a label image of any integer type (or floats that are whole numbers)
 * as u32 (H,W). An RGB image, a negative or a broken label is FV_EFORMAT.
 * fv_image with dtype u32, axes "YX"; the caller frees it. */
FV_NODISCARD FV_API fv_status fv_labels_read(fv_ctx *ctx, const char *path,
                                             const fv_limits *limits,
                                             fv_image **out);

/* The plane to work on, as f32 (H,W,C), C = channels or RGB samples; `t` and
 * `z` below 0: the first time point, the middle z. Dense, owned by the caller
 * (fv_plane_free). NaN and infinities become 0; `*nonfinite` (may be NULL)
 * counts them. */
FV_NODISCARD FV_API fv_status fv_image_plane(fv_ctx *ctx, const fv_image *im,
                                             int64_t t, int64_t z,
                                             fv_tensor *out,
                                             int64_t *nonfinite);
FV_API void fv_plane_free(fv_ctx *ctx, fv_tensor *plane);

/* Two stains of a section: hematoxylin (blue, nuclei) and another. */
typedef enum fv_stain { FV_STAIN_H_DAB, FV_STAIN_H_E } fv_stain;

/* How much hematoxylin each pixel of a dense RGB plane (f32 (H,W,3)) shows,
 * as f32 (H,W,1): its optical density, base 10, without what the other stain
 * absorbs, from 0 (Ruifrok & Johnston 2001). `white`: the value where no tissue
 * is. The caller frees `*out` with fv_plane_free. FV_ESHAPE, FV_EINVAL. */
FV_NODISCARD FV_API fv_status fv_hematoxylin(fv_ctx *ctx, fv_tensor rgb,
                                             double white, fv_stain stain,
                                             fv_tensor *out);

/* ---- images too large for memory ---- */

/* An image file from which planes are taken piece by piece. */
typedef struct fv_source fv_source;

/* Opens what fv_image_read reads. An upright TIFF of numbers or palettes stays
 * open, and a piece costs the tiles or strips it meets; any other file is read
 * whole here. `limits` (may be NULL) and errors as in fv_image_read. The caller
 * frees `*out` with fv_source_close, before `ctx`. */
FV_NODISCARD FV_API fv_status fv_source_open(fv_ctx *ctx, const char *path,
                                             const fv_limits *limits,
                                             fv_source **out);
FV_API void fv_source_close(fv_source *s); /* NULL is fine */

/* Axes, extents, dtype, pitch and names; pixels.data may be NULL. Borrowed. */
FV_API const fv_image *fv_source_image(const fv_source *s);

/* 1 when pieces come from the file, 0 when it was read whole. */
FV_API int fv_source_has_pieces(const fv_source *s);

/* The piece of plane (`t`, `z`), both as in fv_image_plane, whose first pixel
 * is (`top`, `left`), into `out` f32 (h,w,C), dense, the caller's: what
 * fv_image_plane would give there. FV_ESHAPE, FV_EINVAL (outside the image),
 * FV_EIO, FV_EFORMAT, FV_ENOTSUP, FV_ENOMEM, FV_ECANCEL. */
FV_NODISCARD FV_API fv_status fv_source_read(fv_source *s, int64_t t, int64_t z,
                                             int64_t top, int64_t left,
                                             fv_tensor out, int64_t *nonfinite);

/*
 * y = (x - a)/(b - a), where a and b are percentiles in [0,100], linear
 * between order statistics as numpy does by default; of each channel, or with
 * `joint` of all together (RGB). Flat channels give 0. In place; f32 (H,W,C).
 */
FV_NODISCARD FV_API fv_status fv_normalize(fv_ctx *ctx, fv_tensor plane,
                                           double lo, double hi, int joint);

/* The two steps of it. Percentiles into low[c] and high[c] of every channel;
 * then y = (x - low[c])/(high[c] - low[c]), or `back` from y to x. A channel
 * with high <= low becomes 0, and back low. */
FV_NODISCARD FV_API fv_status fv_percentiles(fv_ctx *ctx, fv_tensor plane,
                                             double lo, double hi, int joint,
                                             double low[], double high[]);
FV_NODISCARD FV_API fv_status fv_rescale(fv_ctx *ctx, fv_tensor plane,
                                         const double low[],
                                         const double high[], int back);

/* A copy of f32 (H,W,C) with new H and W; bilinear with pixel centers at
 * half-integers, area average when shrinking. The caller frees it. */
FV_NODISCARD FV_API fv_status fv_resize(fv_ctx *ctx, fv_tensor plane,
                                        int64_t height, int64_t width,
                                        fv_tensor *out);

/* A copy of u32 (H,W) labels with new H and W, nearest. Caller frees. */
FV_NODISCARD FV_API fv_status fv_resize_labels(fv_ctx *ctx, fv_tensor labels,
                                               int64_t height, int64_t width,
                                               fv_tensor *out);

FV_C_END

#endif
