// What the kernels of depthwise convolutions share.

#ifndef DEPTHWISE
#define DEPTHWISE

#include "lanes.h"

// What the caller describes; the order of the fields is that of depthwise.py.
typedef struct {
    int64_t batch, channels, height, width, out_height, out_width;
    int64_t rows, columns;  // of the kernel
    int64_t stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
    int64_t threads;
    int64_t in_kind, out_kind;
    int64_t relu;  // of the input, before the convolution
    int64_t clamps;  // the output, to low and high
    float low, high;
    float scale, shift;  // of an output of bytes
} geometry;

static const float zeros[LANES];

// A row of the input for one row of taps: it, or zeros that all columns read.
typedef struct {
    const char *start;
    int64_t pixel;
} line;

INLINE line line_of(const geometry *g, const char *in, const int64_t y, const int64_t c,
                    const int in_kind) {
    const int64_t pixel = size_of(in_kind) * g->channels;
    if (y < 0 || y >= g->height) return (line){(const char *)zeros, 0};
    return (line){in + pixel * y * g->width + size_of(in_kind) * c, pixel};
}

INLINE vec read(const char *from, const int kind, const int relu) {
    const vec v = load(from, kind);
    return relu ? positive(v) : v;
}

INLINE vec pixel_of(const geometry *g, const line l, const int64_t x, const int in_kind,
                    const int relu) {
    if (x < 0 || x >= g->width) return (vec){0};
    return read(l.start + x * l.pixel, in_kind, relu);
}

#endif
