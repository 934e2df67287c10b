/* OME-XML in: what the planes of a TIFF are, from the Image that this file
 * holds. Source: OME-TIFF specification 6.x, "TiffData". */
#include "image/tiff.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

/* One TiffData: `count` pages from `ifd` on, -1 where not said. */
typedef struct block {
    int64_t ifd, c, z, t, count;
    bool elsewhere;
} block;

typedef struct parser {
    fv_ctx *ctx;
    XML_Parser xml;
    char own_uuid[80], uuid[80];
    bool in_uuid, in_pixels, done, no_memory, is_ome;
    char order[6];
    int64_t x, y, z, c, t;
    double pitch[3];
    block *blocks;
    int count, room;
    int channels, name_room;
    char (*name)[32];
} parser;

static const char *local(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static const char *attr(const char **atts, const char *name)
{
    for (; *atts; atts += 2)
        if (strcmp(atts[0], name) == 0)
            return atts[1];
    return NULL;
}

static int64_t int_attr(const char **atts, const char *name, int64_t other)
{
    const char *text = attr(atts, name);
    char *end = NULL;
    long long n = text ? strtoll(text, &end, 10) : 0;
    return text && end != text && n >= 0 && n <= INT32_MAX ? n : other;
}

static double pitch_attr(const char **atts, const char *size, const char *unit)
{
    const char *text = attr(atts, size), *name = attr(atts, unit);
    double um = text ? strtod(text, NULL) * (name ? fvi_unit_um(name) : 1) : 0;
    return um > 0 && um < 1e9 ? um : 0;
}

/* Makes room for one more element; false (and the parser stops) without. */
static bool grow(parser *p, void **list, int count, int *room, size_t size)
{
    if (count < *room)
        return true;
    int more = *room ? 2 * *room : 16;
    void *bigger = fvi_realloc(p->ctx, *list, (size_t)more * size);
    if (!bigger) {
        p->no_memory = true;
        XML_StopParser(p->xml, XML_FALSE);
        return false;
    }
    *list = bigger;
    *room = more;
    return true;
}

static void start_pixels(parser *p, const char **atts)
{
    const char *order = attr(atts, "DimensionOrder");
    p->in_pixels = true;
    p->count = p->channels = 0;
    fvi_copy_name(p->order, sizeof p->order, order ? order : "", 5);
    p->x = int_attr(atts, "SizeX", 0);
    p->y = int_attr(atts, "SizeY", 0);
    p->z = int_attr(atts, "SizeZ", 1);
    p->c = int_attr(atts, "SizeC", 1);
    p->t = int_attr(atts, "SizeT", 1);
    p->pitch[0] = pitch_attr(atts, "PhysicalSizeZ", "PhysicalSizeZUnit");
    p->pitch[1] = pitch_attr(atts, "PhysicalSizeY", "PhysicalSizeYUnit");
    p->pitch[2] = pitch_attr(atts, "PhysicalSizeX", "PhysicalSizeXUnit");
}

static void start_channel(parser *p, const char **atts)
{
    const char *name = attr(atts, "Name");
    void *list = p->name;
    if (!grow(p, &list, p->channels, &p->name_room, sizeof p->name[0]))
        return;
    p->name = list;
    fvi_copy_name(p->name[p->channels++], sizeof p->name[0], name ? name : "",
                  name ? strlen(name) : 0);
}

static void start_block(parser *p, const char **atts)
{
    void *list = p->blocks;
    if (!grow(p, &list, p->count, &p->room, sizeof p->blocks[0]))
        return;
    p->blocks = list;
    p->blocks[p->count++] = (block){.ifd = int_attr(atts, "IFD", -1),
                                    .c = int_attr(atts, "FirstC", 0),
                                    .z = int_attr(atts, "FirstZ", 0),
                                    .t = int_attr(atts, "FirstT", 0),
                                    .count = int_attr(atts, "PlaneCount", -1)};
}

static void XMLCALL on_start(void *user, const char *element, const char **atts)
{
    parser *p = user;
    const char *name = local(element);
    if (p->done)
        return;
    if (strcmp(name, "OME") == 0) {
        const char *uuid = attr(atts, "UUID");
        p->is_ome = true;
        fvi_copy_name(p->own_uuid, sizeof p->own_uuid, uuid ? uuid : "",
                      sizeof p->own_uuid);
    } else if (strcmp(name, "Pixels") == 0)
        start_pixels(p, atts);
    else if (p->in_pixels && strcmp(name, "Channel") == 0)
        start_channel(p, atts);
    else if (p->in_pixels && strcmp(name, "TiffData") == 0)
        start_block(p, atts);
    else if (p->in_pixels && strcmp(name, "UUID") == 0) {
        p->in_uuid = true;
        p->uuid[0] = 0;
    }
}

static void XMLCALL on_text(void *user, const char *text, int size)
{
    parser *p = user;
    size_t have = strlen(p->uuid), n = (size_t)size;
    if (!p->in_uuid || have + n >= sizeof p->uuid)
        return;
    memcpy(p->uuid + have, text, n);
    p->uuid[have + n] = 0;
}

/* The first Image with a plane in this file is the one to read. */
static void end_pixels(parser *p)
{
    bool here = p->count == 0;
    for (int i = 0; i < p->count; i++)
        here = here || !p->blocks[i].elsewhere;
    p->in_pixels = false;
    p->done = here && p->is_ome;
}

static void XMLCALL on_end(void *user, const char *element)
{
    parser *p = user;
    const char *name = local(element);
    if (p->done || !p->in_pixels)
        return;
    if (strcmp(name, "UUID") == 0) {
        p->in_uuid = false;
        if (p->count > 0 && p->own_uuid[0] && !strstr(p->uuid, p->own_uuid))
            p->blocks[p->count - 1].elsewhere = true;
    } else if (strcmp(name, "Pixels") == 0)
        end_pixels(p);
}

/* Old writers put Latin-1 into XML that claims UTF-8. */
static fv_status parse(fvi_load *l, const char *xml, const char *encoding,
                       parser *p)
{
    size_t size = strlen(xml);
    p->xml = XML_ParserCreate(encoding);
    if (!p->xml)
        return fvi_load_fail(l, FV_ENOMEM, "no memory to read OME-XML");
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, on_text);
    if (size < INT32_MAX)
        XML_Parse(p->xml, xml, (int)size, 1);
    XML_ParserFree(p->xml);
    return p->no_memory ? FV_ENOMEM : FV_OK;
}

