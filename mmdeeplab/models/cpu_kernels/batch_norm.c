// Batch normalisation in training, and the ReLU behind it, of maps that lie as (pixels, C).

#include "lanes.h"
#include <math.h>

#define CHUNK 64  // pixels whose mean is taken first, so that squares of deviations lose nothing

typedef struct {
    int64_t pixels, channels, threads, kind, relu;
} sizes;

INLINE vec read(const char *x, const sizes *s, const int64_t p, const int64_t c, const int kind) {
    return load(x + size_of(kind) * (p * s->channels + c), kind);
}

// The next chunk.
INLINE void ahead(const sizes *s, const char *x, const int64_t start, const int kind) {
    const int64_t pixel = size_of(kind) * s->channels;
    fetch(x + pixel * start, pixel * (least(start + CHUNK, s->pixels) - start));
}

// What one thread found in its pixels, each channel a number: mean and sum of squared deviations,
// or two sums.
typedef struct {
    double *first, *second, count;
} found;

// Join `more` values of a mean and squared deviations to others (Chan et al., 1979).
INLINE void join(double *mean, double *squares, const double count, const double other,
                 const double around, const double more) {
    const double delta = other - *mean, total = count + more;
    *mean += delta * more / total;
    *squares += around + delta * delta * count * more / total;
}

INLINE void measure(const sizes *s, const char *x, const int64_t start, const int64_t end,
                    found *f, const int kind) {
    const float n = (float)(end - start);
    ahead(s, x, end, kind);
    for (int64_t i = 0; i < s->channels; i += LANES) {
        const int64_t c = least(i, s->channels - LANES);
        vec sum = {0}, around = {0};
        for (int64_t p = start; p < end; p++) sum += read(x, s, p, c, kind);
        const vec middle = sum / n;
        for (int64_t p = start; p < end; p++) {
            const vec away = read(x, s, p, c, kind) - middle;
            around += away * away;
        }
        for (int k = (int)(i - c); k < LANES; k++)
            join(f->first + c + k, f->second + c + k, f->count, middle[k], around[k], n);
    }
    f->count += n;
}

// y = x * scale + shift, then perhaps ReLU; some pixels.
INLINE void apply(const sizes *s, const char *x, char *y, const float *scale, const float *shift,
                  const int64_t start, const int64_t end, const int kind, const int relu) {
    for (int64_t p = start; p < end; p++)
        for (int64_t i = 0; i < s->channels; i += LANES) {
            const int64_t c = least(i, s->channels - LANES);
            vec v = read(x, s, p, c, kind) * floats(scale + c) + floats(shift + c);
            if (relu) v = positive(v);
            store(y + size_of(kind) * (p * s->channels + c), v, kind);
        }
}

// Sums over the pixels of the gradient, and of it times the input's distance from the mean.
INLINE void gather(const sizes *s, const char *x, const char *grad, const float *scale,
                   const float *shift, const float *mean, const int64_t start, const int64_t end,
                   found *f, const int kind, const int relu) {
    ahead(s, x, end, kind);
    ahead(s, grad, end, kind);
    for (int64_t i = 0; i < s->channels; i += LANES) {
        const int64_t c = least(i, s->channels - LANES);
        const vec a = floats(scale + c), b = floats(shift + c), m = floats(mean + c);
        vec sum = {0}, product = {0};
        for (int64_t p = start; p < end; p++) {
            const vec v = read(x, s, p, c, kind);
            vec g = read(grad, s, p, c, kind);
            if (relu) g = (vec)((ivec)g & (v * a + b > 0.0f));
            sum += g;
            product += g * (v - m);
        }
        for (int k = (int)(i - c); k < LANES; k++) {
            f->first[c + k] += sum[k];
            f->second[c + k] += product[k];
        }
    }
}

// dx = g * scale + (x - mean) * slope + rest, where g is the gradient that the ReLU lets through.
INLINE void back(const sizes *s, const char *x, const char *grad, char *dx, const float *scale,
                 const float *shift, const float *mean, const float *slope, const float *rest,
                 const int64_t start, const int64_t end, const int kind, const int relu) {
    for (int64_t p = start; p < end; p++)
        for (int64_t i = 0; i < s->channels; i += LANES) {
            const int64_t c = least(i, s->channels - LANES);
            const vec v = read(x, s, p, c, kind), a = floats(scale + c);
            vec g = read(grad, s, p, c, kind);
            if (relu) g = (vec)((ivec)g & (v * a + floats(shift + c) > 0.0f));
            const vec away = v - floats(mean + c);
            const vec d = g * a + (away * floats(slope + c) + floats(rest + c));
            store(dx + size_of(kind) * (p * s->channels + c), d, kind);
        }
}

