/* The stack machine of pickles, for the part of its language that is data. */
#include "model/pickle.h"

#include <string.h>

/* ---- bytes and the stack ---- */

static fv_status take(fvi_pickle *p, size_t n, const unsigned char **out)
{
    if (n > p->size - p->at)
        return fvi_pickle_damaged(p, "it is cut short");
    *out = p->bytes + p->at;
    p->at += n;
    return FV_OK;
}

static fv_status take_number(fvi_pickle *p, size_t n, uint64_t *out)
{
    const unsigned char *b = NULL;
    FV_TRY(take(p, n, &b));
    *out = 0;
    for (size_t i = n; i-- > 0;)
        *out = *out << 8 | b[i];
    return FV_OK;
}

static fv_status pop(fvi_pickle *p, uint32_t *out)
{
    if (p->depth == 0)
        return fvi_pickle_damaged(p, "it takes from an empty stack");
    *out = p->stack[--p->depth];
    if (fvi_pickle_is(p, *out, FVI_PICKLE_MARK))
        return fvi_pickle_damaged(p, "it takes a mark for a value");
    return FV_OK;
}

/* Where the values above the topmost mark begin. */
static fv_status find_mark(fvi_pickle *p, size_t *first)
{
    size_t i = p->depth;
    while (i > 0 && !fvi_pickle_is(p, p->stack[i - 1], FVI_PICKLE_MARK))
        i--;
    if (i == 0)
        return fvi_pickle_damaged(p, "a mark is missing");
    *first = i;
    return FV_OK;
}

static fv_status push(fvi_pickle *p, uint32_t value)
{
    if (!value)
        return FV_ENOMEM;
    FV_TRY(fvi_pickle_grow(p, (void **)&p->stack, &p->stack_room, p->depth,
                           sizeof *p->stack));
    p->stack[p->depth++] = value;
    return FV_OK;
}

static fv_status push_new(fvi_pickle *p, fvi_pickle_kind kind, int64_t number)
{
    uint32_t v = fvi_pickle_new(p, kind);
    if (v)
        p->value[v].number = number;
    return push(p, v);
}

/* ---- constants; `n` is from the table of operations ---- */

static fv_status op_empty(fvi_pickle *p, int kind)
{
    return push_new(p, (fvi_pickle_kind)kind, 0);
}

static fv_status op_bool(fvi_pickle *p, int n)
{
    return push_new(p, FVI_PICKLE_INT, n);
}

/* n bytes without a sign. */
static fv_status op_count(fvi_pickle *p, int n)
{
    uint64_t u = 0;
    FV_TRY(take_number(p, (size_t)n, &u));
    return push_new(p, FVI_PICKLE_INT, (int64_t)u);
}

static fv_status push_signed(fvi_pickle *p, size_t n)
{
    uint64_t u = 0;
    FV_TRY(take_number(p, n, &u));
    if (n > 0 && n < 8 && u >> (8 * n - 1))
        u |= ~(uint64_t)0 << 8 * n;
    return push_new(p, FVI_PICKLE_INT, (int64_t)u);
}

static fv_status op_signed(fvi_pickle *p, int n)
{
    return push_signed(p, (size_t)n);
}

/* A number of bytes, then these with a sign. */
static fv_status op_long(fvi_pickle *p, int n)
{
    uint64_t length = 0;
    FV_TRY(take_number(p, (size_t)n, &length));
    if (length > 8)
        return fvi_pickle_damaged(p, "a whole number of over 64 bits");
    return push_signed(p, length);
}

static fv_status op_real(fvi_pickle *p, int n)
{
    const unsigned char *b = NULL;
    FV_TRY(take(p, (size_t)n, &b));
    return push_new(p, FVI_PICKLE_REAL, 0);
}

/* A length of n bytes, then text. */
static fv_status op_text(fvi_pickle *p, int n)
{
    uint64_t length = 0;
    const unsigned char *b = NULL;
    FV_TRY(take_number(p, (size_t)n, &length));
    FV_TRY(take(p, length, &b));
    uint32_t v = fvi_pickle_new(p, FVI_PICKLE_TEXT);
    if (v) {
        p->value[v].text = (const char *)b;
        p->value[v].length = length;
    }
    return push(p, v);
}

/* ---- containers ---- */

/* The values from `first` on, as items of `container`. */
static fv_status fill(fvi_pickle *p, uint32_t container, size_t first)
{
    for (size_t i = first; i < p->depth; i++)
        FV_TRY(fvi_pickle_append(p, container, p->stack[i]));
    p->depth = first;
    return FV_OK;
}

