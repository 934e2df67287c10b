#ifndef SANDBOX_H
#define SANDBOX_H

/* Runs the program's main function in a child process with memory or disk that
 * fails on purpose, and tells how it ended. */

#include <stdbool.h>
#include <stdint.h>

/* What fails. Zeroed: nothing. */
typedef struct trouble {
    int64_t refuse; /* the n-th allocation, from 1                     */
    bool forever;   /* and every later one                             */
    bool disk_full; /* files cannot grow beyond `disk_bytes`           */
    int64_t disk_bytes;
    bool small_disk;    /* out/ is a disk of `disk_bytes`; wants root         */
    const char *output; /* where stdout goes; NULL: dropped                */
} trouble;

typedef struct outcome {
    bool ended;      /* false: killed by signal `code` (a crash or a hang) */
    int code;        /* exit code of the program                           */
    int64_t asked;   /* allocations                                        */
    int64_t refused; /* of these, refused                                  */
    int64_t live;    /* blocks not given back                              */
    int unfinished;  /* temporary files that stay                          */
    bool skipped;    /* this trouble cannot be made here                   */
    char words[400]; /* the beginning of stderr                            */
} outcome;

/* `line` is split at blanks: "fovea synth -o out". Works in the current
 * folder. Children do all the work: the parent never starts threads. */
outcome sandbox_run(const char *line, trouble t);

/* Runs `work` in a child; true when it returned 0. */
bool sandbox_call(int (*work)(void));

/* A new empty folder becomes the current one; false without permission. */
bool sandbox_enter(void);
/* Back out, everything removed. */
void sandbox_leave(void);

void remove_tree(const char *path);
/* The name of the first file under `path` that differs from the one of the
 * same name under `golden`, or NULL. Files may be absent. */
const char *first_difference(const char *path, const char *golden);
bool write_bytes(const char *path, const void *bytes, long size);
/* malloc'ed; NULL when there is no such file. */
char *read_bytes(const char *path, long *size);

#endif
