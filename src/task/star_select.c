/*
 * Which stars stay: by falling probability, each one that no star kept before
 * overlaps too much (greedy non-maximum suppression). A star is compared with
 * the kept ones alone, found through square buckets over the image.
 *
 * Blocks of stars are compared with what is kept already by all threads; the
 * few that pass are then compared with each other in order. Which threads did
 * what changes nothing.
 */

#include "task/star.h"

#include <math.h>

enum {
    FIRST_BLOCK = 64,
    LARGEST_BLOCK = 1 << 14,
    PART = 256,     /* stars between looks at the work done */
    SAMPLES = 1024, /* stars that decide about the size of the buckets */
};

/* Work is counted in looks at a bucket or at a kept star. A network's maps take
 * some ten looks per center; maps made to be slow are given up. */
static const int64_t free_work = INT64_C(1) << 26;
static const int64_t work_per_center = 1 << 14;

/* Bucket b lists the kept stars whose boxes touch it: entry[head[b]], and on
 * through `next`; -1 ends. */
typedef struct entry {
    int32_t star, next;
} entry;

typedef struct selection {
    fv_ctx *ctx;
    const fvi_star_maps *m;
    const uint32_t *cell;
    int64_t count;
    fvi_star_list *kept;
    double side; /* of a bucket, px */
    int64_t rows, columns;
    int32_t *head;
    entry *entries;
    int64_t used, room;
    fvi_star *block; /* LARGEST_BLOCK */
    bool *dropped;   /* the same      */
    int64_t work;
    int64_t full; /* what comparing two stars in full counts */
} selection;

static int64_t bucket(double at, double side, int64_t n)
{
    double b = at / side;
    return b <= 0 ? 0 : b >= (double)n ? n - 1 : (int64_t)b;
}

/* The buckets a star touches; what lies outside the image counts to its
 * border. */
typedef struct range {
    int64_t y0, y1, x0, x1;
} range;

static range touched(const selection *s, const fvi_star *a)
{
    return (range){bucket(a->lo[1], s->side, s->rows),
                   bucket(a->hi[1], s->side, s->rows),
                   bucket(a->lo[0], s->side, s->columns),
                   bucket(a->hi[0], s->side, s->columns)};
}

static fvi_star star_in(const selection *s, uint32_t cell, fvi_corners *p)
{
    fvi_star_corners(s->m, cell, s->m->o.truncate, p);
    return fvi_star_measure(cell, p);
}

/* Crossings may be rounded when the common area is as near to what is allowed:
 * most pairs are then decided without. */
static double near_enough(const fv_star_options *o, double smaller)
{
    return o->truncate ? sqrt(smaller) / 2 : 0;
}

/* Is the common area more than the allowed share of the smaller one? Bounds
 * decide for most pairs. */
static bool too_much(const selection *s, const fvi_star *a, const fvi_star *b,
                     const fvi_corners *pb, int64_t *work)
{
    double least, most, smaller = a->area < b->area ? a->area : b->area;
    double allowed = s->m->o.overlap * (smaller + 1e-10);
    /* the last bits, also of stars that only touch */
    double doubt = 1e-9 * (a->area + b->area);
    double near = doubt + near_enough(&s->m->o, smaller);
    fvi_star_bounds(a, b, &least, &most);
    if (least - near > allowed)
        return true;
    if (most + near <= allowed || most == 0)
        return false;
    fvi_corners pa;
    *work += s->full;
    fvi_star_corners(s->m, a->cell, s->m->o.truncate, &pa);
    double common = fvi_star_intersection(&pa, pb);
    if (s->m->o.truncate && fabs(common - allowed) <= near)
        common += fvi_star_rounding(&pa, pb);
    return common > allowed + doubt;
}

/* True when a kept star from number `from` on overlaps `a` too much. A pair
 * that shares buckets is looked at in the first of them only. */
static bool overlapped(const selection *s, const fvi_star *a,
                       const fvi_corners *p, int64_t from, int64_t *work)
{
    range r = touched(s, a);
    for (int64_t y = r.y0; y <= r.y1; y++)
        for (int64_t x = r.x0; x <= r.x1; x++) {
            int32_t e = s->head[y * s->columns + x];
            ++*work;
            for (; e >= 0 && s->entries[e].star >= from;
                 e = s->entries[e].next) {
                const fvi_star *b = &s->kept->star[s->entries[e].star];
                ++*work;
                range q = touched(s, b);
                bool first = y == (q.y0 > r.y0 ? q.y0 : r.y0) &&
                             x == (q.x0 > r.x0 ? q.x0 : r.x0);
                if (first && too_much(s, b, a, p, work))
                    return true;
            }
        }
    return false;
}

static fv_status enter(selection *s, int64_t at, int64_t star)
{
    if (s->used == s->room) {
        int64_t room = s->room ? 2 * s->room : 1024;
        if (room > INT32_MAX)
            return fvi_fail(s->ctx, FV_EINVAL,
                            "stars: more than 2^30 of them, expected fewer");
        entry *more =
            fvi_realloc(s->ctx, s->entries, (size_t)room * sizeof *more);
        if (!more)
            return FV_ENOMEM;
        s->entries = more;
        s->room = room;
    }
    s->entries[s->used] = (entry){(int32_t)star, s->head[at]};
    s->head[at] = (int32_t)s->used++;
    return FV_OK;
}

