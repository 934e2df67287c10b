#ifndef FVI_CMD_H
#define FVI_CMD_H

#include "base/base.h"
#include "fovea/fovea.h"

#include <stdio.h>

/* Exit codes of the program. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SOME = 3 };

/* What every verb gets besides its own options. */
typedef struct cli {
    fv_ctx *ctx;
    int quiet, verbose, json, force;
    int limited;  /* 1: --max-memory was given */
    int progress; /* 1: stderr is a terminal and not quiet */
} cli;

struct parsed;

/* One verb: one file, one of these. */
typedef struct fv_cmd {
    const char *name, *summary, *operands, *example;
    const char *details; /* paragraphs for help and man page, may be NULL */
    const fv_field *options;
    const fv_field *shared; /* more members of the same struct, or NULL    */
    size_t size;            /* of the option struct                        */
    int min_operands, max_operands; /* max < 0: any number                 */
    /* NULL, or: called once argv is read, to set members from elsewhere (a
     * file that argv names); argv is then read once more, so that it wins. */
    fv_status (*base)(fv_ctx *ctx, struct parsed *p);
    int (*run)(cli *c, const void *options, int count, char **operands);
} fv_cmd;

extern const fv_cmd cmd_segment, cmd_restore, cmd_classify, cmd_embed,
    cmd_train, cmd_tune, cmd_score, cmd_measure, cmd_info, cmd_check, cmd_plan,
    cmd_models, cmd_synth, cmd_convert, cmd_doctor, cmd_help;
extern const fv_cmd *const fv_cmds[]; /* ended by NULL */

/* The whole program; `allocator` NULL outside tests. */
int cli_main(int argc, char **argv, const fv_allocator *allocator);

/* "fovea: <sentence>" on stderr; returns EXIT_FAILED. */
int cli_fail(cli *c);
/* "fovea: <file>: <sentence>" on stderr. */
void cli_fail_in(cli *c, const char *what);

/* Of options by this name. */
#define PRECISION_HELP                                                     \
    "products of f32 numbers, or of numbers rounded to bf16, where these " \
    "are faster"

/* "f32" or "bf16". */
static inline fv_precision precision_named(const char *name)
{
    return name[0] == 'b' ? FV_BF16 : FV_FULL;
}

/* The option --augment: views for fv_predict_options. */
#define AUGMENT                                                          \
    "average over the image, mirrored (flips, 4 views) and also turned " \
    "by a quarter (all, 8)"
static inline int views_named(const char *name)
{
    return name[0] == 'n' ? 1 : name[0] == 'f' ? 4 : name[0] == 'a' ? 8 : 0;
}

#endif
