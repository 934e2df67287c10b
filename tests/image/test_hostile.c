/* Files that lie, files cut short, files flipped, and memory that runs out:
 * an error or an image, never more. */
#include "image/tinytiff.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) /* as clang says it */
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

/* Of the processor for one file; a sanitizer takes its share. */
#ifdef __SANITIZE_ADDRESS__
enum { SECONDS = 30 };
#else
enum { SECONDS = 5 };
#endif
static const long most_kilobytes = 1 << 20;

/* Everything a user could do with the file; leaks count as failures. */
static int use_file(const char *path)
{
    fv_ctx *own = NULL;
    fv_image *im = NULL;
    fv_tensor plane;
    size_t live, peak;
    if (fv_ctx_new(NULL, &own) != FV_OK)
        return 3;
    if (fv_image_read_header(own, path, &im) == FV_OK)
        fv_image_free(own, im);
    if (fv_labels_read(own, path, NULL, &im) == FV_OK)
        fv_image_free(own, im);
    int bad = 0;
    if (fv_image_read(own, path, NULL, &im) == FV_OK) {
        if (fv_image_plane(own, im, -1, -1, &plane, NULL) == FV_OK) {
            bad = fv_normalize(own, plane, 1, 99.8, 0) != FV_OK;
            fv_plane_free(own, &plane);
        }
        fv_image_free(own, im);
    } else
        bad = fv_message(own)[0] == 0;
    fv_memory(own, &live, &peak);
    fv_ctx_free(own);
    return bad ? 4 : live ? 5 : 0;
}

/* In a process of its own, with a clock and a scale. */
static int survives(const char *path)
{
    struct rusage usage;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit cpu = {SECONDS, SECONDS + 1};
        setrlimit(RLIMIT_CPU, &cpu);
        alarm(20 * SECONDS); /* waiting is not computing, but ends too */
        _exit(use_file(path));
    }
    if (child < 0 || waitpid(child, &status, 0) != child ||
        getrusage(RUSAGE_CHILDREN, &usage) != 0)
        return 0;
    long most = most_kilobytes;
#ifdef __SANITIZE_ADDRESS__
    most *= 2;
#endif
    if (status == 0 && usage.ru_maxrss <= most)
        return 1;
    if (WIFSIGNALED(status))
        print_error("%s: signal %d\n", path, WTERMSIG(status));
    else
        print_error("%s: code %d, %ld kB\n", path, WEXITSTATUS(status),
                    usage.ru_maxrss);
    return 0;
}

static void visit(const char *folder, int *count, int *wrong)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        char path[2048];
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            visit(path, count, wrong);
            continue;
        }
        (*count)++;
        *wrong += !survives(path);
    }
    if (dir)
        closedir(dir);
}

static void malformed_samples_are_survived(void **state)
{
    char path[1300];
    const char *root = samples();
    int count = 0, wrong = 0;
    (void)state;
    if (!root)
        skip();
    snprintf(path, sizeof path, "%s/malformed", root);
    visit(path, &count, &wrong);
    print_message("%d files, %d not survived\n", count, wrong);
    assert_true(count > 1000);
    assert_int_equal(wrong, 0);
}

/* Inputs kept because they once broke something. */
static void the_corpus_is_survived(void **state)
{
    char path[1300];
    int count = 0, wrong = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/../fuzz/corpus", getenv("FV_TEST_DIR"));
    visit(path, &count, &wrong);
    assert_int_equal(wrong, 0);
}

static const char *const names[] = {"h.tif", "h.png", "h.npy"};

static unsigned char *sample_file(const char *name, size_t *size)
{
    static const int64_t dim[] = {2, 12, 13};
    int plane = strstr(name, ".png") != NULL;
    fv_image *im = new_image(FV_U16, plane ? "YX" : "ZYX", dim + plane);
    unsigned char *bytes = NULL;
    const char *path = scratch_path(name);
    assert_int_equal(fv_image_write(ctx, path, im), FV_OK);
    assert_int_equal(fvi_file_read(ctx, path, 1 << 20, &bytes, size), FV_OK);
    fv_image_free(ctx, im);
    return bytes;
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t size = 0;
        unsigned char *bytes = sample_file(names[i], &size);
        const char *path = scratch_path(names[i]);
        for (size_t cut = 0; cut < size; cut++) {
            fv_image *im = NULL;
            write_bytes(path, bytes, cut);
            if (fv_image_read(ctx, path, NULL, &im) == FV_OK)
                fail_msg("%s cut to %zu of %zu bytes was read", names[i], cut,
                         size);
        }
        unlink(path);
        fvi_free(ctx, bytes);
    }
}

