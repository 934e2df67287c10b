/* The program fovea. */
#include "cmd.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv, NULL);
}
