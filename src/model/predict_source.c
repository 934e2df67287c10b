/* A network run over an image that stays in its file: percentiles by two
 * passes over its rows, then a band of rows per row of tiles. */
#include "image/load.h"
#include "model/predict.h"

typedef struct stream {
    fvi_scan view; /* first: fetch is given its address */
    fv_ctx *ctx;
    const fv_predictor *p;
    fv_source *source;
    int channel, rgb;
    fvi_range range;
} stream;

/* Rows as recorded, with the channels that are used. */
static fv_status recorded(const stream *s, int64_t top, int64_t height,
                          fv_tensor *out)
{
    const fv_image *im = fv_source_image(s->source);
    int64_t dim[3] = {height, fvi_extent(im, 'X'), im->channels};
    fv_tensor all;
    FV_TRY(fvi_tensor_new(s->ctx, FV_F32, 3, dim, &all));
    fv_status status = fv_source_read(s->source, -1, -1, top, 0, all, NULL);
    fv_tensor part = all;
    if (s->channel > 0)
        part = fv_slice(all, 2, s->channel - 1, s->channel);
    if (status == FV_OK)
        status = fvi_match_channels(s->ctx, s->p->model, part, s->rgb, out);
    fv_plane_free(s->ctx, &all);
    return status;
}

static fv_status read_band(void *user, int64_t top, fv_tensor out)
{
    const stream *s = user;
    fv_tensor rows;
    FV_TRY(recorded(s, top, out.dim[0], &rows));
    fv_status status = fv_copy(s->ctx, rows, out);
    fv_plane_free(s->ctx, &rows);
    return status;
}

static fv_status fetch(fvi_scan *v, int64_t lo, int64_t hi)
{
    stream *s = (stream *)(void *)v;
    fv_plane_free(s->ctx, &v->rows);
    FV_TRY(recorded(s, lo, hi - lo, &v->rows));
    v->first = lo;
    return fv_rescale(s->ctx, v->rows, s->range.low, s->range.high, 0);
}

static fv_status find_range(stream *s)
{
    const fvi_scan *v = &s->view;
    fvi_bands bands = {v->height, v->width, v->channels, read_band, s};
    return fvi_range_of_bands(s->ctx, s->p->model, &bands, s->rgb, &s->range);
}

/* How many channels the network is given, found with the first row. */
static fv_status open_view(stream *s)
{
    const fv_image *im = fv_source_image(s->source);
    fv_tensor row;
    if (s->channel > im->channels)
        return fvi_fail(s->ctx, FV_EINVAL,
                        "has %d channels, there is no channel %d", im->channels,
                        s->channel);
    s->rgb = im->rgb && s->channel == 0;
    FV_TRY(recorded(s, 0, 1, &row));
    s->view = (fvi_scan){
        fvi_extent(im, 'Y'), fvi_extent(im, 'X'), row.dim[2], row, 0, fetch};
    return FV_OK;
}

bool fvi_predict_streams(const fv_predictor *p)
{
    double scale = fvi_predict_scale(p);
    return !p->automatic && p->views == 1 && scale >= 1 && scale <= 1;
}

fv_status fvi_predict_source(fv_ctx *ctx, fv_predictor *p, fv_source *source,
                             int channel, fv_tensor *maps)
{
    stream s = {.ctx = ctx, .p = p, .source = source, .channel = channel};
    FV_TRY(open_view(&s));
    fv_status status = find_range(&s);
    if (status == FV_OK)
        status = fvi_predict_scan(ctx, p, &s.view, maps);
    fv_plane_free(ctx, &s.view.rows);
    return status;
}
