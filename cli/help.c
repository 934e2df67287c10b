/* Help on the terminal. */
#include "help.h"
#include "options.h"

#include <string.h>

enum { WIDTH = 79, INDENT = 4 };

/* Words of `text` in lines of at most WIDTH, each after `indent` spaces; the
 * first line goes on at column `at`. */
static void wrap(FILE *out, const char *text, int indent, int at)
{
    while (*text) {
        int n = (int)strcspn(text, " \n");
        if (at > indent && at + 1 + n > WIDTH) {
            fputc('\n', out);
            at = 0;
        }
        if (at < indent)
            at += fprintf(out, "%*s", indent - at, "");
        else if (at > indent)
            at += fprintf(out, " ");
        at += fprintf(out, "%.*s", n, text);
        text += n;
        if (*text == '\n') {
            fputc('\n', out);
            at = 0;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

static const char *value_name(const fv_field *f)
{
    if (f->kind == FV_KIND_CHOICE)
        return f->choices;
    if (f->kind == FV_KIND_PATH)
        return "PATH";
    if (f->kind == FV_KIND_TEXT)
        return "TEXT";
    return f->kind == FV_KIND_INT ? "N" : "X";
}

int option_usage(const fv_field *f, char *buf, size_t size)
{
    char name[64], letter[8] = "";
    size_t i = 0;
    for (; i < sizeof name - 1 && f->name[i]; i++)
        name[i] = f->name[i] == '_' ? '-' : f->name[i];
    name[i] = '\0';
    if (option_letter(f->name))
        snprintf(letter, sizeof letter, "-%c, ", option_letter(f->name));
    bool on = f->kind == FV_KIND_FLAG && f->fallback != 0;
    if (f->kind == FV_KIND_FLAG)
        return snprintf(buf, size, "%s--%s%s", letter, on ? "[no-]" : "", name);
    return snprintf(buf, size, "%s--%s %s", letter, name, value_name(f));
}

int option_default(const fv_field *f, char *buf, size_t size)
{
    const char *unit = f->unit ? f->unit : "";
    if (f->kind == FV_KIND_FLAG)
        return snprintf(buf, size, "%s", f->fallback != 0 ? "default on" : "");
    bool number = f->kind == FV_KIND_INT || f->kind == FV_KIND_REAL;
    if (number && f->fallback == 0 && strstr(f->help, "0:"))
        return snprintf(buf, size, "%s", unit); /* 0 is explained */
    if (number)
        return snprintf(buf, size, "default %g%s%s", f->fallback,
                        *unit ? " " : "", unit);
    if (f->text && *f->text)
        return snprintf(buf, size, "default %s", f->text);
    return snprintf(buf, size, "%s", "");
}

static void help_fields(FILE *out, const fv_field *fields)
{
    for (const fv_field *f = fields; f && f->kind != FV_KIND_END; f++) {
        char usage[128], usual[128];
        if (fields != global_fields && fv_field_find(global_fields, f->name))
            continue; /* told below */
        option_usage(f, usage, sizeof usage);
        option_default(f, usual, sizeof usual);
        fprintf(out, "  %s\n%*s", usage, 2 * INDENT, "");
        char line[512];
        snprintf(line, sizeof line, "%s%s%s%s", f->help, *usual ? " (" : "",
                 usual, *usual ? ")" : "");
        wrap(out, line, 2 * INDENT, 2 * INDENT);
    }
}

void help_cmd(FILE *out, const fv_cmd *cmd)
{
    fprintf(out, "fovea %s: %s\n\n", cmd->name, cmd->summary);
    fprintf(out, "Usage: fovea %s %s%s[OPTIONS]\n", cmd->name, cmd->operands,
            *cmd->operands ? " " : "");
    if (cmd->details) {
        fputc('\n', out);
        wrap(out, cmd->details, 0, 0);
    }
    if (cmd->options->kind != FV_KIND_END || cmd->shared)
        fprintf(out, "\nOptions:\n");
    help_fields(out, cmd->options);
    help_fields(out, cmd->shared);
    fprintf(out, "\nFor every verb:\n");
    help_fields(out, global_fields);
    fprintf(out, "\nExample:\n  %s\n", cmd->example);
}

void help_program(FILE *out)
{
    fprintf(out, "fovea trains, runs and judges neural networks on microscopy "
                 "images.\n\n"
                 "Usage: fovea VERB [OPERANDS] [OPTIONS]\n\nVerbs:\n");
    for (int i = 0; fv_cmds[i]; i++)
        fprintf(out, "  %-9s %s\n", fv_cmds[i]->name, fv_cmds[i]->summary);
    fprintf(out,
            "\nStart with:  fovea segment IMAGE... -o FOLDER\n"
            "More about a verb:  fovea help VERB\n"
            "Exit: 0 done, 1 failed, 2 wrong usage, 3 some inputs failed.\n");
}

/* ---- the verb ---- */

typedef struct help_args {
    int man, completion;
} help_args;

static const fv_field options[] = {
    FV_FLAG(help_args, man, "the manual page in troff"),
    FV_FLAG(help_args, completion, "completion for bash"),
    FV_END,
};

static int run(cli *c, const void *args, int count, char **operands)
{
    const help_args *o = args;
    if (o->man)
        help_man(stdout);
    else if (o->completion)
        help_completion(stdout);
    else if (count == 0)
        help_program(stdout);
    else if (find_cmd(operands[0]))
        help_cmd(stdout, find_cmd(operands[0]));
    else {
        (void)fvi_fail(c->ctx, FV_EINVAL, "there is no verb '%s'", operands[0]);
        cli_fail(c);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

const fv_cmd cmd_help = {
    .name = "help",
    .summary = "show help, the manual page, or completion for bash",
    .operands = "[VERB]",
    .example = "fovea help segment",
    .options = options,
    .size = sizeof(help_args),
    .max_operands = 1,
    .run = run,
};
