/* The values of a pickle: made, put into containers, looked at. */
#include "model/pickle.h"

#include <string.h>

/* ---- room ---- */

fv_status fvi_pickle_grow(fvi_pickle *p, void **block, size_t *room,
                          size_t count, size_t size)
{
    if (count < *room)
        return FV_OK;
    size_t wider = *room ? 2 * *room : 64;
    while (wider <= count)
        wider *= 2;
    void *grown = fvi_realloc(p->ctx, *block, wider * size);
    if (!grown)
        return FV_ENOMEM;
    memset((char *)grown + *room * size, 0, (wider - *room) * size);
    *block = grown;
    *room = wider;
    return FV_OK;
}

uint32_t fvi_pickle_new(fvi_pickle *p, fvi_pickle_kind kind)
{
    if (fvi_pickle_grow(p, (void **)&p->value, &p->value_room, p->values + 1,
                        sizeof *p->value) != FV_OK)
        return 0;
    p->value[++p->values] = (fvi_pickle_value){.kind = kind};
    return (uint32_t)p->values;
}

fv_status fvi_pickle_append(fvi_pickle *p, uint32_t container, uint32_t value)
{
    FV_TRY(fvi_pickle_grow(p, (void **)&p->cell, &p->cell_room, p->cells + 1,
                           sizeof *p->cell));
    uint32_t at = (uint32_t)++p->cells;
    fvi_pickle_value *c = &p->value[container];
    p->cell[at] = (fvi_pickle_cell){.value = value};
    if (c->last)
        p->cell[c->last].next = at;
    else
        c->first = at;
    c->last = at;
    return FV_OK;
}

/* ---- looking ---- */

fv_status fvi_pickle_damaged(fvi_pickle *p, const char *why)
{
    return fvi_fail(p->ctx, FV_EFORMAT, "byte %zu of the pickle: %s", p->at,
                    why);
}

bool fvi_pickle_is(const fvi_pickle *p, uint32_t value, fvi_pickle_kind kind)
{
    return value && p->value[value].kind == kind;
}

bool fvi_pickle_says(const fvi_pickle *p, uint32_t value, const char *word)
{
    const fvi_pickle_value *v = &p->value[value];
    return fvi_pickle_is(p, value, FVI_PICKLE_TEXT) &&
           v->length == strlen(word) && memcmp(v->text, word, v->length) == 0;
}

uint32_t fvi_pickle_item(const fvi_pickle *p, uint32_t container, size_t i)
{
    uint32_t at = container ? p->value[container].first : 0;
    while (at && i-- > 0)
        at = p->cell[at].next;
    return at ? p->cell[at].value : 0;
}

void fvi_pickle_free(fvi_pickle *p)
{
    fvi_free(p->ctx, p->value);
    fvi_free(p->ctx, p->cell);
    fvi_free(p->ctx, p->stack);
    fvi_free(p->ctx, p->memo);
    *p = (fvi_pickle){.ctx = p->ctx};
}

uint32_t fvi_pickle_top(const fvi_pickle *p)
{
    return p->stack[0];
}
