#ifndef FVTEST_H
#define FVTEST_H

/* What every test program includes: cmocka and comparisons of numbers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* |a - b| <= tolerance; NaN never is. */
#define assert_near(a, b, tolerance)                                     \
    do {                                                                 \
        double a_ = (double)(a), b_ = (double)(b);                       \
        if (!(fabs(a_ - b_) <= (tolerance)))                             \
            fail_msg("%s = %.9g, expected %.9g within %.3g", #a, a_, b_, \
                     (double)(tolerance));                               \
    } while (0)

#endif
