/* SHA-256 of bytes, for the data sets a model card names. FIPS 180-4. */
#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void block(uint32_t h[8], const unsigned char *p)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
               (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                      ((e & s[5]) ^ (~e & s[6])) + K[i] + w[i];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                      ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        h[i] += s[i];
}

void fvi_sha_begin(fvi_sha *s)
{
    *s = (fvi_sha){.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void fvi_sha_add(fvi_sha *s, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    size_t held = s->size % 64, n;
    s->size += size;
    for (; held + size >= 64; p += n, size -= n, held = 0) {
        n = 64 - held;
        if (held)
            memcpy(s->part + held, p, n);
        block(s->h, held ? s->part : p);
    }
    if (size)
        memcpy(s->part + held, p, size);
}

void fvi_sha_end(fvi_sha *s, char hex[65])
{
    const uint64_t bits = s->size * 8;
    const unsigned char zeros[64] = {0};
    unsigned char length[8];
    for (size_t i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    fvi_sha_add(s, "\x80", 1);
    fvi_sha_add(s, zeros, (120 - s->size % 64) % 64);
    fvi_sha_add(s, length, sizeof length);
    for (size_t i = 0; i < 8; i++)
        snprintf(hex + 8 * i, 9, "%08x", (unsigned)s->h[i]);
}

void fvi_sha256(const void *bytes, size_t size, char hex[65])
{
    fvi_sha s;
    fvi_sha_begin(&s);
    fvi_sha_add(&s, bytes, size);
    fvi_sha_end(&s, hex);
}

fv_status fvi_file_sha256(fv_ctx *ctx, const char *path, char hex[65])
{
    fvi_sha s;
    unsigned char part[1 << 14];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        return fvi_fail(ctx, FV_EIO, "%s: cannot open: %s", path,
                        strerror(errno));
    fvi_sha_begin(&s);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        fvi_sha_add(&s, part, n);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed)
        return fvi_fail(ctx, FV_EIO, "%s: cannot be read", path);
    fvi_sha_end(&s, hex);
    return FV_OK;
}
