/*
 * last.ckpt: everything a run needs to go on bit for bit, all or nothing.
 *
 *   "FOVEACKP" | sha256 of the rest as 64 hexadecimal digits | head | state |
 *   rows | w | m1 | m2 | best | mean (of a run that averages)
 *
 * Numbers are as in memory: a checkpoint belongs to the machine it was
 * written on. The file to hand on is model.fovea.
 */
#include "train/run.h"

#include <string.h>

static const char magic[8] = "FOVEACKP";
enum { HASH = 64, START = 8 + HASH, VECTORS = 5 };

typedef struct head {
    uint64_t version, state_size, row_size;
    int64_t count;
} head;

static head head_of(const fvi_run *r)
{
    return (head){.version = 2,
                  .state_size = sizeof(fvi_state),
                  .row_size = sizeof(fvi_row),
                  .count = r->count};
}

static char *path_of(const fvi_run *r)
{
    return fvi_path_join(r->ctx, r->folder, "last.ckpt");
}

static int vectors_of(const fvi_run *r, float *vector[VECTORS])
{
    float *const all[VECTORS] = {r->w, r->m1, r->m2, r->best, r->mean};
    memcpy(vector, all, sizeof all);
    return r->mean ? VECTORS : VECTORS - 1;
}

static size_t vector_bytes(const fvi_run *r)
{
    return (size_t)r->count * sizeof(float);
}

/* ---- writing ---- */

static size_t whole_size(const fvi_run *r)
{
    float *vector[VECTORS];
    size_t vectors = (size_t)vectors_of(r, vector);
    return START + sizeof(head) + sizeof(fvi_state) +
           (size_t)r->state.rows * sizeof(fvi_row) + vectors * vector_bytes(r);
}

static unsigned char *put(unsigned char *at, const void *from, size_t size)
{
    if (size)
        memcpy(at, from, size);
    return at + size;
}

static void pack(const fvi_run *r, unsigned char *bytes, size_t size)
{
    head h = head_of(r);
    char hex[HASH + 1];
    float *vector[VECTORS];
    int vectors = vectors_of(r, vector);
    unsigned char *at = put(bytes + START, &h, sizeof h);
    at = put(at, &r->state, sizeof r->state);
    at = put(at, r->row, (size_t)r->state.rows * sizeof *r->row);
    for (int i = 0; i < vectors; i++)
        at = put(at, vector[i], vector_bytes(r));
    fvi_sha256(bytes + START, size - START, hex);
    put(put(bytes, magic, sizeof magic), hex, HASH);
}

fv_status fvi_checkpoint_write(fvi_run *r)
{
    size_t size = whole_size(r);
    unsigned char *bytes = fvi_alloc(r->ctx, size);
    char *path = bytes ? path_of(r) : NULL;
    fv_status status = FV_ENOMEM;
    if (path) {
        r->state.seconds = fvi_clock() - r->began;
        pack(r, bytes, size);
        status = fvi_file_write(r->ctx, path, bytes, size);
        r->saved = fvi_clock();
    }
    fvi_free(r->ctx, path);
    fvi_free(r->ctx, bytes);
    return status;
}

/* ---- reading ---- */

static fv_status check(fvi_run *r, const char *path, const unsigned char *bytes,
                       size_t size)
{
    char hex[HASH + 1];
    head h, want = head_of(r);
    if (size < START + sizeof h + sizeof(fvi_state) ||
        memcmp(bytes, magic, sizeof magic) != 0)
        return fvi_fail(r->ctx, FV_EFORMAT, "%s: is not a checkpoint", path);
    fvi_sha256(bytes + START, size - START, hex);
    if (memcmp(hex, bytes + sizeof magic, HASH) != 0)
        return fvi_fail(r->ctx, FV_EFORMAT,
                        "%s: is damaged, its checksum differs", path);
    memcpy(&h, bytes + START, sizeof h);
    if (h.version != want.version || h.state_size != want.state_size ||
        h.row_size != want.row_size)
        return fvi_fail(r->ctx, FV_ENOTSUP,
                        "%s: was written by another version of fovea", path);
    if (h.count != want.count)
        return fvi_fail(r->ctx, FV_EFORMAT,
                        "%s: holds %lld parameters, the network has %lld", path,
                        (long long)h.count, (long long)want.count);
    return FV_OK;
}

static const unsigned char *get(const unsigned char *at, void *to, size_t size)
{
    if (size)
        memcpy(to, at, size);
    return at + size;
}

static fv_status unpack(fvi_run *r, const char *path,
                        const unsigned char *bytes, size_t size)
{
    float *vector[VECTORS];
    int vectors = vectors_of(r, vector);
    FV_TRY(check(r, path, bytes, size));
    const unsigned char *at =
        get(bytes + START + sizeof(head), &r->state, sizeof r->state);
    if (r->state.rows < 0 || r->state.rows > 10000000 || size != whole_size(r))
        return fvi_fail(r->ctx, FV_EFORMAT, "%s: has an unexpected size", path);
    size_t rows = (size_t)r->state.rows;
    r->row = fvi_calloc(r->ctx, rows + 1, sizeof *r->row);
    if (!r->row)
        return FV_ENOMEM;
    r->row_room = r->state.rows + 1;
    at = get(at, r->row, rows * sizeof *r->row);
    for (int i = 0; i < vectors; i++)
        at = get(at, vector[i], vector_bytes(r));
    return FV_OK;
}

fv_status fvi_checkpoint_read(fvi_run *r)
{
    unsigned char *bytes;
    size_t size;
    char *path = path_of(r);
    if (!path)
        return FV_ENOMEM;
    fv_status status =
        fvi_file_read(r->ctx, path, (size_t)1 << 40, &bytes, &size);
    if (status == FV_OK) {
        status = unpack(r, path, bytes, size);
        fvi_free(r->ctx, bytes);
    }
    fvi_free(r->ctx, path);
    return status;
}
