/* How many threads a call may use. */
#include "backend/native/native.h"

#include <omp.h>

int fvi_native_threads(int prepared)
{
    int now = omp_get_max_threads();
    return now < prepared ? now : prepared;
}
