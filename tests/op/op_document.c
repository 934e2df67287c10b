/* docs/math.md says of every operation what the operation table says. */
#include "fvtest.h"
#include "op/op.h"

static char text[1 << 16];

static int setup(void **state)
{
    char path[1024];
    const char *folder = getenv("FV_TEST_DIR");
    (void)state;
    snprintf(path, sizeof path, "%s/../docs/math.md",
             folder ? folder : "tests");
    FILE *f = fopen(path, "r");
    if (!f)
        return 1;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    return n == 0 || n == sizeof text - 1;
}

static void every_operation_is_explained(void **state)
{
    (void)state;
    for (int id = 0; id < FVI_OP_COUNT; id++) {
        char heading[64], line[256];
        const fvi_op *op = fvi_ops[id];
        if (id == FVI_OP_input || id == FVI_OP_param)
            continue;
        snprintf(heading, sizeof heading, "\n### %s\n", op->name);
        snprintf(line, sizeof line, "\n    %s\n", op->equation);
        const char *at = strstr(text, heading);
        if (!at)
            fail_msg("docs/math.md has no heading '%s'", op->name);
        const char *next = strstr(at + 1, "\n### ");
        const char *found = strstr(at, line);
        if (!found || (next && found > next))
            fail_msg("docs/math.md: %s lacks '%s'", op->name, op->equation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_explained),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
