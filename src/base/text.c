/* Text: strings that grow, likeness of words, natural order. */
#include "base/base.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool reserve(fvi_text *t, size_t more)
{
    if (t->failed)
        return false;
    if (t->size + more + 1 <= t->room)
        return true;
    size_t room = t->room ? t->room : 256;
    while (room < t->size + more + 1)
        room *= 2;
    char *data = fvi_realloc(t->ctx, t->data, room);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->room = room;
    return true;
}

void fvi_text_add(fvi_text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (need < 0 || !reserve(t, (size_t)need))
        return;
    va_start(args, fmt);
    vsnprintf(t->data + t->size, (size_t)need + 1, fmt, args);
    va_end(args);
    t->size += (size_t)need;
}

void fvi_text_bytes(fvi_text *t, const void *bytes, size_t size)
{
    if (!reserve(t, size))
        return;
    memcpy(t->data + t->size, bytes, size);
    t->size += size;
    t->data[t->size] = '\0';
}

fv_status fvi_text_check(const fvi_text *t)
{
    return t->failed ? FV_ENOMEM : FV_OK;
}

void fvi_text_free(fvi_text *t)
{
    fvi_free(t->ctx, t->data);
    *t = (fvi_text){.ctx = t->ctx};
}

static int min_of(int a, int b)
{
    return a < b ? a : b;
}

/* The restricted form: neighbors may swap once. Words over 63 letters are
 * compared by their first 63. */
int fvi_text_distance(const char *a, const char *b)
{
    enum { MOST = 63 };
    int d[MOST + 1][MOST + 1];
    int na = (int)strnlen(a, MOST), nb = (int)strnlen(b, MOST);
    for (int i = 0; i <= na; i++)
        d[i][0] = i;
    for (int j = 0; j <= nb; j++)
        d[0][j] = j;
    for (int i = 1; i <= na; i++) {
        for (int j = 1; j <= nb; j++) {
            int change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            int best = min_of(change, min_of(d[i - 1][j], d[i][j - 1]) + 1);
            bool swapped =
                i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            d[i][j] = swapped ? min_of(best, d[i - 2][j - 2] + 1) : best;
        }
    }
    return d[na][nb];
}

static bool digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

int fvi_natural_order(const char *a, const char *b)
{
    while (*a && *b) {
        if (digit(*a) && digit(*b)) {
            while (*a == '0' && digit(a[1]))
                a++;
            while (*b == '0' && digit(b[1]))
                b++;
            size_t na = 0, nb = 0;
            while (digit(a[na]))
                na++;
            while (digit(b[nb]))
                nb++;
            int order = na != nb ? (na < nb ? -1 : 1) : strncmp(a, b, na);
            if (order)
                return order < 0 ? -1 : 1;
            a += na;
            b += nb;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return (*a != '\0') - (*b != '\0');
}

int fvi_by_natural_order(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    int order = fvi_natural_order(*x, *y);
    return order ? order : strcmp(*x, *y);
}
