// Depthwise convolutions of maps that lie in memory as (N, H, W, C).
//
// Any stride, dilation and padding costs about the same: vectors run along the channels.

#include "depthwise.h"

#define MAX_ROWS 7

typedef struct {
    const geometry *geometry;
    const char *in;
    char *out;
    const float *weight, *bias;
    const char *mask;  // of the output's kind: what is not above 0 there is 0 in the output; or null
} task;

// Makes the outputs of some rows of one image.
typedef void (*maker)(const task *t, int64_t image, int64_t row, int64_t end);

// Write LANES channels; `at` is the place of the first in the output.
INLINE void put(const task *t, const int64_t at, vec v, const int kind) {
    if (t->mask) v = (vec)((ivec)v & (load(t->mask + size_of(kind) * at, kind) > 0.0f));
    store(t->out + size_of(kind) * at, v, kind);
}

// LANES channels of a row of outputs by 3 x 3 taps. Without a stride, outputs one dilation apart
// have two of three columns in common, which stay in registers.
INLINE void three(const task *t, const line *from, const int64_t to, const float *weight,
                  const vec bias, const int kind, const int relu, const int shared) {
    const geometry *g = t->geometry;
    const int64_t d = g->dilation_x, step = shared ? d : 1;
    const line one = from[0], two = from[1], six = from[2];
    vec w[9];
#pragma GCC unroll 9
    for (int i = 0; i < 9; i++) w[i] = floats(weight + LANES * i);
#define SUM(c0, c1, c2)                                                                           \
    (bias + a0 * w[0] + b0 * w[1] + (c0) * w[2]) + (a1 * w[3] + b1 * w[4] + (c1) * w[5]) +        \
        (a2 * w[6] + b2 * w[7] + (c2) * w[8])
#define COLUMN(name, at)                                                                          \
    name##0 = pixel_of(g, one, at, kind, relu);                                                   \
    name##1 = pixel_of(g, two, at, kind, relu);                                                   \
    name##2 = pixel_of(g, six, at, kind, relu);
    const int64_t stride = g->stride_x, on = (shared ? step : stride), last = g->width - 2 * d;
    for (int64_t start = 0; start < step && start < g->out_width; start++) {
        int64_t x = start;
        vec a0, a1, a2, b0, b1, b2, c0, c1, c2;
        if (shared) {
            COLUMN(a, x - g->pad_x)
            COLUMN(b, x - g->pad_x + d)
        }
        while (x < g->out_width) {
            const int64_t at = x * stride - g->pad_x;
            if (at < 0 || at >= last) {
                if (!shared) {
                    COLUMN(a, at)
                    COLUMN(b, at + d)
                }
                COLUMN(c, at + 2 * d)
                put(t, to + x * g->channels, SUM(c0, c1, c2), kind);
                a0 = b0, a1 = b1, a2 = b2, b0 = c0, b1 = c1, b2 = c2;
                x += step;
                continue;
            }
            int64_t inside = (last - at + on - 1) / on, left = (g->out_width - x + step - 1) / step;
            const int64_t count = inside < left ? inside : left;
            const char *p0 = one.start + at * one.pixel, *p1 = two.start + at * two.pixel,
                       *p2 = six.start + at * six.pixel;
            const int64_t s0 = on * one.pixel, s1 = on * two.pixel, s2 = on * six.pixel;
            const int64_t d0 = d * one.pixel, d1 = d * two.pixel, d2 = d * six.pixel;
#pragma GCC unroll 3
            for (int64_t i = 0; i < count; i++) {
                if (!shared) {
                    a0 = read(p0, kind, relu), b0 = read(p0 + d0, kind, relu);
                    a1 = read(p1, kind, relu), b1 = read(p1 + d1, kind, relu);
                    a2 = read(p2, kind, relu), b2 = read(p2 + d2, kind, relu);
                }
                c0 = read(p0 + 2 * d0, kind, relu);
                c1 = read(p1 + 2 * d1, kind, relu);
                c2 = read(p2 + 2 * d2, kind, relu);
                put(t, to + (x + i * step) * g->channels, SUM(c0, c1, c2), kind);
                a0 = b0, a1 = b1, a2 = b2, b0 = c0, b1 = c1, b2 = c2;
                p0 += s0, p1 += s1, p2 += s2;
            }
            x += count * step;
        }
    }
#undef COLUMN
#undef SUM
}

