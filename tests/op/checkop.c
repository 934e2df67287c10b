/*
 * Checked operations: runs problems through every check and backend.
 *   checkop [--only CHECK] [--backend NAME] [--bench] [-v] PROBLEM... | @FILE
 */
#include "checkop.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *only, *backend;
    bool bench, verbose;
    int threads;
    double peak;
    int passed, failed, skipped, problems;
} settings;

static void check(fv_ctx *ctx, settings *o, const checkop_problem *p,
                  const checkop_check *check, const checkop_subject *truth,
                  const checkop_subject *s)
{
    checkop_case c = {
        .ctx = ctx, .p = p, .truth = *truth, .subject = *s, .seed = 20};
    checkop_outcome outcome = check->run(&c);
    o->passed += outcome == CHECKOP_PASSED;
    o->failed += outcome == CHECKOP_FAILED;
    o->skipped += outcome == CHECKOP_SKIPPED;
    if (outcome == CHECKOP_FAILED)
        printf("FAILED  %-10s %-7s %s\n        %s\n", check->name, s->backend,
               p->text, c.why);
    else if (o->verbose)
        printf("%-7s %-10s %-7s %s%s%s\n",
               outcome == CHECKOP_PASSED ? "ok" : "skipped", check->name,
               s->backend, p->text, c.why[0] ? ": " : "", c.why);
}

/* Twice the multiply-adds per gradient that is made of products. */
static double backward_flops(const checkop_problem *p, double forward)
{
    bool weights = p->op == FVI_OP_conv || p->op == FVI_OP_conv_transposed ||
                   p->op == FVI_OP_linear;
    return weights ? 2 * forward : forward;
}

static void print_rate(const settings *o, double flops, double ms)
{
    double rate = flops / ms / 1e6;
    if (ms <= 0)
        printf("\t-\t-\t-");
    else if (flops <= 0)
        printf("\t%.3f\t-\t-", ms);
    else
        printf("\t%.3f\t%.1f\t%.1f", ms, rate, 100 * rate / o->peak);
}

static void bench(fv_ctx *ctx, settings *o, const checkop_problem *p,
                  const checkop_subject *s)
{
    double flops = 2 * fvi_ops[p->op]->work(p->attr, p->x, p->y);
    double forward, backward;
    fv_status status = checkop_time(ctx, p, s, o->threads, &forward, &backward);
    o->skipped += status == FV_ENOTSUP;
    o->failed += status != FV_OK && status != FV_ENOTSUP;
    if (status != FV_OK) {
        printf("# %s\t%s\t%s\n", p->text, s->backend, fv_message(ctx));
        return;
    }
    o->passed++;
    printf("%s\t%s\t%d", p->text, s->backend, o->threads);
    print_rate(o, flops, forward);
    print_rate(o, backward_flops(p, flops), backward);
    printf("\n");
    fflush(stdout);
}

static bool chosen(const char *filter, const char *name)
{
    return !filter || strcmp(filter, name) == 0;
}

static void run_problem(fv_ctx *ctx, settings *o, const char *text)
{
    checkop_problem p;
    checkop_subject s[CHECKOP_SUBJECTS];
    o->problems++;
    if (checkop_parse(ctx, text, &p) != FV_OK) {
        printf("FAILED  %s\n        %s\n", text, fv_message(ctx));
        o->failed++;
        return;
    }
    int count = checkop_subjects(p.op, p.half, s);
    for (int i = 0; i < count; i++) {
        if (!chosen(o->backend, s[i].backend))
            continue;
        if (o->bench) {
            bench(ctx, o, &p, &s[i]);
            continue;
        }
        for (const checkop_check *k = checkop_checks; k->name; k++)
            if (chosen(o->only, k->name))
                check(ctx, o, &p, k, &s[0], &s[i]);
    }
}

/* One problem per line; # begins a comment. */
static void run_file(fv_ctx *ctx, settings *o, const char *path)
{
    char line[256];
    FILE *f = fopen(path, "r");
    if (!f) {
        printf("FAILED  cannot read %s\n", path);
        o->failed++;
        return;
    }
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "# \t\r\n")] = '\0';
        if (line[0])
            run_problem(ctx, o, line);
    }
    fclose(f);
}

static int known_check(const char *name)
{
    for (const checkop_check *k = checkop_checks; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return 1;
    return 0;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: checkop [--only CHECK] [--backend NAME] [--threads N]\n"
            "               [--bench] [-v] PROBLEM... | @FILE...\n"
            "checks:");
    for (const checkop_check *k = checkop_checks; k->name; k++)
        fprintf(stderr, " %s", k->name);
    fprintf(stderr, "\n");
    return 2;
}

/* Reads options; the index of the first operand, or 0 when they are wrong. */
static int read_options(int argc, char **argv, settings *o)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--bench") == 0)
            o->bench = true;
        else if (strcmp(argv[i], "-v") == 0)
            o->verbose = true;
        else if (strcmp(argv[i], "--only") == 0 && more)
            o->only = argv[++i];
        else if (strcmp(argv[i], "--backend") == 0 && more)
            o->backend = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0 && more)
            o->threads = (int)strtol(argv[++i], NULL, 10);
        else
            return 0;
    }
    if (o->only && !known_check(o->only))
        return 0;
    return i < argc && o->threads > 0 ? i : 0;
}

int main(int argc, char **argv)
{
    settings o = {.threads = omp_get_num_procs()};
    int first = read_options(argc, argv, &o);
    fv_ctx *ctx;
    if (!first)
        return usage();
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        return 2;
    if (o.bench) {
        o.peak = checkop_peak_gflops(o.threads);
        printf("# peak %.1f GFLOP/s with %d threads\n", o.peak, o.threads);
        printf("problem\tbackend\tthreads\tforward ms\tGFLOP/s\t%%peak"
               "\tbackward ms\tGFLOP/s\t%%peak\n");
    }
    for (int i = first; i < argc; i++)
        if (argv[i][0] == '@')
            run_file(ctx, &o, argv[i] + 1);
        else
            run_problem(ctx, &o, argv[i]);
    size_t live = 0, peak = 0;
    fv_memory(ctx, &live, &peak);
    if (live) {
        printf("FAILED  %zu bytes were not freed\n", live);
        o.failed++;
    }
    printf("%s%d problems: %d passed, %d failed, %d skipped\n",
           o.bench ? "# " : "", o.problems, o.passed, o.failed, o.skipped);
    fv_ctx_free(ctx);
    return o.failed || !o.passed ? 1 : 0;
}
