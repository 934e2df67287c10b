/* Sums by key: an open-addressed hash table over arrays that grow. Label
 * values need not be dense, so nothing here is sized by the largest. */

#include "task/task.h"

static uint64_t scatter(uint64_t key)
{
    /* The finalizer of splitmix64. Source: Steele et al. 2014. */
    key ^= key >> 30;
    key *= UINT64_C(0xbf58476d1ce4e5b9);
    key ^= key >> 27;
    key *= UINT64_C(0x94d049bb133111eb);
    return key ^ (key >> 31);
}

/* The slot that holds `key`, or the empty one where it belongs. */
static uint64_t place(const fvi_tally *t, uint64_t key)
{
    uint64_t at = scatter(key) & (t->slots - 1);
    while (t->slot[at] && t->key[t->slot[at] - 1] != key)
        at = (at + 1) & (t->slots - 1);
    return at;
}

static fv_status grow(fvi_tally *t)
{
    int64_t room = t->room ? 2 * t->room : 64;
    if (room >= (int64_t)UINT32_MAX)
        return fvi_fail(t->ctx, FV_EINVAL, "more than 2^31 different objects");
    size_t size = (size_t)room * sizeof(int64_t);
    uint64_t *key = fvi_realloc(t->ctx, t->key, size);
    if (!key)
        return FV_ENOMEM;
    t->key = key;
    int64_t *sum = fvi_realloc(t->ctx, t->sum, size);
    if (!sum)
        return FV_ENOMEM;
    t->sum = sum;
    uint64_t slots = 2 * (uint64_t)room;
    uint32_t *slot = fvi_calloc(t->ctx, slots, sizeof *slot);
    if (!slot)
        return FV_ENOMEM;
    fvi_free(t->ctx, t->slot);
    t->slot = slot;
    t->slots = slots;
    t->room = room;
    for (int64_t i = 0; i < t->count; i++)
        slot[place(t, t->key[i])] = (uint32_t)i + 1;
    return FV_OK;
}

fv_status fvi_tally_add(fvi_tally *t, uint64_t key, int64_t amount,
                        int64_t *index)
{
    if (t->count == t->room)
        FV_TRY(grow(t));
    uint64_t at = place(t, key);
    if (!t->slot[at]) {
        t->key[t->count] = key;
        t->sum[t->count] = 0;
        t->slot[at] = (uint32_t)++t->count;
    }
    int64_t i = t->slot[at] - 1;
    t->sum[i] += amount;
    if (index)
        *index = i;
    return FV_OK;
}

int64_t fvi_tally_find(const fvi_tally *t, uint64_t key)
{
    return t->slots ? (int64_t)t->slot[place(t, key)] - 1 : -1;
}

void fvi_tally_free(fvi_tally *t)
{
    fvi_free(t->ctx, t->key);
    fvi_free(t->ctx, t->sum);
    fvi_free(t->ctx, t->slot);
    *t = (fvi_tally){.ctx = t->ctx};
}
