// Vectors of 16 floats, which run along the channels of maps that lie in memory as (N, H, W, C),
// and the kinds of numbers that maps hold. Sums are float32 always.

#ifndef LANES
#define LANES 16

#include <stdint.h>
#include <string.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
typedef uint16_t hvec __attribute__((vector_size(2 * LANES)));

#define INLINE static inline __attribute__((always_inline))

enum kind { FLOAT32, BFLOAT16 };  // the order of maps.py

INLINE int64_t least(const int64_t a, const int64_t b) { return a < b ? a : b; }

INLINE int64_t size_of(const int kind) { return kind == FLOAT32 ? 4 : 2; }

// Blocks of LANES channels; the last one begins early and has channels of the one before, too.
INLINE int64_t blocks_of(const int64_t channels) { return (channels + LANES - 1) / LANES; }

INLINE int64_t first_of(const int64_t block, const int64_t channels) {
    return least(block * LANES, channels - LANES);
}

// Ask for memory that is needed soon; what lies in strides is not foreseen by the processor.
INLINE void fetch(const char *from, const int64_t size) {
    for (int64_t i = 0; i < size; i += 64) __builtin_prefetch(from + i, 0, 2);
}

INLINE vec load(const void *from, const int kind) {
    if (kind == FLOAT32) {
        vec v;
        memcpy(&v, from, sizeof v);
        return v;
    }
    hvec h;
    memcpy(&h, from, sizeof h);
    return (vec)(__builtin_convertvector(h, uvec) << 16);
}

INLINE vec floats(const float *from) { return load(from, FLOAT32); }

// Not a number stays what it is.
INLINE vec positive(const vec v) { return (vec)((ivec)v & ~(v < 0.0f)); }

INLINE void store(void *to, const vec v, const int kind) {
    if (kind == FLOAT32) {
        memcpy(to, &v, sizeof v);
    } else {
#ifdef __AVX512BF16__
        const __m256bh h = _mm512_cvtneps_pbh((__m512)v);
#else
        const uvec bits = (uvec)v, number = (uvec)(v == v);
        const uvec even = bits + 0x7fff + ((bits >> 16) & 1);
        const hvec h = __builtin_convertvector(((even & number) | (0x7fc00000u & ~number)) >> 16, hvec);
#endif
        memcpy(to, &h, sizeof h);
    }
}

#endif