/* What lies above the mark. */
static fv_status op_tuple(fvi_pickle *p, int n)
{
    size_t first = 0;
    (void)n;
    FV_TRY(find_mark(p, &first));
    uint32_t v = fvi_pickle_new(p, FVI_PICKLE_TUPLE);
    if (!v)
        return FV_ENOMEM;
    FV_TRY(fill(p, v, first));
    p->depth--; /* the mark */
    return push(p, v);
}

static fv_status op_tuple_of(fvi_pickle *p, int n)
{
    uint32_t item[3] = {0}, v = fvi_pickle_new(p, FVI_PICKLE_TUPLE);
    if (!v)
        return FV_ENOMEM;
    for (int i = n; i-- > 0;)
        FV_TRY(pop(p, &item[i]));
    for (int i = 0; i < n; i++)
        FV_TRY(fvi_pickle_append(p, v, item[i]));
    return push(p, v);
}

/* The container that lies `n` values below the top. */
static fv_status container_below(fvi_pickle *p, size_t n, int kind,
                                 uint32_t *out)
{
    *out = p->depth > n ? p->stack[p->depth - n - 1] : 0;
    if (fvi_pickle_is(p, *out, (fvi_pickle_kind)kind))
        return FV_OK;
    return fvi_pickle_damaged(p, "it adds to what is no container");
}

/* What lies above the mark goes into the container below it. */
static fv_status op_add_marked(fvi_pickle *p, int kind)
{
    size_t first = 0;
    uint32_t c = 0;
    FV_TRY(find_mark(p, &first));
    FV_TRY(container_below(p, p->depth - first + 1, kind, &c));
    if (kind == FVI_PICKLE_DICT && (p->depth - first) % 2)
        return fvi_pickle_damaged(p, "a key has no value");
    FV_TRY(fill(p, c, first));
    p->depth--;
    return FV_OK;
}

static fv_status op_add(fvi_pickle *p, int kind)
{
    size_t n = kind == FVI_PICKLE_DICT ? 2 : 1;
    uint32_t c = 0;
    FV_TRY(container_below(p, n, kind, &c));
    return fill(p, c, p->depth - n);
}

/* ---- memory ---- */

static fv_status put(fvi_pickle *p, uint64_t at)
{
    if (p->depth == 0)
        return fvi_pickle_damaged(p, "it notes from an empty stack");
    if (at > p->size)
        return fvi_pickle_damaged(p, "a note with too high a number");
    FV_TRY(fvi_pickle_grow(p, (void **)&p->memo, &p->memo_room, at,
                           sizeof *p->memo));
    p->memo[at] = p->stack[p->depth - 1];
    p->memos++;
    return FV_OK;
}

static fv_status op_put(fvi_pickle *p, int n)
{
    uint64_t at = 0;
    FV_TRY(take_number(p, (size_t)n, &at));
    return put(p, at);
}

static fv_status op_memoize(fvi_pickle *p, int n)
{
    (void)n;
    return put(p, p->memos);
}

static fv_status op_get(fvi_pickle *p, int n)
{
    uint64_t at = 0;
    FV_TRY(take_number(p, (size_t)n, &at));
    uint32_t v = at < p->memo_room ? p->memo[at] : 0;
    if (!v)
        return fvi_pickle_damaged(p, "it recalls what was not noted");
    return push(p, v);
}

/* ---- things with names ---- */

static fv_status line(fvi_pickle *p, const char **text, size_t *length)
{
    const unsigned char *from = p->bytes + p->at;
    const unsigned char *end = memchr(from, '\n', p->size - p->at);
    if (!end)
        return fvi_pickle_damaged(p, "it is cut short");
    *text = (const char *)from;
    *length = (size_t)(end - from);
    p->at += *length + 1;
    return FV_OK;
}

static fv_status op_global(fvi_pickle *p, int unused)
{
    const char *module = NULL, *name = NULL;
    size_t n = 0, k = 0;
    (void)unused;
    uint32_t v = 0;
    FV_TRY(line(p, &module, &n));
    FV_TRY(line(p, &name, &k));
    FV_TRY(fvi_pickle_global(p, module, n, name, k, &v));
    return push(p, v);
}

static fv_status op_stack_global(fvi_pickle *p, int unused)
{
    uint32_t module = 0, name = 0, v = 0;
    (void)unused;
    FV_TRY(pop(p, &name));
    FV_TRY(pop(p, &module));
    if (!fvi_pickle_is(p, module, FVI_PICKLE_TEXT) ||
        !fvi_pickle_is(p, name, FVI_PICKLE_TEXT))
        return fvi_pickle_damaged(p, "a name is not text");
    const fvi_pickle_value *m = &p->value[module], *n = &p->value[name];
    FV_TRY(fvi_pickle_global(p, m->text, m->length, n->text, n->length, &v));
    return push(p, v);
}

