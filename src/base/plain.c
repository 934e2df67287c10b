/* Numbers as files have them: with a decimal point in every locale. */
#include "base/base.h"

fvi_plain_numbers fvi_plain_begin(void)
{
    fvi_plain_numbers p = {.own = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0)};
    if (p.own)
        p.before = uselocale(p.own);
    return p;
}

void fvi_plain_end(fvi_plain_numbers p)
{
    if (!p.own)
        return;
    uselocale(p.before);
    freelocale(p.own);
}
