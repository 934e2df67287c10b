/* What verbs say: notes, progress and JSON. */
#include "tell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void tell_note(const cli *c, const char *what, const char *fmt, ...)
{
    if (c->quiet)
        return;
    if (c->progress)
        fprintf(stderr, "\r\033[K");
    fprintf(stderr, "fovea: %s: ", what);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

void tell_progress(const cli *c, double done, double total, const char *what)
{
    enum { BAR = 24 };
    if (!c->progress)
        return;
    if (done >= total) {
        fprintf(stderr, "\r\033[K");
        return;
    }
    char bar[BAR + 1];
    int full = (int)(BAR * done / total);
    for (int i = 0; i < BAR; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(stderr, "\r\033[K[%s] %.0f/%.0f %.40s", bar, done, total, what);
    fflush(stderr);
}

/* A full disk under standard output is told at the end, for every verb. */
int tell_json(cli *c, json_t *value)
{
    size_t how = JSON_INDENT(2) | JSON_REAL_PRECISION(12);
    bool told =
        value && (json_dumpf(value, stdout, how) == 0 || ferror(stdout) != 0);
    json_decref(value);
    if (!told) {
        (void)fvi_fail(c->ctx, FV_ENOMEM, "out of memory for the answer");
        return cli_fail(c);
    }
    putchar('\n');
    return EXIT_DONE;
}

void tell_cell(const char *word)
{
    static const char special[] = "\t\n\r\\", letter[] = "tnr\\";
    for (; *word; word++) {
        const char *at = strchr(special, *word);
        if (at)
            putchar('\\');
        putchar(at ? letter[at - special] : *word);
    }
}

void tell_field(fvi_text *text, const char *word)
{
    if (!strpbrk(word, ",\"\r\n")) {
        fvi_text_add(text, "%s", word);
        return;
    }
    fvi_text_add(text, "\"");
    for (; *word; word++)
        fvi_text_add(text, *word == '"' ? "\"\"" : "%c", *word);
    fvi_text_add(text, "\"");
}

/* Bytes of the character at `s`, 0 when it is none of UTF-8. Source: Unicode
 * 15.0, table 3-7. */
static size_t character(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    int low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    int high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high)
        return 0;
    size_t n = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

json_t *json_text(const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    char *clean = malloc(3 * strlen(text) + 1);
    size_t size = 0;
    if (!clean)
        return NULL;
    while (*text) {
        size_t n = character((const unsigned char *)text);
        size_t add = n ? n : sizeof replacement - 1;
        memcpy(clean + size, n ? text : replacement, add);
        size += add;
        text += n ? n : 1;
    }
    json_t *string = json_stringn(clean, size);
    free(clean);
    return string;
}

json_t *json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void format_time(double seconds, char *buf, size_t size)
{
    long s = seconds > 0 && seconds < 1e9 ? (long)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(buf, size, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(buf, size, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(buf, size, "%ld s", s);
}

void format_count(int64_t n, char *buf, size_t size)
{
    char digits[32], *to = buf;
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n);
    for (int i = 0; i < length && (size_t)(to - buf) + 2 < size; i++) {
        int left = length - i;
        if (i > 0 && left % 3 == 0 && digits[i - 1] != '-')
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
}

void format_bytes(double bytes, char *buf, size_t size)
{
    static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB"};
    int i = 0;
    for (; bytes >= 1000 && i < 4; i++)
        bytes /= 1000;
    snprintf(buf, size, i ? "%.1f %s" : "%.0f %s", bytes, unit[i]);
}
