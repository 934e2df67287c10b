/* Fuzzes the TIFF reader: strips, tiles, pages, OME-XML, ImageJ. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_image(data, size);
    return 0;
}
