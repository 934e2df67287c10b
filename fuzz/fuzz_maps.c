/*
 * Decoders given maps that no network answers with.
 *
 *   fuzz_maps [COUNT [FIRST]]   maps FIRST .. FIRST + COUNT - 1 (200 from 0)
 *                               through every decoder
 *   fuzz_maps --growth [SIDE]   time at rising sides, at most SIDE (256): more
 *                               than 12-fold for a doubled side is quadratic,
 *                               unless it is short
 *
 * A decoder may refuse with a sentence; it never crashes, keeps memory, takes
 * more than 1 KiB per pixel, or answers with labels that are not 1..count.
 */
#include "fovea/flows.h"
#include "fovea/stars.h"
#include "maps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- decoders ---- */

typedef struct run {
    fv_ctx *ctx;
    fvi_rng *r; /* draws options; NULL: usual ones */
    fv_tensor maps, labels;
    int64_t count;
} run;

static int64_t pick(const run *j, int64_t usual, int64_t n)
{
    return j->r ? fvi_rng_below(j->r, n) : usual;
}

static double among(const run *j, double usual, double lo, double hi)
{
    return j->r && fvi_rng_below(j->r, 2) ? fvi_rng_between(j->r, lo, hi)
                                          : usual;
}

static fv_status by_target(run *j, int target)
{
    fv_decode_options o = fv_decode_default();
    o.threshold = among(j, o.threshold, -0.2, 1.2);
    o.seed = among(j, 0, 0, 1);
    o.min_area = pick(j, o.min_area, 30);
    o.fill_holes = (int)pick(j, 1, 2);
    fv_tensor maps = fv_slice(j->maps, 2, 0, fv_target_maps(target));
    return fv_decode(j->ctx, (fv_target)target, maps, o, j->labels, &j->count);
}

static fv_status by_flows(run *j, const char *profile)
{
    fv_flow_decode_options o;
    FV_TRY(fv_flow_decode_profile(j->ctx, profile, &o));
    o.logit = among(j, o.logit, -2, 2);
    o.max_error = among(j, o.max_error, 0, 3);
    o.max_share = among(j, o.max_share, 0, 1);
    o.steps = pick(j, o.steps, 300);
    o.min_area = pick(j, o.min_area, 30);
    o.fill_holes = (int)pick(j, 1, 2);
    return fv_flow_decode(j->ctx, fv_slice(j->maps, 2, 0, 3), o, j->labels,
                          &j->count);
}

/* Maps at every `grid`-th pixel of a larger image: the labels that are asked
 * for are those of its first corner. */
static fv_status by_stars(run *j, fv_star_options o)
{
    fv_stars stars;
    o.probability = among(j, o.probability, -0.2, 1.2);
    o.overlap = among(j, o.overlap, 0, 1.2);
    o.grid = 1 + (int)pick(j, 0, 3);
    int64_t h = j->labels.dim[0], w = j->labels.dim[1];
    fv_tensor maps = fv_slice(j->maps, 0, 0, (h + o.grid - 1) / o.grid);
    maps = fv_slice(maps, 1, 0, (w + o.grid - 1) / o.grid);
    FV_TRY(fv_star_decode(j->ctx, maps, o, j->labels, &stars));
    j->count = stars.count;
    fv_stars_free(j->ctx, &stars);
    return FV_OK;
}

static fv_status own_stars(run *j)
{
    return by_stars(j, fv_star_default());
}

static fv_status field_stars(run *j)
{
    return by_stars(j, fv_star_as_stardist());
}

static const char *const profiles[] = {"fovea", "v3.1.1.3-cpu", "v4"};
static fv_status (*const stars[])(run *) = {own_stars, field_stars};
enum {
    FLOWS = FV_TARGET_COUNT,
    STARS = FLOWS + 3,
    DECODERS = STARS + 2,
};

static fv_status decode(run *j, int decoder)
{
    if (decoder < FLOWS)
        return by_target(j, decoder);
    if (decoder < STARS)
        return by_flows(j, profiles[decoder - FLOWS]);
    return stars[decoder - STARS](j);
}

static const char *name_of(int decoder)
{
    static const char *const names[] = {"flows fovea", "flows v3.1.1.3-cpu",
                                        "flows v4", "fv_star_decode",
                                        "fv_star_decode as StarDist"};
    return decoder < FLOWS ? fv_target_name((fv_target)decoder)
                           : names[decoder - FLOWS];
}

/* ---- what must hold ---- */

/* Numbers 1..count, in raster order unless by probability; NULL or what is
 * wrong. Stars may be hidden, and then leave a gap. */
static const char *wrong_labels(const run *j, bool by_probability)
{
    const uint32_t *v = j->labels.data;
    int64_t seen = 0;
    for (int64_t i = 0; i < fv_count(j->labels); i++) {
        int64_t most = by_probability ? j->count : seen + 1;
        if (v[i] > most)
            return "a label out of order";
        seen = v[i] > seen ? v[i] : seen;
    }
    return by_probability || seen == j->count ? NULL : "another count";
}

/* Only stars may say no, and they say why. */
static const char *wrong_status(const run *j, int decoder, fv_status status)
{
    bool painted = decoder == FV_TARGET_STARS || decoder >= STARS;
    if (status == FV_OK)
        return wrong_labels(j, decoder >= STARS);
    if (painted && status == FV_EINVAL && strstr(fv_message(j->ctx), "overlap"))
        return NULL;
    return fv_message(j->ctx)[0] ? fv_message(j->ctx) : "no sentence";
}