static void flipped_bytes_are_survived(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t size = 0;
        unsigned char *bytes = sample_file(names[i], &size);
        const char *path = scratch_path(names[i]);
        for (size_t at = 0; at < size; at += at < 64 ? 1 : 3) {
            unsigned char keep = bytes[at];
            bytes[at] = (unsigned char)(at % 3 ? keep ^ 0x81 : 0xff);
            write_bytes(path, bytes, size);
            bytes[at] = keep;
            assert_int_equal(use_file(path), 0);
        }
        unlink(path);
        fvi_free(ctx, bytes);
    }
}

static void assert_refused(const char *name, const void *bytes, size_t size)
{
    fv_image *im = NULL;
    size_t live = 0, before = 0, peak = 0;
    const char *path = scratch_path(name);
    write_bytes(path, bytes, size);
    fv_memory(ctx, &before, &peak);
    assert_int_equal(fv_image_read(ctx, path, NULL, &im), FV_EFORMAT);
    fv_memory(ctx, &live, &peak);
    assert_int_equal(live, before);
    assert_true(peak < (size_t)64 << 20);
    unlink(path);
}

static void claims_beyond_the_file_are_refused(void **state)
{
    static tiny t;
    static const char npy[] =
        "\x93NUMPY\1\0\x46\0{'descr': '<f8', 'fortran_order': False, "
        "'shape': (30000, 30000), }   \n1234";
    static const unsigned char png[] = {
        0x89, 'P', 'N', 'G',  13,   10,   26,   10, 0, 0,    0,    13, 'I',
        'H',  'D', 'R', 0,    0,    0xea, 0x60, 0,  0, 0xea, 0x60, 8,  2,
        0,    0,   0,   0x3c, 0xb4, 0x88, 0x19, 0,  0, 0,    0};
    (void)state;
    tiny_begin(&t, 0);
    tiny_add_page(
        &t, &(tiny_page){
                .width = 60000, .height = 60000, .bits = 16, .photometric = 1});
    assert_refused("bomb.tif", t.bytes, t.size);
    assert_refused("bomb.npy", npy, sizeof npy - 1);
    assert_refused("bomb.png", png, sizeof png);
}

/* An allocator that gives up at the n-th request. */
typedef struct stingy {
    long left;
} stingy;

static void *stingy_alloc(void *user, size_t size)
{
    stingy *s = user;
    void *block = NULL;
    if (s->left-- <= 0)
        return NULL;
    return posix_memalign(&block, 64, size + 64) == 0 ? block : NULL;
}

static void stingy_release(void *user, void *block)
{
    (void)user;
    free(block);
}

static fv_status write_and_read(fv_ctx *own, const char *path)
{
    static const int64_t dim[] = {12, 13};
    fv_image *im = NULL, *back = NULL;
    fv_status status = fv_image_new(own, FV_U16, "YX", dim, &im);
    if (status == FV_OK)
        status = fv_image_write(own, path, im);
    if (status == FV_OK)
        status = fv_image_read(own, path, NULL, &back);
    fv_image_free(own, back);
    back = NULL;
    if (status == FV_OK)
        status = fv_labels_read(own, path, NULL, &back);
    fv_tensor plane, small = {.data = NULL};
    if (status == FV_OK)
        status = fv_image_plane(own, back, 0, 0, &plane, NULL);
    if (status == FV_OK) {
        status = fv_normalize(own, plane, 1, 99, 0);
        if (status == FV_OK)
            status = fv_resize(own, plane, 5, 20, &small);
        fv_plane_free(own, &small);
        fv_plane_free(own, &plane);
    }
    fv_image_free(own, back);
    fv_image_free(own, im);
    return status;
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *path = scratch_path(names[i]);
        fv_status status = FV_ENOMEM;
        for (long n = 1; status != FV_OK; n++) {
            stingy s = {.left = n};
            fv_allocator a = {stingy_alloc, stingy_release, &s};
            fv_ctx *own = NULL;
            size_t live, peak;
            assert_true(n < 1000);
            if (fv_ctx_new(&a, &own) != FV_OK)
                continue;
            status = write_and_read(own, path);
            if (status != FV_OK && status != FV_ENOMEM)
                fail_msg("%s, allocation %ld: %s: %s", names[i], n,
                         fv_status_name(status), fv_message(own));
            fv_memory(own, &live, &peak);
            assert_int_equal(live, 0);
            fv_ctx_free(own);
            unlink(path);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_samples_are_survived),
        cmocka_unit_test(the_corpus_is_survived),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(flipped_bytes_are_survived),
        cmocka_unit_test(claims_beyond_the_file_are_refused),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
