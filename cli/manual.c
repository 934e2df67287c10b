/* The manual page and completion for bash. */
#include "help.h"
#include "options.h"

#include <string.h>

/* ---- man page ---- */

/* Text with what troff would take for commands made harmless. */
static void roff(FILE *out, const char *text)
{
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
        start = *text == '\n';
    }
}

static void roff_line(FILE *out, const char *before, const char *text)
{
    fputs(before, out);
    roff(out, text);
    fputc('\n', out);
}

static void roff_fields(FILE *out, const fv_field *fields)
{
    for (const fv_field *f = fields; f && f->kind != FV_KIND_END; f++) {
        char usage[128], usual[128];
        if (fields != global_fields && fv_field_find(global_fields, f->name))
            continue; /* told above */
        option_usage(f, usage, sizeof usage);
        option_default(f, usual, sizeof usual);
        fputs(".TP\n", out);
        roff_line(out, ".B ", usage);
        roff(out, f->help);
        if (*usual) {
            fputs(" (", out);
            roff(out, usual);
            fputc(')', out);
        }
        fputs(".\n", out);
    }
}

static void roff_cmd(FILE *out, const fv_cmd *cmd)
{
    fprintf(out, ".SS fovea %s\n", cmd->name);
    fprintf(out, ".B fovea %s\n", cmd->name);
    roff_line(out, "", cmd->operands);
    roff_line(out, ".RI [ OPTIONS ]\n.PP\nTo ", cmd->summary);
    if (cmd->details)
        roff_line(out, ".PP\n", cmd->details);
    roff_fields(out, cmd->options);
    roff_fields(out, cmd->shared);
    roff_line(out, ".PP\nExample:\n.PP\n.RS\n.nf\n", cmd->example);
    fputs(".fi\n.RE\n", out);
}

void help_man(FILE *out)
{
    fprintf(out, ".TH FOVEA 1 \"\" \"fovea %s\" \"User Commands\"\n",
            FV_VERSION);
    fputs(".SH NAME\nfovea \\- train, run and judge neural networks on "
          "microscopy images\n.SH SYNOPSIS\n.B fovea\n.I VERB\n"
          ".RI [ OPERANDS ]\n.RI [ OPTIONS ]\n.SH DESCRIPTION\n"
          "Results go to standard output, progress and notes to standard "
          "error.\nImages may be files, folders or quoted patterns; they are "
          "taken in natural order.\nNothing is overwritten without "
          "\\-\\-force.\n.SH OPTIONS OF EVERY VERB\n",
          out);
    roff_fields(out, global_fields);
    fputs(".SH VERBS\n", out);
    for (int i = 0; fv_cmds[i]; i++)
        roff_cmd(out, fv_cmds[i]);
    fputs(".SH EXIT STATUS\n"
          ".TP\n.B 0\nDone.\n.TP\n.B 1\nFailed.\n.TP\n.B 2\nWrong usage.\n"
          ".TP\n.B 3\nSome inputs failed; each is named, the others are "
          "done.\n",
          out);
}

/* ---- completion ---- */

static void option_words(FILE *out, const fv_field *fields)
{
    for (const fv_field *f = fields; f && f->kind != FV_KIND_END; f++) {
        fputs(" --", out);
        for (const char *c = f->name; *c; c++)
            fputc(*c == '_' ? '-' : *c, out);
    }
}

static void choice_cases(FILE *out, const char *verb, const fv_field *fields)
{
    for (const fv_field *f = fields; f && f->kind != FV_KIND_END; f++) {
        if (f->kind != FV_KIND_CHOICE)
            continue;
        fprintf(out, "        %s:--", verb);
        for (const char *c = f->name; *c; c++)
            fputc(*c == '_' ? '-' : *c, out);
        fputs(") words='", out);
        for (const char *c = f->choices; *c; c++)
            fputc(*c == '|' ? ' ' : *c, out);
        fputs("' ;;\n", out);
    }
}

void help_completion(FILE *out)
{
    fputs("# completion of fovea for bash\n_fovea() {\n"
          "    local word=\"${COMP_WORDS[COMP_CWORD]}\" words=''\n"
          "    local before=\"${COMP_WORDS[COMP_CWORD-1]}\" "
          "verb=\"${COMP_WORDS[1]}\"\n"
          "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        words='",
          out);
    for (int i = 0; fv_cmds[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", fv_cmds[i]->name);
    fputs("'\n    else\n        case \"$verb:$before\" in\n", out);
    for (int i = 0; fv_cmds[i]; i++) {
        choice_cases(out, fv_cmds[i]->name, fv_cmds[i]->options);
        choice_cases(out, fv_cmds[i]->name, fv_cmds[i]->shared);
    }
    fputs("        esac\n        case \"$verb:$word\" in\n", out);
    for (int i = 0; fv_cmds[i]; i++) {
        fprintf(out, "        %s:-*) words='", fv_cmds[i]->name);
        option_words(out, fv_cmds[i]->options);
        option_words(out, fv_cmds[i]->shared);
        option_words(out, global_fields);
        fputs("' ;;\n", out);
    }
    fputs("        esac\n    fi\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
          "complete -o default -F _fovea fovea\n",
          out);
}
