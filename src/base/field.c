/* Option structs described by tables: one reader for all sources of options. */
#include "base/field.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *member(const fv_field *f, void *options)
{
    return (char *)options + f->offset;
}

void fv_fields_default(const fv_field *fields, void *options)
{
    for (const fv_field *f = fields; f->kind != FV_KIND_END; f++) {
        if (f->kind == FV_KIND_INT || f->kind == FV_KIND_FLAG)
            *(int *)member(f, options) = (int)f->fallback;
        else if (f->kind == FV_KIND_REAL)
            *(double *)member(f, options) = f->fallback;
        else
            *(const char **)member(f, options) = f->text;
    }
}

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    return *a == *b;
}

const fv_field *fv_field_find(const fv_field *fields, const char *name)
{
    for (const fv_field *f = fields; f->kind != FV_KIND_END; f++)
        if (same_name(f->name, name))
            return f;
    return NULL;
}

static fv_status unknown(fv_ctx *ctx, const fv_field *fields, const char *name)
{
    const char *nearest = NULL;
    int best = 4; /* farther words help nobody */
    for (const fv_field *f = fields; f->kind != FV_KIND_END; f++) {
        int d = fvi_text_distance(f->name, name);
        if (d < best) {
            best = d;
            nearest = f->name;
        }
    }
    if (nearest)
        return fvi_fail(ctx, FV_EINVAL, "unknown option '%s', nearest is '%s'",
                        name, nearest);
    return fvi_fail(ctx, FV_EINVAL, "unknown option '%s'", name);
}

static fv_status in_range(fv_ctx *ctx, const fv_field *f, double x,
                          const char *text)
{
    if (x >= f->lo && x <= f->hi)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL,
                    "%s: %s is out of range, expected %g to %g%s%s", f->name,
                    text, f->lo, f->hi, *f->unit ? " " : "", f->unit);
}

static fv_status number(fv_ctx *ctx, const fv_field *f, const char *text,
                        double *out)
{
    char *end;
    errno = 0;
    double x = strtod(text, &end);
    if (end == text || *end || errno == ERANGE || !isfinite(x))
        return fvi_fail(ctx, FV_EINVAL, "%s: '%s' is not a number", f->name,
                        text);
    if (f->kind == FV_KIND_INT && x != floor(x))
        return fvi_fail(ctx, FV_EINVAL, "%s: '%s' is not a whole number",
                        f->name, text);
    FV_TRY(in_range(ctx, f, x, text));
    *out = x;
    return FV_OK;
}

static fv_status flag(fv_ctx *ctx, const fv_field *f, const char *text,
                      int *out)
{
    static const char *const words[] = {"0",   "1",  "no",    "yes",
                                        "off", "on", "false", "true"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2;
            return FV_OK;
        }
    }
    return fvi_fail(ctx, FV_EINVAL, "%s: '%s' is neither yes nor no", f->name,
                    text);
}

static fv_status choice(fv_ctx *ctx, const fv_field *f, const char *text)
{
    size_t n = strlen(text);
    for (const char *c = f->choices; c; c = strchr(c, '|')) {
        c += *c == '|';
        if (n == strcspn(c, "|") && strncmp(c, text, n) == 0)
            return FV_OK;
    }
    return fvi_fail(ctx, FV_EINVAL, "%s: '%s' is not one of %s", f->name, text,
                    f->choices);
}

static fv_status set(fv_ctx *ctx, const fv_field *f, void *options,
                     const char *value)
{
    if (f->kind == FV_KIND_FLAG)
        return flag(ctx, f, value, member(f, options));
    if (f->kind == FV_KIND_INT || f->kind == FV_KIND_REAL) {
        double x = 0;
        FV_TRY(number(ctx, f, value, &x));
        if (f->kind == FV_KIND_INT)
            *(int *)member(f, options) = (int)x;
        else
            *(double *)member(f, options) = x;
        return FV_OK;
    }
    if (f->kind == FV_KIND_CHOICE)
        FV_TRY(choice(ctx, f, value));
    *(const char **)member(f, options) = value;
    return FV_OK;
}

fv_status fv_field_set(fv_ctx *ctx, const fv_field *fields, void *options,
                       const char *name, const char *value)
{
    const fv_field *f = fv_field_find(fields, name);
    if (!f)
        return unknown(ctx, fields, name);
    fvi_plain_numbers plain = fvi_plain_begin();
    fv_status status = set(ctx, f, options, value);
    fvi_plain_end(plain);
    return status;
}

static int print_real(double x, char *buf, size_t size)
{
    char text[40];
    int digits = 6;
    fvi_plain_numbers plain = fvi_plain_begin();
    do
        snprintf(text, sizeof text, "%.*g", digits, x);
    while (strtod(text, NULL) != x && ++digits <= 17);
    fvi_plain_end(plain);
    return snprintf(buf, size, "%s", text);
}

int fv_field_get(const fv_field *field, const void *options, char *buf,
                 size_t size)
{
    const char *at = (const char *)options + field->offset;
    if (field->kind == FV_KIND_INT || field->kind == FV_KIND_FLAG)
        return snprintf(buf, size, "%d", *(const int *)(const void *)at);
    if (field->kind == FV_KIND_REAL)
        return print_real(*(const double *)(const void *)at, buf, size);
    const char *text = *(const char *const *)(const void *)at;
    return snprintf(buf, size, "%s", text ? text : "");
}

fv_status fvi_fields_check(fv_ctx *ctx, const fv_field *fields,
                           const void *options)
{
    for (const fv_field *f = fields; f->kind != FV_KIND_END; f++) {
        const char *at = (const char *)options + f->offset;
        char text[40];
        if (f->kind != FV_KIND_INT && f->kind != FV_KIND_REAL)
            continue;
        fv_field_get(f, options, text, sizeof text);
        double x = f->kind == FV_KIND_INT ? *(const int *)(const void *)at
                                          : *(const double *)(const void *)at;
        FV_TRY(in_range(ctx, f, x, text));
    }
    return FV_OK;
}

int fvi_field_int(const fv_field *fields, const void *options, const char *name)
{
    const fv_field *f = fv_field_find(fields, name);
    if (!f || f->kind != FV_KIND_INT)
        return 0;
    return *(const int *)(const void *)((const char *)options + f->offset);
}
