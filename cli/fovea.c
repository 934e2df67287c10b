/* The program fovea. */
#include "cmd.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* OpenMP's threads wait for each other awake, and by default for longer than
 * a time slice: on a busy machine they keep one another from working. The
 * runtime reads its settings before main, so the program begins anew. */
static void wait_briefly(char **argv)
{
    char self[PATH_MAX];
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0 || setenv("GOMP_SPINCOUNT", "2000", 1) != 0)
        return;
    self[length] = '\0';
    execv(self, argv);
}

int main(int argc, char **argv)
{
    if (argc > 2) /* not for the version or a list */
        wait_briefly(argv);
    return cli_main(argc, argv, NULL);
}
