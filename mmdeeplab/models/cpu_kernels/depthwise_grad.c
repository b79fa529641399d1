// Gradients of depthwise convolutions, (N, H, W, C) in memory; the geometry is the convolution's.

#include "depthwise.h"

#define TAPS 9

// Add to the sums, over a row of outputs, of their gradients times what the taps read, for LANES
// channels.
INLINE void add_block(const geometry *g, const char *in, const char *grad, float *sums,
                      const int64_t row, const int kind, const int relu) {
    const int64_t pixel = size_of(kind) * g->channels, d = g->dilation_x;
    vec part[TAPS] = {{0}};  // small numbers meet small ones
    line from[3];
    int first = 3, end = 0;  // rows of taps that meet the map
    for (int r = 0; r < 3; r++) {
        from[r] = line_of(g, in, row * g->stride_y - g->pad_y + r * g->dilation_y, 0, kind);
        if (from[r].pixel && r < first) first = r;
        if (from[r].pixel) end = r + 1;
    }
    for (int64_t x = 0; x < g->out_width; x++, grad += pixel) {
        const vec v = load(grad, kind);
        const int64_t at = x * g->stride_x - g->pad_x;
        if (end - first == 3 && at >= 0 && at + 2 * d < g->width) {
#pragma GCC unroll 3
            for (int r = 0; r < 3; r++) {
                const char *start = from[r].start + at * pixel;
                part[3 * r] += v * read(start, kind, relu);
                part[3 * r + 1] += v * read(start + d * pixel, kind, relu);
                part[3 * r + 2] += v * read(start + 2 * d * pixel, kind, relu);
            }
            continue;
        }
        for (int k = 0; k < 3; k++)
            if (at + k * d >= 0 && at + k * d < g->width)
                for (int r = first; r < end; r++)
                    part[3 * r + k] += v * pixel_of(g, from[r], at + k * d, kind, relu);
    }
    for (int i = 0; i < TAPS; i++) {
        const vec total = floats(sums + LANES * i) + part[i];
        memcpy(sums + LANES * i, &total, sizeof total);
    }
}

INLINE void add_row(const geometry *g, const char *in, const char *grad, float *sums,
                    const int64_t row, const int kind, const int relu) {
    const int64_t next = (row + 1) * g->stride_y - g->pad_y + 2 * g->dilation_y;
    const int64_t size = size_of(kind) * g->width * g->channels;
    if (next >= 0 && next < g->height) fetch(in + next * size, size);
    for (int64_t b = 0; b < blocks_of(g->channels); b++) {
        const int64_t c = size_of(kind) * first_of(b, g->channels);
        add_block(g, in + c, grad + c, sums + LANES * TAPS * b, row, kind, relu);
    }
}

// LANES channels of a row of the input's gradient. An input lies under tap k of output o where
// o * stride = x + pad - k * dilation.
INLINE void spread_row(const geometry *g, const char *grad, char *out, const char *mask,
                       const vec *w, const int64_t row, const int kind) {
    const int64_t pixel = size_of(kind) * g->channels;
    line from[3];
    for (int r = 0; r < 3; r++) {
        const int64_t y = row + g->pad_y - r * g->dilation_y;
        const int hit = y >= 0 && y % g->stride_y == 0 && y / g->stride_y < g->out_height;
        from[r].start = hit ? grad + pixel * (y / g->stride_y) * g->out_width : (const char *)zeros;
        from[r].pixel = hit ? pixel : 0;
    }
    for (int64_t x = 0; x < g->width; x++) {
        vec sum = {0};
        for (int k = 0; k < 3; k++) {
            const int64_t at = x + g->pad_x - k * g->dilation_x;
            if (at < 0 || at % g->stride_x || at / g->stride_x >= g->out_width) continue;
#pragma GCC unroll 3
            for (int r = 0; r < 3; r++)
                sum += w[3 * r + k] * load(from[r].start + at / g->stride_x * from[r].pixel, kind);
        }
        if (mask) sum = (vec)((ivec)sum & (load(mask + x * pixel, kind) > 0.0f));
        store(out + x * pixel, sum, kind);
    }
}

// The kinds are constants in these, which a loop over threads would make variables of.
#define ADD(name, kind, relu)                                                                     \
    static void name(const geometry *g, const char *in, const char *grad, float *sums,            \
                     const int64_t row) {                                                         \
        add_row(g, in, grad, sums, row, kind, relu);                                              \
    }
ADD(add_floats, FLOAT32, 0)
ADD(add_floats_relu, FLOAT32, 1)
ADD(add_halves, BFLOAT16, 0)
ADD(add_halves_relu, BFLOAT16, 1)

#define SPREAD(name, kind)                                                                        \
    static void name(const geometry *g, const char *grad, char *out, const char *mask,            \
                     const vec *w, const int64_t row) {                                           \
        spread_row(g, grad, out, mask, w, row, kind);                                             \
    }
SPREAD(spread_floats, FLOAT32)
SPREAD(spread_halves, BFLOAT16)

// in, grad: float32 or bfloat16, alike; sums: (threads, blocks, 9, LANES) float32, of which the
// first is the result. For 3 x 3 taps; returns 1 where there is no such function.
int depthwise_weight_grad(const geometry *g, const char *in, const char *grad, float *sums) {
    if (g->rows != 3 || g->columns != 3 || g->channels < LANES || g->kind > BFLOAT16) return 1;
    void (*const adders[2][2])(const geometry *, const char *, const char *, float *, int64_t) = {
        {add_floats, add_floats_relu}, {add_halves, add_halves_relu}};
    const int64_t pixel = size_of((int)g->kind) * g->channels, total = g->batch * g->out_height;
    const int64_t count = LANES * TAPS * blocks_of(g->channels);
#pragma omp parallel for num_threads(g->threads) schedule(static, 1)
    for (int64_t t = 0; t < g->threads; t++) {
        float *mine = sums + count * t;
        memset(mine, 0, sizeof(float) * (size_t)count);
        for (int64_t i = total * t / g->threads; i < total * (t + 1) / g->threads; i++)
            adders[g->kind][g->relu](g, in + pixel * (i / g->out_height) * g->height * g->width,
                                        grad + pixel * i * g->out_width, mine, i % g->out_height);
    }
    for (int64_t t = 1; t < g->threads; t++)
        for (int64_t i = 0; i < count; i++) sums[i] += sums[count * t + i];
    return 0;
}

// weight: (blocks, 9, LANES) float32; mask: the input, where its ReLU is to be undone, or null.
int depthwise_input_grad(const geometry *g, const char *grad, char *out, const float *weight,
                         const char *mask) {
    if (g->rows != 3 || g->columns != 3 || g->channels < LANES || g->kind > BFLOAT16) return 1;
    void (*const spread[2])(const geometry *, const char *, char *, const char *, const vec *,
                            int64_t) = {spread_floats, spread_halves};
    const int64_t pixel = size_of((int)g->kind) * g->channels;
#pragma omp parallel for num_threads(g->threads) schedule(static)
    for (int64_t i = 0; i < g->batch * g->height; i++)
        for (int64_t b = 0; b < blocks_of(g->channels); b++) {
            const int64_t c = size_of((int)g->kind) * first_of(b, g->channels);
            const int64_t row = pixel * i * g->width + c;
            const char *from = grad + pixel * (i / g->height) * g->out_height * g->out_width + c;
            vec w[TAPS];
            for (int k = 0; k < TAPS; k++) w[k] = floats(weight + LANES * (TAPS * b + k));
            spread[g->kind](g, from, out + row, mask ? mask + row : mask, w, i % g->height);
        }
    return 0;
}
