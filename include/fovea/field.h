#ifndef FV_FIELD_H
#define FV_FIELD_H

#include "fovea/status.h"

FV_C_BEGIN

/*
 * A table that describes the members of an option struct. The command line,
 * configuration in model files, help, man page and completion all read it.
 */
typedef enum fv_kind {
    FV_KIND_END,
    FV_KIND_INT,   /* int                                                   */
    FV_KIND_REAL,  /* double                                                */
    FV_KIND_FLAG,  /* int, 0 or 1                                           */
    FV_KIND_TEXT,  /* const char *, borrowed or NULL                        */
    FV_KIND_PATH,  /* the same, a file or folder name                       */
    FV_KIND_CHOICE /* const char *, one of `choices` ("a|b|c")              */
} fv_kind;

typedef struct fv_field {
    const char *name; /* "base_width"; the option is --base-width            */
    fv_kind kind;
    size_t offset;           /* in the struct                               */
    double fallback, lo, hi; /* numbers: default and allowed range          */
    const char *text;        /* TEXT, PATH, CHOICE: default, may be NULL    */
    const char *choices;     /* CHOICE: "a|b|c"                             */
    const char *unit, *help;
} fv_field;

#define FV_INT(T, f, def, lo, hi, unit, help)                                \
    {                                                                        \
#f, FV_KIND_INT, offsetof(T, f), def, lo, hi, NULL, NULL, unit, help \
    }
#define FV_REAL(T, f, def, lo, hi, unit, help)                                \
    {                                                                         \
#f, FV_KIND_REAL, offsetof(T, f), def, lo, hi, NULL, NULL, unit, help \
    }
#define FV_FLAG(T, f, help)                                             \
    {                                                                   \
#f, FV_KIND_FLAG, offsetof(T, f), 0, 0, 1, NULL, NULL, "", help \
    }
#define FV_TEXT(T, f, def, help)                                       \
    {                                                                  \
#f, FV_KIND_TEXT, offsetof(T, f), 0, 0, 0, def, NULL, "", help \
    }
#define FV_PATH(T, f, def, help)                                       \
    {                                                                  \
#f, FV_KIND_PATH, offsetof(T, f), 0, 0, 0, def, NULL, "", help \
    }
#define FV_CHOICE(T, f, def, choices, help)                                 \
    {                                                                       \
#f, FV_KIND_CHOICE, offsetof(T, f), 0, 0, 0, def, choices, "", help \
    }
#define FV_END                                                \
    {                                                         \
        NULL, FV_KIND_END, 0, 0, 0, 0, NULL, NULL, NULL, NULL \
    }

/* Sets every member to its default. */
FV_API void fv_fields_default(const fv_field *fields, void *options);

/* The entry called `name` ('-' and '_' are the same), or NULL. */
FV_API const fv_field *fv_field_find(const fv_field *fields, const char *name);

/* Parses `value` into one member. FV_EINVAL: an unknown name (the sentence
 * suggests the nearest), not a number, out of range, not a choice. Text is
 * borrowed: `value` must outlive `options`. */
FV_NODISCARD FV_API fv_status fv_field_set(fv_ctx *ctx, const fv_field *fields,
                                           void *options, const char *name,
                                           const char *value);

/* Writes the value of one member as text ("" for NULL text); returns what
 * snprintf would. Reals are printed so that parsing gives them back. */
FV_API int fv_field_get(const fv_field *field, const void *options, char *buf,
                        size_t size);

FV_C_END

#endif
