#ifndef FV_TEST_GOLDEN_H
#define FV_TEST_GOLDEN_H

/*
 * Golden arrays: text files that a script in tools/ wrote from an independent
 * implementation. Each array is a line "name ndim extents..." and a line of
 * numbers, read here as doubles.
 */

#include "fovea/tensor.h"
#include "fvtest.h"

typedef struct golden_array {
    char name[64];
    fv_tensor t; /* f64, dense */
} golden_array;

typedef struct golden {
    golden_array *array;
    size_t count;
} golden;

/* tests/golden/NAME; fails the test when it is absent or damaged. */
static inline golden golden_read(const char *name)
{
    char path[1024], word[64];
    const char *folder = getenv("FV_TEST_DIR");
    golden g = {0};
    int ndim;
    snprintf(path, sizeof path, "%s/golden/%s", folder ? folder : "tests",
             name);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("cannot open %s", path);
    while (fscanf(f, "%63s %d", word, &ndim) == 2) {
        int64_t dim[FV_MAX_DIM] = {0};
        assert_in_range(ndim, 0, FV_MAX_DIM);
        for (int a = 0; a < ndim; a++) {
            long long extent;
            assert_int_equal(fscanf(f, "%lld", &extent), 1);
            dim[a] = extent;
        }
        fv_tensor t = fv_dense(NULL, FV_F64, ndim, dim);
        double *v = malloc((size_t)fv_count(t) * sizeof *v + 1);
        for (int64_t i = 0; i < fv_count(t); i++)
            assert_int_equal(fscanf(f, "%lf", &v[i]), 1);
        t.data = v;
        g.array = realloc(g.array, (g.count + 1) * sizeof *g.array);
        g.array[g.count].t = t;
        memcpy(g.array[g.count++].name, word, sizeof word);
    }
    assert_true(feof(f));
    fclose(f);
    return g;
}

static inline void golden_free(golden *g)
{
    for (size_t i = 0; i < g->count; i++)
        free(g->array[i].t.data);
    free(g->array);
}

/* The array "scope/name"; ndim is -1 when there is none. */
static inline fv_tensor golden_find(const golden *g, const char *scope,
                                    const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s/%s", scope, name);
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->array[i].name, full) == 0)
            return g->array[i].t;
    return (fv_tensor){.ndim = -1};
}

/* From -1 to 1, a hash of name and index (FNV-1a, then three rounds of mixing):
 * weights that a test and its script in tools/ share without writing them. */
static inline double golden_formula(const char *name, int64_t i)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    uint32_t z = h + (uint32_t)i * 0x9E3779B9u;
    z = (z ^ z >> 16) * 0x85EBCA6Bu;
    z = (z ^ z >> 13) * 0xC2B2AE35u;
    z ^= z >> 16;
    return (double)z / 2147483648.0 - 1;
}

#endif