static fv_status op_reduce(fvi_pickle *p, int n)
{
    uint32_t global = 0, arguments = 0, v = 0;
    (void)n;
    FV_TRY(pop(p, &arguments));
    FV_TRY(pop(p, &global));
    FV_TRY(fvi_pickle_call(p, global, arguments, &v));
    return push(p, v);
}

static fv_status op_persistent(fvi_pickle *p, int n)
{
    uint32_t id = 0, v = 0;
    (void)n;
    FV_TRY(pop(p, &id));
    FV_TRY(fvi_pickle_persistent(p, id, &v));
    return push(p, v);
}

/* Attributes of a container (a state dict has "_metadata") are passed over. */
static fv_status op_build(fvi_pickle *p, int n)
{
    uint32_t state = 0;
    (void)n;
    FV_TRY(pop(p, &state));
    uint32_t v = p->depth ? p->stack[p->depth - 1] : 0;
    if (fvi_pickle_is(p, v, FVI_PICKLE_DICT) &&
        fvi_pickle_is(p, state, FVI_PICKLE_DICT))
        return FV_OK;
    return fvi_pickle_damaged(p, "it sets attributes of what has none");
}

/* ---- the machine ---- */

static fv_status op_proto(fvi_pickle *p, int n)
{
    uint64_t version = 0;
    FV_TRY(take_number(p, (size_t)n, &version));
    if (version >= 2 && version <= 5)
        return FV_OK;
    return fvi_fail(p->ctx, FV_ENOTSUP,
                    "the pickle has protocol %d, expected 2 to 5",
                    (int)version);
}

static fv_status op_frame(fvi_pickle *p, int n)
{
    const unsigned char *b = NULL;
    return take(p, (size_t)n, &b);
}

static fv_status op_stop(fvi_pickle *p, int n)
{
    (void)n;
    p->stopped = true;
    if (p->depth == 1 && !fvi_pickle_is(p, p->stack[0], FVI_PICKLE_MARK))
        return FV_OK;
    return fvi_pickle_damaged(p, "it does not end with one value");
}

static const struct {
    fv_status (*run)(fvi_pickle *p, int n);
    int n;
} operations[256] = {
    [0x80] = {op_proto, 1},
    [0x95] = {op_frame, 8},
    ['.'] = {op_stop, 0},
    ['('] = {op_empty, FVI_PICKLE_MARK},
    ['N'] = {op_empty, FVI_PICKLE_NONE},
    [')'] = {op_empty, FVI_PICKLE_TUPLE},
    [']'] = {op_empty, FVI_PICKLE_LIST},
    ['}'] = {op_empty, FVI_PICKLE_DICT},
    [0x88] = {op_bool, 1},
    [0x89] = {op_bool, 0},
    ['K'] = {op_count, 1},
    ['M'] = {op_count, 2},
    ['J'] = {op_signed, 4},
    [0x8a] = {op_long, 1},
    ['G'] = {op_real, 8},
    [0x8c] = {op_text, 1},
    ['U'] = {op_text, 1},
    ['X'] = {op_text, 4},
    ['T'] = {op_text, 4},
    ['t'] = {op_tuple, 0},
    [0x85] = {op_tuple_of, 1},
    [0x86] = {op_tuple_of, 2},
    [0x87] = {op_tuple_of, 3},
    ['a'] = {op_add, FVI_PICKLE_LIST},
    ['s'] = {op_add, FVI_PICKLE_DICT},
    ['e'] = {op_add_marked, FVI_PICKLE_LIST},
    ['u'] = {op_add_marked, FVI_PICKLE_DICT},
    ['q'] = {op_put, 1},
    ['r'] = {op_put, 4},
    [0x94] = {op_memoize, 0},
    ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},
    ['c'] = {op_global, 0},
    [0x93] = {op_stack_global, 0},
    ['R'] = {op_reduce, 0},
    ['Q'] = {op_persistent, 0},
    ['b'] = {op_build, 0},
};

static fv_status run(fvi_pickle *p)
{
    if (p->size > UINT32_MAX / 2)
        return fvi_pickle_damaged(p, "it is too long");
    while (!p->stopped) {
        const unsigned char *b = NULL;
        FV_TRY(take(p, 1, &b));
        if (!operations[*b].run)
            return fvi_fail(p->ctx, FV_ENOTSUP,
                            "byte %zu of the pickle: operation 0x%02x is not "
                            "one that describes tensors",
                            p->at - 1, *b);
        FV_TRY(operations[*b].run(p, operations[*b].n));
    }
    return FV_OK;
}

fv_status fvi_pickle_read(fv_ctx *ctx, const unsigned char *bytes, size_t size,
                          fvi_pickle *out)
{
    fvi_pickle p = {.ctx = ctx, .bytes = bytes, .size = size};
    fv_status status = run(&p);
    if (status != FV_OK)
        fvi_pickle_free(&p);
    else
        *out = p;
    return status;
}
