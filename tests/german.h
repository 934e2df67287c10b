#ifndef GERMAN_H
#define GERMAN_H

/* A locale whose numbers have decimal commas. */

#include "fvtest.h"

#include <locale.h>
#include <stdbool.h>

/* Installed, or made for this run; false when neither can be had. */
static inline bool german_begin(void)
{
    char folder[] = "/tmp/fovea-locale-XXXXXX", command[256];
    if (setlocale(LC_ALL, "de_DE.UTF-8"))
        return true;
    if (!mkdtemp(folder))
        return false;
    snprintf(command, sizeof command,
             "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/out 2>&1", folder,
             folder);
    bool made = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 &&
                setlocale(LC_ALL, "de_DE.UTF-8");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 && made;
}

static inline void german_end(void)
{
    setlocale(LC_ALL, "C");
}

#define german_or_skip()                                           \
    do {                                                           \
        if (!german_begin()) {                                     \
            print_message("skipped: no locale de_DE.UTF-8 and no " \
                          "localedef that makes it\n");            \
            skip();                                                \
        }                                                          \
    } while (0)

#endif
