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
    int64_t kind;  // of the numbers of input and output
    int64_t relu;  // of the input, before the convolution
} geometry;

static const float zeros[LANES];

// A row of the input for one row of taps: it, or zeros that all columns read.
typedef struct {
    const char *start;
    int64_t pixel;
} line;

INLINE line line_of(const geometry *g, const char *in, const int64_t y, const int64_t c,
                    const int kind) {
    const int64_t pixel = size_of(kind) * g->channels;
    if (y < 0 || y >= g->height) return (line){(const char *)zeros, 0};
    return (line){in + pixel * y * g->width + size_of(kind) * c, pixel};
}

INLINE vec read(const char *from, const int kind, const int relu) {
    const vec v = load(from, kind);
    return relu ? positive(v) : v;
}

INLINE vec pixel_of(const geometry *g, const line l, const int64_t x, const int kind,
                    const int relu) {
    if (x < 0 || x >= g->width) return (vec){0};
    return read(l.start + x * l.pixel, kind, relu);
}

#endif
