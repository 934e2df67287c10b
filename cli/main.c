/* The program: a table of verbs, and what all of them share. */
#include "help.h"
#include "options.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

const fv_cmd *const fv_cmds[] = {
    &cmd_segment, &cmd_restore, &cmd_classify, &cmd_embed,   &cmd_train,
    &cmd_tune,    &cmd_score,   &cmd_measure,  &cmd_info,    &cmd_check,
    &cmd_plan,    &cmd_models,  &cmd_synth,    &cmd_convert, &cmd_doctor,
    &cmd_help,    NULL,
};

int cli_fail(cli *c)
{
    fprintf(stderr, "fovea: %s\n", fv_message(c->ctx));
    return EXIT_FAILED;
}

/* Most sentences begin with the file they are about. */
void cli_fail_in(cli *c, const char *what)
{
    const char *sentence = fv_message(c->ctx);
    if (strncmp(sentence, what, strlen(what)) == 0)
        fprintf(stderr, "fovea: %s\n", sentence);
    else
        fprintf(stderr, "fovea: %s: %s\n", what, sentence);
}

/* ---- Ctrl-C ---- */

static fv_ctx *running; /* a signal has no other way to reach it */

/* The second Ctrl-C is for good; SIGTERM comes twice from timeout(1). */
static void on_signal(int number)
{
    fv_cancel(running);
    if (number == SIGINT)
        signal(number, SIG_DFL);
}

static void catch_signals(fv_ctx *ctx)
{
    struct sigaction action = {.sa_handler = ctx ? on_signal : SIG_DFL};
    running = ctx;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- running one verb ---- */

static int usage(cli *c, const fv_cmd *cmd)
{
    fprintf(stderr, "fovea%s%s: %s\n", cmd ? " " : "", cmd ? cmd->name : "",
            fv_message(c->ctx));
    fprintf(stderr, "Try 'fovea help%s%s'.\n", cmd ? " " : "",
            cmd ? cmd->name : "");
    return EXIT_USAGE;
}

static fv_status check_count(cli *c, const parsed *p)
{
    const fv_cmd *cmd = p->cmd;
    if (p->count < cmd->min_operands)
        return fvi_fail(c->ctx, FV_EINVAL, "wants %s", cmd->operands);
    if (cmd->max_operands >= 0 && p->count > cmd->max_operands)
        return fvi_fail(c->ctx, FV_EINVAL, "'%s' is one too many, expected %s",
                        p->operands[cmd->max_operands],
                        *cmd->operands ? cmd->operands : "no operands");
    return FV_OK;
}

/* Bytes; a network that is larger would be ended by the system, unasked. */
static size_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0;
}

static int run_cmd(cli *c, parsed *p)
{
    c->quiet = p->global.quiet;
    c->verbose = p->global.verbose;
    c->json = p->global.json;
    c->force = p->global.force;
    c->progress = !c->quiet && isatty(STDERR_FILENO);
    if (p->global.threads)
        fv_set_threads(c->ctx, p->global.threads);
    c->limited = p->global.max_memory > 0;
    fv_set_memory_limit(c->ctx, c->limited
                                    ? (size_t)(p->global.max_memory * 1e6)
                                    : machine_memory());
    if (check_count(c, p) != FV_OK)
        return usage(c, p->cmd);
    catch_signals(c->ctx);
    int code = p->cmd->run(c, p->options, p->count, p->operands);
    catch_signals(NULL);
    return code;
}

static int run_parsed(cli *c, parsed *p)
{
    if (p->global.version) {
        printf("fovea %s\n", FV_VERSION);
        return EXIT_DONE;
    }
    if (p->global.help) {
        if (p->cmd)
            help_cmd(stdout, p->cmd);
        else
            help_program(stdout);
        return EXIT_DONE;
    }
    if (p->cmd)
        return run_cmd(c, p);
    help_program(stderr);
    return EXIT_USAGE;
}

/* A full disk behind standard output shows only here. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "fovea: cannot write to standard output\n");
    return EXIT_FAILED;
}

int cli_main(int argc, char **argv, const fv_allocator *allocator)
{
    cli c = {0};
    if (fv_ctx_new(allocator, &c.ctx) != FV_OK) {
        fprintf(stderr, "fovea: out of memory\n");
        return EXIT_FAILED;
    }
    parsed p;
    int code;
    fv_status status = parse_arguments(c.ctx, argc, argv, &p);
    if (status == FV_OK)
        code = run_parsed(&c, &p);
    else
        code = status == FV_EINVAL ? usage(&c, p.cmd) : cli_fail(&c);
    parsed_free(c.ctx, &p);
    fv_ctx_free(c.ctx);
    return finish(code);
}
