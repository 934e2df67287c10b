/* Fuzzes the PNG reader. Checksums are made right first, or no change of the
 * input would ever get past them. */
#include "fuzz_image.h"

#include <stdlib.h>
#include <string.h>

/* Source: PNG specification, annex D, bit by bit. */
static uint32_t checksum(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    }
    return ~c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    for (size_t at = 8; at + 12 <= size;) {
        size_t n = (size_t)copy[at] << 24 | (size_t)copy[at + 1] << 16 |
                   (size_t)copy[at + 2] << 8 | copy[at + 3];
        if (n > size - at - 12)
            break;
        uint32_t c = checksum(copy + at + 4, n + 4);
        for (size_t i = 0; i < 4; i++)
            copy[at + 8 + n + i] = (uint8_t)(c >> (24 - 8 * i));
        at += 12 + n;
    }
    fuzz_image(copy, size);
    free(copy);
    return 0;
}
