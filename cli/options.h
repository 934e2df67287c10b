#ifndef FVI_OPTIONS_H
#define FVI_OPTIONS_H

/* From argv to option structs, by the field tables. */

#include "cmd.h"

/* Options that every verb takes. */
typedef struct globals {
    int quiet, verbose, json, force, threads, help, version;
    double max_memory; /* MB */
} globals;

extern const fv_field global_fields[];

/* The letter of an option ("output": 'o'), or 0. */
char option_letter(const char *name);

enum { MOST_OPTIONS = 128 };

typedef struct parsed {
    globals global;
    const fv_cmd *cmd; /* NULL when argv names none */
    void *options;     /* of cmd */
    char **operands;   /* into argv, in order */
    int count;
    char **kept; /* text that options point to */
    int keeps;
    const fv_field *seen[MOST_OPTIONS]; /* options given in this reading */
    int seen_count;
} parsed;

/* FV_EINVAL: the sentence names the option and suggests the nearest. Free with
 * parsed_free, also after a failure. */
fv_status parse_arguments(fv_ctx *ctx, int argc, char **argv, parsed *out);
void parsed_free(fv_ctx *ctx, parsed *p);

/* Takes over `text` (fvi_alloc'ed, freed with `p`, also on failure). */
fv_status parsed_keep(fv_ctx *ctx, parsed *p, char *text);

/* The verb called `name`, or NULL. */
const fv_cmd *find_cmd(const char *name);

/* Does the option differ from its default? */
bool option_given(const fv_field *f, const void *options);

/* "a=1,b=2" into an option struct. Each value is copied into `*words`, which
 * the caller frees with fvi_free after `options`. FV_EINVAL. */
fv_status set_list(fv_ctx *ctx, const fv_field *fields, void *options,
                   const char *list, char **words);

#endif
