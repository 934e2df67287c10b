/* The fate of each object as rows of a table. */
#include "score.h"
#include "tell.h"

void score_objects_head(fvi_text *text)
{
    fvi_text_add(text, "image,side,label,area,fate,partner,iou\n");
}

static void add_side(fvi_text *text, const char *image, const char *side,
                     const fv_object_score *s, int64_t count)
{
    for (int64_t i = 0; i < count; i++, s++) {
        tell_field(text, image);
        fvi_text_add(text, ",%s,%u,%lld,%s,%u,%.6f\n", side, s->label,
                     (long long)s->area, fv_fate_name(s->fate), s->partner,
                     s->iou);
    }
}

void score_objects_rows(fvi_text *text, const char *image,
                        const fv_object_scores *s)
{
    add_side(text, image, "truth", s->truth, s->truths);
    add_side(text, image, "found", s->pred, s->preds);
}
