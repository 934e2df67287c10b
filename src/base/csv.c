/* Tables as text with a header line (RFC 4180). */
#include "base/csv.h"

#include <string.h>

enum { MAX_BYTES = 1 << 30 };

/* What a letter behind a backslash stands for between tabs, 0: nothing. */
static char escaped(char c)
{
    static const char letter[] = "tnr\\", special[] = "\t\n\r\\";
    const char *at = c ? strchr(letter, c) : NULL;
    return at ? special[at - letter] : '\0';
}

/* Ends the cell at *at in place, quotes and escapes removed; returns what
 * ended it. */
static char take_cell(char **at, char cut)
{
    char *from = *at, *to = *at;
    bool quoted = *from == '"';
    if (quoted)
        from++;
    for (; *from; from++) {
        if (quoted && *from == '"' && from[1] == '"')
            from++;
        else if (quoted && *from == '"') {
            quoted = false;
            continue;
        } else if (!quoted && (*from == cut || *from == '\n'))
            break;
        else if (!quoted && *from == '\r' && (from[1] == '\n' || !from[1]))
            continue;
        if (cut == '\t' && *from == '\\' && escaped(from[1])) {
            *to++ = escaped(*++from);
            continue;
        }
        *to++ = *from;
    }
    char end = *from;
    *at = end ? from + 1 : from;
    *to = '\0';
    return end;
}

/* No table has more cells than separators. */
static size_t count_cells(const char *text, char cut)
{
    size_t n = 1;
    for (const char *c = text; *c; c++)
        n += *c == cut || *c == '\n';
    return n;
}

static fv_status fill(fv_ctx *ctx, const char *path, char cut, fvi_csv *t)
{
    char *at = t->text;
    if (strncmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3; /* byte order mark */
    int64_t n = 0, column = 0;
    while (*at) {
        if (column == 0 && (*at == '\n' || (*at == '\r' && at[1] == '\n'))) {
            at += *at == '\n' ? 1 : 2; /* an empty line */
            continue;
        }
        char end;
        do {
            t->cell[n++] = at;
            column++;
            end = take_cell(&at, cut);
        } while (end == cut);
        if (t->rows == 0)
            t->columns = column;
        t->rows++;
        if (column != t->columns)
            return fvi_fail(ctx, FV_EFORMAT,
                            "%s: row %lld has %lld cells, expected %lld", path,
                            (long long)t->rows, (long long)column,
                            (long long)t->columns);
        column = 0;
    }
    if (t->rows == 0)
        return fvi_fail(ctx, FV_EFORMAT, "%s: the table is empty", path);
    return FV_OK;
}

fv_status fvi_csv_read(fv_ctx *ctx, const char *path, fvi_csv *out)
{
    unsigned char *bytes;
    size_t size;
    FV_TRY(fvi_file_read(ctx, path, MAX_BYTES, &bytes, &size));
    fvi_csv t = {.text = (char *)bytes};
    char cut = memchr(t.text, '\t', strcspn(t.text, "\n")) ? '\t' : ',';
    t.cell = fvi_calloc(ctx, count_cells(t.text, cut), sizeof *t.cell);
    fv_status status = t.cell ? fill(ctx, path, cut, &t) : FV_ENOMEM;
    if (status != FV_OK)
        fvi_csv_free(ctx, &t);
    else
        *out = t;
    return status;
}

void fvi_csv_free(fv_ctx *ctx, fvi_csv *t)
{
    fvi_free(ctx, t->cell);
    fvi_free(ctx, t->text);
    *t = (fvi_csv){0};
}

int64_t fvi_csv_column(const fvi_csv *t, const char *name)
{
    for (int64_t c = 0; c < t->columns; c++)
        if (strcmp(t->cell[c], name) == 0)
            return c;
    return -1;
}

const char *fvi_csv_at(const fvi_csv *t, int64_t row, int64_t column)
{
    return t->cell[row * t->columns + column];
}
