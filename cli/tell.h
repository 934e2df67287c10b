#ifndef FVI_TELL_H
#define FVI_TELL_H

/* What verbs say: notes, progress and JSON. */

#include "cmd.h"

#include <jansson.h>

/* "fovea: <file>: <sentence>" on stderr, unless quiet. */
void tell_note(const cli *c, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A bar on stderr, on a terminal only. `done` == `total` removes it. */
void tell_progress(const cli *c, double done, double total, const char *what);

/* Writes `value` to standard output and frees it. Returns EXIT_DONE, or
 * EXIT_FAILED when it is NULL because memory was short. */
int tell_json(cli *c, json_t *value);

/* A cell of a table with tabs on standard output: \t, \n, \r and \\ stand for
 * what would break the row. */
void tell_cell(const char *word);

/* A field of CSV (RFC 4180): quoted when it has to be. */
void tell_field(fvi_text *text, const char *word);

/* Text from outside, as a path: bytes that are not UTF-8, which JSON refuses,
 * become U+FFFD. NULL when out of memory. */
json_t *json_text(const char *text);

/* A number, or null when it is not finite. */
json_t *json_number(double x);

/* Seconds since some moment. */
double clock_seconds(void);

/* "2 h 03 min", "4 min 05 s", "12 s". */
void format_time(double seconds, char *buf, size_t size);

/* "1,234,567" */
void format_count(int64_t n, char *buf, size_t size);

/* "12.5 MB" */
void format_bytes(double bytes, char *buf, size_t size);

#endif
