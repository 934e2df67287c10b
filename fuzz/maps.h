#ifndef FV_FUZZ_MAPS_H
#define FV_FUZZ_MAPS_H

/* Maps that no trained network answers with, for decoders to survive. */

#include "base/base.h"
#include "fovea/tensor.h"

/* The most channels a decoder takes. */
enum { FUZZ_CHANNELS = 33 };

/* Kinds of maps, from 0; NULL after the last. */
const char *maps_kind(int kind);

/* Fills maps f32 (H,W,33), dense, with one kind; `r` draws what varies. */
void maps_fill(int kind, fvi_rng *r, fv_tensor maps);

/* Map number `number` of an endless list: any kinds mixed, any small size. The
 * caller frees the data with free(). Its data is NULL when memory is out. */
fv_tensor maps_number(uint64_t number);

#endif