// Call a function with its kind and ReLU as constants.
#define SELECT(function, ...)                                                                     \
    if (s->kind == FLOAT32 && s->relu) function(__VA_ARGS__, FLOAT32, 1);                         \
    else if (s->kind == FLOAT32) function(__VA_ARGS__, FLOAT32, 0);                               \
    else if (s->relu) function(__VA_ARGS__, BFLOAT16, 1);                                         \
    else function(__VA_ARGS__, BFLOAT16, 0);

static void measure_part(const sizes *s, const char *x, const int64_t start, const int64_t end,
                         found *f) {
    if (s->kind == FLOAT32) measure(s, x, start, end, f, FLOAT32);
    else measure(s, x, start, end, f, BFLOAT16);
}

static void apply_part(const sizes *s, const char *x, char *y, const float *scale,
                       const float *shift, const int64_t start, const int64_t end) {
    SELECT(apply, s, x, y, scale, shift, start, end)
}

static void gather_part(const sizes *s, const char *x, const char *grad, const float *scale,
                        const float *shift, const float *mean, const int64_t start,
                        const int64_t end, found *f) {
    SELECT(gather, s, x, grad, scale, shift, mean, start, end, f)
}

static void back_part(const sizes *s, const char *x, const char *grad, char *dx,
                      const float *scale, const float *shift, const float *mean,
                      const float *slope, const float *rest, const int64_t start,
                      const int64_t end) {
    SELECT(back, s, x, grad, dx, scale, shift, mean, slope, rest, start, end)
}

// Pixels of one of the threads' shares, whole chunks.
INLINE int64_t share(const sizes *s, const int64_t thread) {
    const int64_t chunks = (s->pixels + CHUNK - 1) / CHUNK;
    return least(CHUNK * (chunks * thread / s->threads), s->pixels);
}

INLINE found place(const sizes *s, double *scratch, const int64_t thread) {
    double *first = scratch + 2 * thread * s->channels;
    return (found){first, first + s->channels, 0};
}

// Writes y; mean and variance (biased) of each channel; scale and shift, which gave y of x.
// scratch: (threads, 2, C), zeros.
void norm_forward(const sizes *s, const char *x, const float *weight, const float *bias,
                  const double epsilon, char *y, float *mean, float *variance, float *scale,
                  float *shift, double *scratch) {
#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int64_t t = 0; t < s->threads; t++) {
        found f = place(s, scratch, t);
        for (int64_t start = share(s, t), end = share(s, t + 1); start < end; start += CHUNK)
            measure_part(s, x, start, least(start + CHUNK, end), &f);
    }
    for (int64_t c = 0; c < s->channels; c++) {
        double middle = 0, squares = 0;
        for (int64_t t = 0; t < s->threads; t++) {
            const found f = place(s, scratch, t);
            const int64_t begin = share(s, t), more = share(s, t + 1) - begin;
            if (more)
                join(&middle, &squares, (double)begin, f.first[c], f.second[c], (double)more);
        }
        const double spread = squares / (double)s->pixels;
        const double factor = (weight ? weight[c] : 1) / sqrt(spread + epsilon);
        mean[c] = (float)middle;
        variance[c] = (float)spread;
        scale[c] = (float)factor;
        shift[c] = (float)((bias ? bias[c] : 0) - middle * factor);
    }
#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int64_t t = 0; t < s->threads; t++)
        apply_part(s, x, y, scale, shift, share(s, t), share(s, t + 1));
}

// Writes dx, and the gradients of weight and bias. slope, rest: (C,), scratch as above.
void norm_backward(const sizes *s, const char *x, const char *grad, const double epsilon,
                   const float *mean, const float *variance, const float *scale,
                   const float *shift, char *dx, float *weight_grad, float *bias_grad,
                   float *slope, float *rest, double *scratch) {
    const double n = (double)s->pixels;
#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int64_t t = 0; t < s->threads; t++) {
        found f = place(s, scratch, t);
        for (int64_t start = share(s, t), end = share(s, t + 1); start < end; start += CHUNK)
            gather_part(s, x, grad, scale, shift, mean, start, least(start + CHUNK, end), &f);
    }
    for (int64_t c = 0; c < s->channels; c++) {
        double sum = 0, product = 0;
        for (int64_t t = 0; t < s->threads; t++) {
            const found f = place(s, scratch, t);
            sum += f.first[c], product += f.second[c];
        }
        const double inverse = 1 / sqrt(variance[c] + epsilon);
        weight_grad[c] = (float)(product * inverse);
        bias_grad[c] = (float)sum;
        slope[c] = (float)(-scale[c] * inverse * inverse * product / n);
        rest[c] = (float)(-scale[c] * sum / n);
    }
#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int64_t t = 0; t < s->threads; t++)
        back_part(s, x, grad, dx, scale, shift, mean, slope, rest, share(s, t), share(s, t + 1));
}
