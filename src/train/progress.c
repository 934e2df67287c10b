/* progress.svg: the loss curves and the learning rate of a run. */
#include "train/run.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 720, LEFT = 76, RIGHT = 24, TICKS = 5 };

/* One panel: a rectangle of the page and the numbers along its axes. Losses
 * and rates span orders of magnitude, so y is a logarithm. */
typedef struct panel {
    double top, height;
    double x_most, y_lo, y_hi; /* epochs; log10 */
} panel;

static double x_at(const panel *p, double epoch)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * epoch / p->x_most;
}

static double y_at(const panel *p, double value)
{
    double share = (log10(fmax(value, 1e-30)) - p->y_lo) / (p->y_hi - p->y_lo);
    return p->top + p->height * (1 - fmin(fmax(share, 0), 1));
}

typedef double (*column_fn)(const fvi_row *row);

static double train_of(const fvi_row *row)
{
    return row->train_loss;
}

static double val_of(const fvi_row *row)
{
    return row->val_loss;
}

static double lr_of(const fvi_row *row)
{
    return row->lr;
}

static void widen(const fvi_run *r, column_fn column, double *lo, double *hi)
{
    for (int64_t i = 0; i < r->state.rows; i++) {
        double v = column(&r->row[i]);
        if (v > 0 && isfinite(v)) {
            *lo = fmin(*lo, v);
            *hi = fmax(*hi, v);
        }
    }
}

static panel panel_of(const fvi_run *r, double top, double height, column_fn a,
                      column_fn b)
{
    double lo = 1e30, hi = 0;
    widen(r, a, &lo, &hi);
    widen(r, b, &lo, &hi);
    if (hi <= 0)
        lo = hi = 1;
    return (panel){.top = top,
                   .height = height,
                   .x_most = r->state.rows > 1 ? (double)r->state.rows : 1,
                   .y_lo = log10(lo / 1.1),
                   .y_hi = log10(hi * 1.1)};
}

static void text(fvi_text *t, double x, double y, const char *how,
                 const char *words)
{
    fvi_text_add(t, "<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, how,
                 words);
}

/* 1, 2, 5, 10, 20, ...: the smallest that leaves at most ten ticks. */
static double tick_step(double most)
{
    static const double factor[] = {2, 2.5, 2};
    double step = 1;
    for (int i = 0; most / step > 10; i++)
        step *= factor[i % 3];
    return step;
}

static void draw_frame(fvi_text *t, const panel *p, const char *y_name)
{
    char words[48], turned[96];
    double right = WIDTH - RIGHT, bottom = p->top + p->height;
    fvi_text_add(t,
                 "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                 "class=\"frame\"/>\n",
                 LEFT, p->top, right - LEFT, p->height);
    for (int i = 0; i < TICKS; i++) {
        double value = pow(10, p->y_lo + (p->y_hi - p->y_lo) * i / (TICKS - 1));
        double y = y_at(p, value);
        snprintf(words, sizeof words, "%.3g", value);
        fvi_text_add(t,
                     "<line x1=\"%d\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                     "class=\"grid\"/>\n",
                     LEFT, y, right, y);
        text(t, LEFT - 8, y + 4, "text-anchor=\"end\"", words);
    }
    double step = tick_step(p->x_most);
    for (double e = 0; e <= p->x_most; e += step) {
        snprintf(words, sizeof words, "%.0f", e);
        text(t, x_at(p, e), bottom + 18, "text-anchor=\"middle\"", words);
    }
    snprintf(turned, sizeof turned,
             "text-anchor=\"middle\" transform=\"rotate(-90 18 %.1f)\"",
             p->top + p->height / 2);
    text(t, 18, p->top + p->height / 2, turned, y_name);
    text(t, (LEFT + right) / 2, bottom + 36, "text-anchor=\"middle\"", "epoch");
}

static void draw_curve(const fvi_run *r, fvi_text *t, const panel *p,
                       column_fn column, const char *how)
{
    fvi_text_add(t, "<polyline class=\"%s\" points=\"", how);
    for (int64_t i = 0; i < r->state.rows; i++)
        fvi_text_add(t, "%s%.1f,%.1f", i ? " " : "", x_at(p, r->row[i].epoch),
                     y_at(p, column(&r->row[i])));
    fvi_text_add(t, "\"/>\n");
    if (r->state.rows == 1)
        fvi_text_add(t,
                     "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" "
                     "r=\"3\"/>\n",
                     how, x_at(p, r->row[0].epoch),
                     y_at(p, column(&r->row[0])));
}

/* Where the weights of model.fovea come from. */
static void draw_best(const fvi_run *r, fvi_text *t, const panel *p)
{
    char words[96];
    double best = (double)r->state.best_epoch;
    double x = x_at(p, best);
    fvi_text_add(t,
                 "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                 "class=\"best\"/>\n",
                 x, p->top, x, p->top + p->height);
    snprintf(words, sizeof words, "best: epoch %lld, validation %.4g",
             (long long)r->state.best_epoch, r->state.best_val);
    text(t, WIDTH - RIGHT, p->top - 10, "text-anchor=\"end\"", words);
}

static void draw_legend(fvi_text *t, double y)
{
    fvi_text_add(t,
                 "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" "
                 "class=\"train\"/>\n<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" "
                 "y2=\"%.1f\" class=\"val\"/>\n",
                 LEFT, y - 4, LEFT + 24, y - 4, LEFT + 100, y - 4, LEFT + 124,
                 y - 4);
    text(t, LEFT + 30, y, "", "training");
    text(t, LEFT + 130, y, "", "validation");
}

static const char style[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 560\" "
    "width=\"720\" height=\"560\" font-family=\"sans-serif\" "
    "font-size=\"13\">\n<style>\n"
    "text{fill:#222} .frame{fill:none;stroke:#222}\n"
    ".grid{stroke:#ddd} .best{stroke:#888;stroke-dasharray:4 4}\n"
    ".train{fill:none;stroke:#0072b2;stroke-width:2}\n"
    ".val{fill:none;stroke:#d55e00;stroke-width:2;stroke-dasharray:8 3}\n"
    ".lr{fill:none;stroke:#009e73;stroke-width:2}\n"
    "</style>\n<rect width=\"720\" height=\"560\" fill=\"#fff\"/>\n";

fv_status fvi_progress_write(const fvi_run *r)
{
    fvi_text t = {.ctx = r->ctx};
    panel loss = panel_of(r, 44, 290, train_of, val_of);
    panel rate = panel_of(r, 400, 110, lr_of, lr_of);
    fvi_plain_numbers plain = fvi_plain_begin();
    fvi_text_add(&t, "%s", style);
    draw_frame(&t, &loss, "loss");
    draw_frame(&t, &rate, "learning rate");
    draw_curve(r, &t, &loss, train_of, "train");
    draw_curve(r, &t, &loss, val_of, "val");
    draw_curve(r, &t, &rate, lr_of, "lr");
    draw_best(r, &t, &loss);
    draw_legend(&t, loss.top - 10);
    fvi_text_add(&t, "</svg>\n");
    fvi_plain_end(plain);
    fv_status status = fvi_text_check(&t);
    char *path = status == FV_OK
                     ? fvi_path_join(r->ctx, r->folder, "progress.svg")
                     : NULL;
    if (status == FV_OK)
        status =
            path ? fvi_file_write(r->ctx, path, t.data, t.size) : FV_ENOMEM;
    fvi_free(r->ctx, path);
    fvi_text_free(&t);
    return status;
}