/* The next plane in DimensionOrder. */
static void advance(const fvi_stack *s, int64_t blocks, int64_t at[3])
{
    for (int i = 2; i >= 0; i--) {
        int64_t *n = s->order[i] == 'T'   ? &at[0]
                     : s->order[i] == 'Z' ? &at[1]
                                          : &at[2];
        int64_t end = s->order[i] == 'T'   ? s->t
                      : s->order[i] == 'Z' ? s->z
                                           : blocks;
        if (++*n < end)
            return;
        *n = 0;
    }
    at[0] = s->t; /* past the last */
}

static void place_block(const fvi_stack *s, const block *b, int64_t blocks,
                        int64_t step, int64_t pages, int64_t *budget)
{
    int64_t at[3] = {b->t, b->z, b->c / step};
    int64_t ifd = b->ifd >= 0 ? b->ifd : 0;
    int64_t count = b->count >= 0 ? b->count : b->ifd >= 0 ? 1 : s->planes;
    if (at[0] >= s->t || at[1] >= s->z || at[2] >= blocks)
        return;
    for (; count > 0 && at[0] < s->t && ifd<pages && * budget> 0;
         count--, ifd++, (*budget)--) {
        s->page[(at[0] * s->z + at[1]) * blocks + at[2]] = (int32_t)ifd;
        advance(s, blocks, at);
    }
}

