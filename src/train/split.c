/* Who trains, who validates, who is left for the test: by table or by seed. */
#include "train/data.h"

#include "base/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- by seed ---- */

typedef struct ticket {
    uint64_t number;
    fvi_source *source;
    int64_t field; /* 0, 1, ... along the sorted tickets */
} ticket;

static int by_number(const void *a, const void *b)
{
    const ticket *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->source->stem, y->source->stem);
}

/* A field draws its ticket by its name, so that adding pictures later moves
 * few of the others. */
static uint64_t draw(int seed, const char *stem)
{
    uint32_t word[4];
    fvi_philox((uint64_t)seed, fvi_hash_text("split"), fvi_hash_text(stem),
               word);
    return (uint64_t)word[0] << 32 | word[1];
}

static int64_t share(double fraction, int64_t n)
{
    return (int64_t)floor(fraction * (double)n + 0.5);
}

static const char *field_of(const fvi_source *s)
{
    return s->field ? s->field : s->stem;
}

/* Numbers the fields along sorted tickets: `number` becomes 0, 1, ... */
static int64_t count_fields(ticket *t, int64_t n)
{
    int64_t fields = 0;
    for (int64_t i = 0; i < n; i++) {
        bool same =
            i && strcmp(field_of(t[i].source), field_of(t[i - 1].source)) == 0;
        fields += !same;
        t[i].field = fields - 1;
    }
    return fields;
}

static fv_status split_by_seed(fv_ctx *ctx, const fv_train_options *o,
                               fvi_sources *s)
{
    ticket *t = fvi_calloc(ctx, (size_t)s->count + 1, sizeof *t);
    if (!t)
        return FV_ENOMEM;
    int64_t n = 0;
    for (int64_t i = 0; i < s->count; i++)
        if (s->item[i].role == FVI_FOR_TRAINING)
            t[n++] = (ticket){.number = draw(o->seed, field_of(&s->item[i])),
                              .source = &s->item[i]};
    qsort(t, (size_t)n, sizeof *t, by_number);
    int64_t fields = count_fields(t, n);
    int64_t test = share(o->test_fraction, fields);
    int64_t val = share(o->val_fraction, fields);
    if (val == 0 && fields > 1)
        val = 1; /* without validation nothing can be said */
    for (int64_t i = 0; i < n; i++)
        t[i].source->role = t[i].field < test         ? FVI_FOR_TEST
                            : t[i].field < test + val ? FVI_FOR_VALIDATION
                                                      : FVI_FOR_TRAINING;
    fvi_free(ctx, t);
    return FV_OK;
}

/* ---- by table ---- */

/* True when `value` is one of "a,b,c". */
static bool listed(const char *list, const char *value)
{
    size_t n = strlen(value);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strcspn(at, ",") == n && strncmp(at, value, n) == 0)
            return true;
    }
    return false;
}

typedef struct filter {
    int64_t column; /* -1: keeps every row */
    const char *values;
} filter;

static fv_status find_filter(fv_ctx *ctx, const fv_train_options *o,
                             const fvi_csv *t, filter *out)
{
    *out = (filter){.column = -1};
    if (!o->only)
        return FV_OK;
    const char *equals = strchr(o->only, '=');
    for (int64_t c = 0; equals && c < t->columns; c++) {
        const char *name = fvi_csv_at(t, 0, c);
        size_t n = strlen(name);
        if (n == (size_t)(equals - o->only) && strncmp(name, o->only, n) == 0)
            *out = (filter){.column = c, .values = equals + 1};
    }
    if (out->column < 0)
        return fvi_fail(ctx, FV_EINVAL,
                        "only: '%s' does not name a column of %s, expected "
                        "column=value",
                        o->only, o->split_csv);
    return FV_OK;
}

static fv_status role_of(fv_ctx *ctx, const char *word, const char *id,
                         fvi_role *out)
{
    static const char *const words[] = {"train", "val",   "validation",
                                        "test",  "valid", ""};
    static const fvi_role roles[] = {FVI_FOR_TRAINING,   FVI_FOR_VALIDATION,
                                     FVI_FOR_VALIDATION, FVI_FOR_TEST,
                                     FVI_FOR_VALIDATION, FVI_UNUSED};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = roles[i];
            return FV_OK;
        }
    }
    return fvi_fail(ctx, FV_EINVAL,
                    "%s: split is '%s', expected train, val or test", id, word);
}

/* Gives the role to the picture called `id`, or to all of a field. */
static bool set_role(fvi_sources *s, const char *id, fvi_role role)
{
    bool found = false;
    for (int64_t i = 0; i < s->count; i++) {
        fvi_source *it = &s->item[i];
        if (strcmp(it->stem, id) != 0 &&
            !(it->field && strcmp(it->field, id) == 0))
            continue;
        it->role = role;
        found = true;
    }
    return found;
}

static fv_status apply_row(fv_ctx *ctx, const fv_train_options *o,
                           const fvi_csv *t, int64_t row, fvi_sources *s)
{
    int64_t id = fvi_csv_column(t, "id"), at = fvi_csv_column(t, "split");
    const char *name = fvi_csv_at(t, row, id);
    fvi_role role = FVI_FOR_TRAINING;
    if (at >= 0)
        FV_TRY(role_of(ctx, fvi_csv_at(t, row, at), name, &role));
    char *stem = fvi_path_stem(ctx, name);
    if (!stem)
        return FV_ENOMEM;
    bool found = set_role(s, stem, role);
    fvi_free(ctx, stem);
    if (!found)
        return fvi_fail(ctx, FV_EINVAL, "%s: no image of that name in %s", name,
                        o->images);
    return FV_OK;
}

static fv_status apply_table(fv_ctx *ctx, const fv_train_options *o,
                             const fvi_csv *t, fvi_sources *s)
{
    filter f;
    if (fvi_csv_column(t, "id") < 0)
        return fvi_fail(ctx, FV_EINVAL, "%s: has no column 'id'", o->split_csv);
    FV_TRY(find_filter(ctx, o, t, &f));
    for (int64_t i = 0; i < s->count; i++)
        s->item[i].role = FVI_UNUSED;
    for (int64_t row = 1; row < t->rows; row++)
        if (f.column < 0 || listed(f.values, fvi_csv_at(t, row, f.column)))
            FV_TRY(apply_row(ctx, o, t, row, s));
    if (fvi_csv_column(t, "split") < 0 && !o->val_images)
        return split_by_seed(ctx, o, s);
    return FV_OK;
}

fv_status fvi_split(fv_ctx *ctx, const fv_train_options *o, fvi_sources *s)
{
    if (!o->split_csv && o->only)
        return fvi_fail(ctx, FV_EINVAL,
                        "only: '%s' wants a table given by split_csv", o->only);
    if (!o->split_csv)
        return o->val_images ? FV_OK : split_by_seed(ctx, o, s);
    fvi_csv t;
    FV_TRY(fvi_csv_read(ctx, o->split_csv, &t));
    fv_status status = apply_table(ctx, o, &t, s);
    fvi_csv_free(ctx, &t);
    return status;
}
