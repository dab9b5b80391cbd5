// Activations, number by number.
#include "common.cuh"

// GEGLU of rows [rows, 2 n]: the first half of each times the exact GELU of the second.
template <class T> __device__ void geglu(const T *x, T *out, int rows, int n) {
    const size_t count = (size_t)rows * n;
    for (size_t i = first_index(); i < count; i += index_stride()) {
        const T *row = x + i / n * 2 * n;
        const size_t column = i % n;
        out[i] = narrow<T>(wide(row[column]) * gelu(wide(row[n + column])));
    }
}
#define GEGLU(T, kind) \
    extern "C" __global__ void geglu_##kind(const T *x, T *out, int rows, int n) { geglu(x, out, rows, n); } \
    REGISTER(geglu_##kind)
EACH_KIND(GEGLU)

// SiLU (0), exact GELU (1) or the larger of x and 0 (2) of `rows * n` numbers.
template <class T> __device__ void activate(const T *x, T *out, int rows, int n, int which) {
    const size_t count = (size_t)rows * n;
    for (size_t i = first_index(); i < count; i += index_stride()) {
        const float number = wide(x[i]);
        // NaN is not below 0 and stays.
        out[i] = narrow<T>(which == 0 ? silu(number) : which == 1 ? gelu(number) : number < 0.0f ? 0.0f : number);
    }
}
#define ACTIVATE(T, kind) \
    extern "C" __global__ void activate_##kind(const T *x, T *out, int rows, int n, int which) { activate(x, out, rows, n, which); } \
    REGISTER(activate_##kind)
EACH_KIND(ACTIVATE)