// The same by any taps.
INLINE void any(const task *t, const line *from, const int64_t to, const float *weight,
                const vec bias, const int kind, const int relu) {
    const geometry *g = t->geometry;
    for (int64_t x = 0; x < g->out_width; x++) {
        vec sum = bias;
        for (int64_t r = 0; r < g->rows; r++)
            for (int64_t k = 0; k < g->columns; k++) {
                const int64_t at = x * g->stride_x - g->pad_x + k * g->dilation_x;
                const float *tap = weight + LANES * (r * g->columns + k);
                sum += pixel_of(g, from[r], at, kind, relu) * floats(tap);
            }
        put(t, to + x * g->channels, sum, kind);
    }
}

INLINE void some_rows(const task *t, const int64_t image, int64_t row, const int64_t end,
                      const int kind, const int relu, const int shared) {
    const geometry *g = t->geometry;
    const int64_t taps = g->rows * g->columns, line_size = g->width * g->channels;
    const char *in = t->in + size_of(kind) * image * g->height * line_size;
    for (; row < end; row++) {
        const int64_t out = (image * g->out_height + row) * g->out_width * g->channels;
        const int64_t top = row * g->stride_y - g->pad_y;
        const int64_t next = top + (g->rows - 1) * g->dilation_y + g->stride_y;
        if (next >= 0 && next < g->height)
            fetch(in + size_of(kind) * next * line_size, size_of(kind) * line_size);
        if (t->mask)
            fetch(t->mask + size_of(kind) * out, size_of(kind) * g->out_width * g->channels);
        for (int64_t b = 0; b < blocks_of(g->channels); b++) {
            const int64_t c = first_of(b, g->channels);
            const vec bias = floats(t->bias + LANES * b);
            const float *weight = t->weight + LANES * taps * b;
            line from[MAX_ROWS];
            for (int64_t r = 0; r < g->rows; r++)
                from[r] = line_of(g, in, top + r * g->dilation_y, c, kind);
            if (g->rows == 3 && g->columns == 3)
                three(t, from, out + c, weight, bias, kind, relu, shared);
            else
                any(t, from, out + c, weight, bias, kind, relu);
        }
    }
}

// The kinds are constants in these, which a loop over threads would make variables of.
#define PART(name, kind, relu, shared)                                                            \
    static void name(const task *t, int64_t image, int64_t row, int64_t end) {                    \
        some_rows(t, image, row, end, kind, relu, shared);                                        \
    }
#define KINDS(name, kind)                                                                         \
    PART(name##_any, kind, 0, 0)                                                                  \
    PART(name##_any_relu, kind, 1, 0)                                                             \
    PART(name##_3x3, kind, 0, 1)                                                                  \
    PART(name##_3x3_relu, kind, 1, 1)
KINDS(floats, FLOAT32)
KINDS(halves, BFLOAT16)

// [kind][stride is 1][relu]
#define NAMES(name) {{name##_any, name##_any_relu}, {name##_3x3, name##_3x3_relu}}
static const maker makers[2][2][2] = {NAMES(floats), NAMES(halves)};

// weight: (blocks, rows * columns, LANES) float32; bias: (blocks, LANES); mask: as the output, or
// null. Returns 0, or 1 where there is no such function.
int depthwise(const geometry *g, const char *in, char *out, const float *weight,
              const float *bias, const char *mask) {
    if (g->kind > BFLOAT16 || g->channels < LANES || g->rows > MAX_ROWS) return 1;
    const maker make = makers[g->kind][g->stride_x == 1][g->relu];
    const task t = {g, in, out, weight, bias, mask};
    const int64_t bands = (2 * g->threads + g->batch - 1) / g->batch;  // of one image
    const int64_t high = (g->out_height + bands - 1) / bands;
#pragma omp parallel for num_threads(g->threads) schedule(static)
    for (int64_t i = 0; i < g->batch * bands; i++) {
        const int64_t row = i % bands * high;
        make(&t, i / bands, row, least(row + high, g->out_height));
    }
    return 0;
}
