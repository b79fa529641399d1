// Rounding a map to bytes in one pass.

#include "lanes.h"

#define SHARE 65536  // values at a time

// Bytes q that stand for (q - shift) / scale; count is at least LANES.
void to_bytes(const char *in, const int64_t kind, uint8_t *out, const int64_t count,
              const float scale, const float shift, const int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t start = 0; start < count; start += SHARE) {
        const int64_t end = least(start + SHARE, count);
        if (kind == FLOAT32)
            for (int64_t i = start; i < end; i += LANES) {
                const int64_t at = least(i, count - LANES);
                store(out + at, load(in + 4 * at, FLOAT32), BYTE, scale, shift);
            }
        else
            for (int64_t i = start; i < end; i += LANES) {
                const int64_t at = least(i, count - LANES);
                store(out + at, load(in + 2 * at, BFLOAT16), BYTE, scale, shift);
            }
    }
}