static fv_status place_planes(fvi_load *l, const parser *p, int64_t blocks,
                              int64_t step, int64_t pages, fvi_stack *s)
{
    static const block all = {.ifd = -1, .count = -1};
    bool elsewhere = false;
    int64_t budget = 4 * s->planes + 65536; /* of planes named twice */
    s->page = fvi_calloc(l->ctx, (size_t)s->planes, sizeof s->page[0]);
    if (!s->page)
        return FV_ENOMEM;
    for (int64_t k = 0; k < s->planes; k++)
        s->page[k] = -1;
    if (p->count == 0)
        place_block(s, &all, blocks, step, pages, &budget);
    for (int i = 0; i < p->count; i++) {
        elsewhere = elsewhere || p->blocks[i].elsewhere;
        if (!p->blocks[i].elsewhere)
            place_block(s, &p->blocks[i], blocks, step, pages, &budget);
    }
    for (int64_t k = 0; k < s->planes; k++)
        if (s->page[k] < 0)
            return elsewhere
                       ? fvi_load_fail(l, FV_ENOTSUP,
                                       "OME-XML: plane %lld of %lld is in "
                                       "another file",
                                       (long long)k + 1, (long long)s->planes)
                       : fvi_load_fail(l, FV_EFORMAT,
                                       "OME-XML: plane %lld of %lld has no "
                                       "page among the %lld",
                                       (long long)k + 1, (long long)s->planes,
                                       (long long)pages);
    s->have_planes = true;
    return FV_OK;
}

/* "XYCZT" to "TZC". */
static bool read_order(const char *xy, char order[4])
{
    if (strlen(xy) != 5 || strncmp(xy, "XY", 2) != 0)
        return false;
    for (int i = 0; i < 3; i++) {
        order[i] = xy[4 - i];
        if (!strchr("TZC", order[i]) || strchr(xy + 2, order[i]) != xy + 4 - i)
            return false;
    }
    order[3] = 0;
    return true;
}

static fv_status apply(fvi_load *l, parser *p, const fvi_tiff_page *page,
                       int64_t pages, fvi_stack *s, bool *found)
{
    int64_t step = page->keep, blocks = p->c / step, planes = 0;
    fvi_stack new = {.t = p->t, .z = p->z};
    if (!p->done || p->x != page->width || p->y != page->height ||
        !read_order(p->order, new.order) || p->c % step != 0 || p->c == 0 ||
        p->t == 0 || p->z == 0)
        return FV_OK;
    if (__builtin_mul_overflow(p->t * p->z, blocks, &planes) ||
        planes > (int64_t)pages * 4096)
        planes = INT64_MAX;
    if (planes > pages && p->count == 0)
        return FV_OK;
    if (planes > 64 * pages + 65536)
        return fvi_load_fail(l, FV_EFORMAT,
                             "OME-XML describes %lld x %lld x %lld planes, "
                             "the file has %lld pages",
                             (long long)p->t, (long long)p->z,
                             (long long)blocks, (long long)pages);
    new.planes = planes;
    new.c = page->rgb ? blocks : p->c;
    memcpy(new.pitch, p->pitch, sizeof new.pitch);
    fv_status status = place_planes(l, p, blocks, step, pages, &new);
    if (status != FV_OK) {
        fvi_stack_free(l->ctx, &new);
        return status;
    }
    new.name = p->name;
    new.names = p->channels;
    p->name = NULL;
    *s = new;
    *found = true;
    return FV_OK;
}

fv_status fvi_ome_read(fvi_load *l, const char *xml, const fvi_tiff_page *page,
                       int64_t pages, fvi_stack *out, bool *found)
{
    static const char *const encodings[] = {NULL, "ISO-8859-1"};
    fv_status status = FV_OK;
    *found = false;
    for (int i = 0; i < 2 && !*found && status == FV_OK; i++) {
        parser p = {.ctx = l->ctx};
        status = parse(l, xml, encodings[i], &p);
        if (status == FV_OK)
            status = apply(l, &p, page, pages, out, found);
        fvi_free(l->ctx, p.blocks);
        fvi_free(l->ctx, p.name);
    }
    return status;
}
