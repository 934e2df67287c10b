#ifndef FV_FUZZ_IMAGE_H
#define FV_FUZZ_IMAGE_H

/* One input through everything a user can do with a file. */

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer, and replay.c, call. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The path of a file that holds `data`, until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* Reads `data` as a file: header, labels, image, plane. Aborts when a failure
 * comes without a sentence or a block is not given back. */
void fuzz_image(const uint8_t *data, size_t size);

#endif
