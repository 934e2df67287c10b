/* Child processes in trouble. */
#define _GNU_SOURCE /* unshare */
#include "sandbox.h"

#include "cmd.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 300, MOST_WORDS = 64 }; /* busy machines are slow */

/* ---- an allocator that refuses ---- */

typedef struct meter {
    trouble t;
    int64_t asked, refused, live;
} meter;

static void *metered_alloc(void *user, size_t size)
{
    meter *m = user;
    m->asked++;
    bool now = m->asked == m->t.refuse;
    bool after = m->t.forever && m->t.refuse && m->asked > m->t.refuse;
    void *block =
        now || after ? NULL : aligned_alloc(64, (size + 63) / 64 * 64);
    m->refused += !block;
    m->live += block != NULL;
    return block;
}

static void metered_release(void *user, void *block)
{
    meter *m = user;
    m->live -= block != NULL;
    free(block);
}

/* ---- the child ---- */

static void redirect(int to, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0) {
        dup2(fd, to);
        close(fd);
    }
}

static void limit_disk(trouble t)
{
    if (!t.disk_full)
        return;
    struct rlimit l = {(rlim_t)t.disk_bytes, (rlim_t)t.disk_bytes};
    signal(SIGXFSZ, SIG_IGN); /* write fails with EFBIG instead */
    setrlimit(RLIMIT_FSIZE, &l);
}

/* Nobody else sees this disk, and it goes with the process. */
static bool mount_small_disk(trouble t)
{
    char size[40];
    snprintf(size, sizeof size, "size=%lld", (long long)t.disk_bytes);
    mkdir("out", 0700);
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", "out", "tmpfs", 0, size) == 0;
}

static int unfinished;

static int count_unfinished(const char *path, const struct stat *s, int kind,
                            struct FTW *where)
{
    size_t n = strlen(path);
    (void)s, (void)where;
    unfinished += kind == FTW_F && n > 5 && strcmp(path + n - 5, ".part") == 0;
    return 0;
}

static void send(int report, outcome o)
{
    _exit(write(report, &o, sizeof o) == (ssize_t)sizeof o ? 0 : 1);
}

static void child(const char *line, trouble t, int report)
{
    char words[1024], *argv[MOST_WORDS + 1] = {NULL}, *rest = NULL;
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *w = strtok_r(words, " ", &rest); w && argc < MOST_WORDS;
         w = strtok_r(NULL, " ", &rest))
        argv[argc++] = w;
    redirect(STDOUT_FILENO, t.output ? t.output : "/dev/null");
    redirect(STDERR_FILENO, "stderr.txt");
    alarm(SECONDS);
    limit_disk(t);
    if (t.small_disk && !mount_small_disk(t))
        send(report, (outcome){.ended = true, .skipped = true});
    meter m = {.t = t};
    fv_allocator a = {metered_alloc, metered_release, &m};
    outcome o = {.ended = true, .code = cli_main(argc, argv, &a)};
    fflush(NULL);
    nftw(".", count_unfinished, 16, FTW_PHYS);
    o.unfinished = unfinished;
    o.asked = m.asked;
    o.refused = m.refused;
    o.live = m.live;
    send(report, o);
}

static void read_words(outcome *o)
{
    long size;
    char *text = read_bytes("stderr.txt", &size);
    snprintf(o->words, sizeof o->words, "%s", text ? text : "");
    free(text);
}

outcome sandbox_run(const char *line, trouble t)
{
    outcome o = {.ended = false};
    int end[2], status = 0;
    if (pipe(end) != 0)
        return o;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(end[0]);
        child(line, t, end[1]);
    }
    close(end[1]);
    if (pid < 0 || read(end[0], &o, sizeof o) != (ssize_t)sizeof o)
        o = (outcome){.ended = false};
    close(end[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (!o.ended)
        o.code = WIFSIGNALED(status) ? WTERMSIG(status) : -1;
    read_words(&o);
    return o;
}

bool sandbox_call(int (*work)(void))
{
    int status = 1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(work());
    if (pid > 0)
        waitpid(pid, &status, 0);
    return pid > 0 && status == 0;
}

/* ---- folders ---- */

static char home[512], place[512];

bool sandbox_enter(void)
{
    const char *base = getenv("TMPDIR");
    if (!base && access("/dev/shm", W_OK) == 0)
        base = "/dev/shm"; /* hundreds of fsyncs cost nothing there */
    snprintf(place, sizeof place, "%s/fovea-torture-XXXXXX",
             base ? base : "/tmp");
    return getcwd(home, sizeof home) && mkdtemp(place) && chdir(place) == 0;
}

void sandbox_leave(void)
{
    if (chdir(home) == 0)
        remove_tree(place);
}

static int remove_one(const char *path, const struct stat *s, int kind,
                      struct FTW *where)
{
    (void)s, (void)kind, (void)where;
    return remove(path);
}

void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- files ---- */

char *read_bytes(const char *path, long *size)
{
    FILE *f = fopen(path, "rb");
    char *bytes = NULL;
    *size = 0;
    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (*size = ftell(f)) >= 0) {
        rewind(f);
        bytes = calloc((size_t)*size + 1, 1);
    }
    if (bytes && fread(bytes, 1, (size_t)*size, f) != (size_t)*size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(f);
    return bytes;
}

bool write_bytes(const char *path, const void *bytes, long size)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return false;
    bool done = fwrite(bytes, 1, (size_t)size, f) == (size_t)size;
    return fclose(f) == 0 && done;
}

static const char *golden_folder;
static size_t prefix;
static char different[512];

static int compare_one(const char *path, const struct stat *s, int kind,
                       struct FTW *where)
{
    char twin[1024];
    long size, golden_size;
    (void)s, (void)where;
    if (kind != FTW_F)
        return 0;
    snprintf(twin, sizeof twin, "%s%s", golden_folder, path + prefix);
    char *a = read_bytes(path, &size), *b = read_bytes(twin, &golden_size);
    bool same =
        a && b && size == golden_size && memcmp(a, b, (size_t)size) == 0;
    free(a);
    free(b);
    if (!same)
        snprintf(different, sizeof different, "%s", path);
    return !same;
}

const char *first_difference(const char *path, const char *golden)
{
    golden_folder = golden;
    prefix = strlen(path);
    different[0] = '\0';
    nftw(path, compare_one, 16, FTW_PHYS);
    return different[0] ? different : NULL;
}
