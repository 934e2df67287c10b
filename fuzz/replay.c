/* Runs the inputs named as arguments, files or folders, once each. */
#include "fuzz_image.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int run_file(const char *path, long size)
{
    uint8_t *data = malloc((size_t)size + 1);
    FILE *f = fopen(path, "rb");
    int ok = data && f && fread(data, 1, (size_t)size, f) == (size_t)size;
    if (f)
        fclose(f);
    if (ok)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    else
        fprintf(stderr, "%s: cannot be read\n", path);
    free(data);
    return ok;
}

static long run(const char *path, int *failed)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: does not exist\n", path);
        *failed = 1;
        return 0;
    }
    if (!S_ISDIR(st.st_mode)) {
        *failed |= !run_file(path, (long)st.st_size);
        return 1;
    }
    long count = 0;
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        char name[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        count += run(name, failed);
    }
    if (dir)
        closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int failed = 0;
    long count = 0;
    for (int i = 1; i < argc; i++)
        count += run(argv[i], &failed);
    printf("%ld inputs\n", count);
    return failed;
}