/* One decoding in a context of its own. */
static const char *wrong(int decoder, fvi_rng *r, fv_tensor maps,
                         uint32_t *labels)
{
    static char what[300];
    size_t live, peak, pixels = (size_t)(maps.dim[0] * maps.dim[1]);
    run j = {
        .r = r, .maps = maps, .labels = fv_dense(labels, FV_U32, 2, maps.dim)};
    if (fv_ctx_new(NULL, &j.ctx) != FV_OK)
        return "no memory for a context";
    fv_set_threads(j.ctx, 1);
    for (size_t i = 0; i < pixels; i++)
        labels[i] = UINT32_MAX;
    const char *bad = wrong_status(&j, decoder, decode(&j, decoder));
    fv_memory(j.ctx, &live, &peak);
    if (!bad && live)
        bad = "memory was kept";
    if (!bad && peak > ((size_t)8 << 20) + 1024 * pixels)
        bad = "more than 1 KiB per pixel";
    if (bad)
        snprintf(what, sizeof what, "%s", bad);
    fv_ctx_free(j.ctx);
    return bad ? what : NULL;
}

/* ---- many maps ---- */

static int try_map(uint64_t number)
{
    int failed = 0;
    fv_tensor maps = maps_number(number);
    uint32_t *labels =
        malloc((size_t)(maps.dim[0] * maps.dim[1]) * sizeof *labels + 1);
    if (!maps.data || !labels)
        failed = printf("no memory\n") > 0;
    for (int d = 0; d < DECODERS && !failed; d++) {
        fvi_rng r = fvi_rng_new(number, 2 + (uint64_t)d);
        const char *what = wrong(d, &r, maps, labels);
        if (!what)
            continue;
        printf("map %llu, %lld x %lld, %s: %s\n", (unsigned long long)number,
               (long long)maps.dim[0], (long long)maps.dim[1], name_of(d),
               what);
        failed = 1;
    }
    free(labels);
    free(maps.data);
    return failed;
}

static int many(uint64_t count, uint64_t first)
{
    uint64_t failed = 0;
    for (uint64_t n = first; n < first + count; n++)
        failed += (uint64_t)try_map(n);
    printf("%llu maps through %d decoders, %llu failed\n",
           (unsigned long long)count, (int)DECODERS,
           (unsigned long long)failed);
    return failed != 0;
}

/* ---- growth ---- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one decoding, or below 0 after saying what went wrong. */
static double time_of(int kind, int decoder, int64_t side)
{
    int64_t dim[3] = {side, side, FUZZ_CHANNELS};
    fv_tensor maps = fv_dense(NULL, FV_F32, 3, dim);
    fvi_rng r = fvi_rng_new(7, (uint64_t)kind);
    maps.data = malloc((size_t)fv_count(maps) * sizeof(float));
    uint32_t *labels = malloc((size_t)(side * side) * sizeof *labels);
    const char *what = "no memory";
    double start = 0, end = 0;
    if (maps.data && labels) {
        maps_fill(kind, &r, maps);
        start = seconds();
        what = wrong(decoder, NULL, maps, labels);
        end = seconds();
    }
    if (what)
        printf("%s, %s, side %lld: %s\n", maps_kind(kind), name_of(decoder),
               (long long)side, what);
    free(labels);
    free(maps.data);
    return what ? -1 : end - start;
}

static bool steep(double before, double now)
{
    static const double grain = 0.002;
    return now > 12 * (before > grain ? before : grain);
}

/* Doubling the side takes 4 times as long when time is linear in pixels, 8
 * where heat spreads through one object, 16 when it is quadratic. What is short
 * may grow as it likes: stars are compared pair by pair until that gets long. A
 * busy machine is asked again. */
static int grows(int kind, int decoder, int64_t most)
{
    static const double enough = 0.03, lengthy = 0.7;
    double before = -1, now = 0;
    int64_t side = 32;
    for (; side <= most; side *= 2) {
        before = now;
        now = time_of(kind, decoder, side);
        if (now < 0)
            return 1;
        if (now > (steep(before, now) ? lengthy : enough))
            break;
    }
    for (int again = 0; again < 3 && side <= most; again++) {
        if (!steep(before, now))
            return 0;
        before = time_of(kind, decoder, side / 2);
        now = time_of(kind, decoder, side);
    }
    if (side > most || !steep(before, now))
        return 0;
    printf("%s, %s: %.3f s at side %lld, %.3f s at half of it\n",
           maps_kind(kind), name_of(decoder), now, (long long)side, before);
    return 1;
}

static int growth(int64_t most)
{
    int failed = 0, kinds = 0;
    for (; maps_kind(kinds); kinds++)
        for (int d = 0; d < DECODERS; d++)
            failed += grows(kinds, d, most);
    printf("%d kinds of maps through %d decoders up to side %lld, %d failed\n",
           kinds, (int)DECODERS, (long long)most, failed);
    return failed != 0;
}

int main(int argc, char **argv)
{
    bool timed = argc > 1 && strcmp(argv[1], "--growth") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* told even when stopped */
    unsigned long long number[2] = {timed ? 256 : 200, 0};
    for (int i = timed ? 2 : 1, k = 0; i < argc && k < 2; i++, k++)
        number[k] = strtoull(argv[i], NULL, 10);
    return timed ? growth((int64_t)number[0]) : many(number[0], number[1]);
}
