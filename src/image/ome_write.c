/* OME-XML out. Source: OME model 2016-06. */
#include "image/tiff.h"

#include <string.h>

static void add_escaped(fvi_text *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '&')
            fvi_text_add(out, "&amp;");
        else if (c == '<')
            fvi_text_add(out, "&lt;");
        else if (c == '>')
            fvi_text_add(out, "&gt;");
        else if (c == '"')
            fvi_text_add(out, "&quot;");
        else if (c >= ' ')
            fvi_text_bytes(out, text, 1);
    }
}

/* The fewest digits that read back as the same number. */
static void add_pitch(fvi_text *out, char axis, double pitch)
{
    char number[40];
    if (!(pitch > 0))
        return;
    for (int digits = 6; digits <= 17; digits++) {
        double back = 0;
        snprintf(number, sizeof number, "%.*g", digits, pitch);
        if (sscanf(number, "%lf", &back) == 1 && !(back < pitch) &&
            !(back > pitch))
            break;
    }
    fvi_text_add(out, " PhysicalSize%c=\"%s\" PhysicalSize%cUnit=\"\xc2\xb5m\"",
                 axis, number, axis);
}

/* XY, then our axes from the last to the first, then those we lack. */
static void order_of(const fv_image *im, char order[6])
{
    int n = 2, planes = (int)strcspn(im->axes, "Y");
    memcpy(order, "XY", 2);
    for (int i = planes - 1; i >= 0; i--)
        order[n++] = im->axes[i];
    for (const char *a = "CZT"; *a; a++)
        if (fvi_axis_index(im, *a) < 0)
            order[n++] = *a;
    order[n] = 0;
}

static void add_channels(const fv_image *im, fvi_text *out)
{
    int samples = im->rgb ? 3 : 1;
    for (int i = 0; i < im->channels / samples; i++) {
        fvi_text_add(out, "<Channel ID=\"Channel:0:%d\" SamplesPerPixel=\"%d\"",
                     i, samples);
        if (!im->rgb && im->name[i][0]) {
            fvi_text_add(out, " Name=\"");
            add_escaped(out, im->name[i]);
            fvi_text_add(out, "\"");
        }
        fvi_text_add(out, "/>");
    }
}

fv_status fvi_ome_write(fv_ctx *ctx, const fv_image *im, fvi_text *out)
{
    static const char *const types[] = {"float",  "double", "uint8", "uint16",
                                        "uint32", "int8",   "int16", "int32"};
    static const char space[] =
        "http://www.openmicroscopy.org/Schemas/OME/2016-06";
    char order[6];
    order_of(im, order);
    *out = (fvi_text){.ctx = ctx};
    fvi_text_add(out,
                 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
                 "<OME xmlns=\"%s\" "
                 "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                 "xsi:schemaLocation=\"%s %s/ome.xsd\" "
                 "Creator=\"fovea " FV_VERSION "\">"
                 "<Image ID=\"Image:0\" Name=\"image\">"
                 "<Pixels ID=\"Pixels:0\" DimensionOrder=\"%s\" Type=\"%s\"",
                 space, space, space, order, types[im->pixels.dtype]);
    fvi_text_add(out,
                 " SizeX=\"%lld\" SizeY=\"%lld\" SizeZ=\"%lld\" "
                 "SizeC=\"%d\" SizeT=\"%lld\"",
                 (long long)fvi_extent(im, 'X'), (long long)fvi_extent(im, 'Y'),
                 (long long)fvi_extent(im, 'Z'), im->channels,
                 (long long)fvi_extent(im, 'T'));
    add_pitch(out, 'X', im->pitch[2]);
    add_pitch(out, 'Y', im->pitch[1]);
    add_pitch(out, 'Z', im->pitch[0]);
    fvi_text_add(out, ">");
    add_channels(im, out);
    fvi_text_add(out, "<TiffData/></Pixels></Image></OME>");
    fv_status status = fvi_text_check(out);
    if (status != FV_OK)
        fvi_text_free(out);
    return status;
}
