// Byte planes to floats of mean 0 and deviation 1, in one pass.

#include <stdint.h>

// Planes (planes, height, width) of bytes, in reverse order where asked; rows of the result are
// row_step floats apart, planes plane_step.
void normalise(const uint8_t *in, float *out, const int64_t planes, const int64_t height,
               const int64_t width, const int64_t plane_step, const int64_t row_step,
               const float *mean, const float *deviation, const int64_t reversed,
               const int64_t threads) {
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t plane = 0; plane < planes; plane++)
        for (int64_t row = 0; row < height; row++) {
            const int64_t from = reversed ? planes - 1 - plane : plane;
            const uint8_t *restrict x = in + (from * height + row) * width;
            float *restrict y = out + plane * plane_step + row * row_step;
            const float centre = mean[plane], unit = deviation[plane];
            for (int64_t i = 0; i < width; i++)
                y[i] = (x[i] - centre) / unit;
        }
}
