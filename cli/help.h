#ifndef FVI_HELP_H
#define FVI_HELP_H

/* Help, man page and completion, all from the tables of verbs and options. */

#include "cmd.h"

void help_program(FILE *out);
void help_cmd(FILE *out, const fv_cmd *cmd);
void help_man(FILE *out);
void help_completion(FILE *out);

/* "--base-width N": an option as it is typed. Returns what snprintf would. */
int option_usage(const fv_field *f, char *buf, size_t size);

/* "default 512 px"; the unit alone where the help tells what 0 is; or "". What
 * is out of range hears of the range. */
int option_default(const fv_field *f, char *buf, size_t size);

#endif