static fv_status keep(selection *s, const fvi_star *a)
{
    fvi_star_list *l = s->kept;
    if (l->count == l->room) {
        int64_t room = l->room ? 2 * l->room : 256;
        fvi_star *more =
            fvi_realloc(s->ctx, l->star, (size_t)room * sizeof *more);
        if (!more)
            return FV_ENOMEM;
        l->star = more;
        l->room = room;
    }
    range r = touched(s, a);
    s->work += (r.y1 - r.y0 + 1) * (r.x1 - r.x0 + 1);
    for (int64_t y = r.y0; y <= r.y1; y++)
        for (int64_t x = r.x0; x <= r.x1; x++)
            FV_TRY(enter(s, y * s->columns + x, l->count));
    l->star[l->count++] = *a;
    return FV_OK;
}

static fv_status check_work(const selection *s)
{
    if (s->work <= free_work + work_per_center * s->count)
        return FV_OK;
    return fvi_fail(s->ctx, FV_EINVAL,
                    "stars: too many overlap among %lld centers, expected the "
                    "maps of a trained network or a higher threshold",
                    (long long)s->count);
}

static void compare_part(selection *s, int64_t from, int64_t lo, int64_t hi)
{
    int threads = fvi_team(s->ctx, (hi - lo) * 256);
    int64_t work = 0;
#pragma omp parallel for schedule(dynamic, 16) num_threads(threads) \
    reduction(+ : work)
    for (int64_t i = lo; i < hi; i++) {
        fvi_corners p;
        s->block[i] = star_in(s, s->cell[from + i], &p);
        s->dropped[i] = overlapped(s, &s->block[i], &p, 0, &work);
    }
    s->work += work;
}

static fv_status compare_block(selection *s, int64_t from, int64_t n)
{
    for (int64_t lo = 0; lo < n; lo += PART) {
        compare_part(s, from, lo, lo + PART < n ? lo + PART : n);
        FV_TRY(check_work(s));
    }
    return FV_OK;
}

static fv_status keep_from_block(selection *s, int64_t n)
{
    int64_t before = s->kept->count;
    for (int64_t i = 0; i < n; i++) {
        fvi_corners p;
        if (s->dropped[i])
            continue;
        FV_TRY(check_work(s));
        fvi_star_corners(s->m, s->block[i].cell, s->m->o.truncate, &p);
        if (!overlapped(s, &s->block[i], &p, before, &s->work))
            FV_TRY(keep(s, &s->block[i]));
    }
    return FV_OK;
}

static fv_status select_all(selection *s)
{
    int64_t n = FIRST_BLOCK;
    for (int64_t from = 0; from < s->count;) {
        n = n > s->count - from ? s->count - from : n;
        if (fvi_canceled(s->ctx))
            return fvi_fail(s->ctx, FV_ECANCEL, "canceled");
        FV_TRY(compare_block(s, from, n));
        FV_TRY(keep_from_block(s, n));
        FV_TRY(check_work(s));
        from += n;
        n = 2 * n < LARGEST_BLOCK ? 2 * n : LARGEST_BLOCK;
    }
    return FV_OK;
}

/* Buckets about as large as a star; a few huge ones do not count. */
static double usual_side(const selection *s)
{
    float side[SAMPLES];
    int64_t n = s->count < SAMPLES ? s->count : SAMPLES;
    for (int64_t i = 0; i < n; i++) {
        fvi_corners p;
        fvi_star a = star_in(s, s->cell[i * s->count / n], &p);
        side[i] = (float)((a.hi[0] - a.lo[0] + a.hi[1] - a.lo[1]) / 2);
    }
    double usual = n ? (double)fvi_kth(side, n, n / 4) : 0;
    return usual < 8 ? 8 : usual;
}

fv_status fvi_star_select(fv_ctx *ctx, const fvi_star_maps *m,
                          const uint32_t *cell, int64_t count,
                          fvi_star_list *out)
{
    selection s = {
        .ctx = ctx, .m = m, .cell = cell, .count = count, .kept = out};
    int64_t rays = m->rays.count;
    s.full = 1 + rays * rays / 4; /* every edge meets every other */
    s.side = usual_side(&s);
    s.rows = (int64_t)((double)(m->t.dim[0] * m->o.grid) / s.side) + 1;
    s.columns = (int64_t)((double)(m->t.dim[1] * m->o.grid) / s.side) + 1;
    size_t buckets = (size_t)(s.rows * s.columns);
    s.head = fvi_alloc(ctx, buckets * sizeof *s.head);
    s.block = fvi_alloc(ctx, LARGEST_BLOCK * sizeof *s.block);
    s.dropped = fvi_alloc(ctx, LARGEST_BLOCK * sizeof *s.dropped);
    fv_status status = FV_ENOMEM;
    if (s.head && s.block && s.dropped) {
        for (size_t b = 0; b < buckets; b++)
            s.head[b] = -1;
        status = select_all(&s);
    }
    fvi_free(ctx, s.head);
    fvi_free(ctx, s.entries);
    fvi_free(ctx, s.block);
    fvi_free(ctx, s.dropped);
    return status;
}
