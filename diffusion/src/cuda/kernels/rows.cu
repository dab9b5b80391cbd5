// What is done row by row: joining, weighing, adding, softening.
#include "common.cuh"

// Rows x [n, a] and y [m, b] side by side, [n, a + b]; the rows of y come again from the first.
template <class T> __device__ void join(const T *x, const T *y, T *out, int n, int m, int a, int b) {
    const size_t count = (size_t)n * (a + b);
    for (size_t i = first_index(); i < count; i += index_stride()) {
        const size_t row = i / (a + b), column = i % (a + b);
        out[i] = column < (size_t)a ? x[row * a + column] : y[row % m * b + column - a];
    }
}
#define JOIN(T, kind) \
    extern "C" __global__ void join_##kind(const T *x, const T *y, T *out, int n, int m, int a, int b) { join(x, y, out, n, m, a, b); } \
    REGISTER(join_##kind)
EACH_KIND(JOIN)

// Rows x [n, branches, channels], each branch times its weight at that row, weights [rows, branches]; they come again in turn.
template <class T> __device__ void weigh(const T *x, const float *weights, T *out, int n, int rows, int branches, int channels) {
    const size_t count = (size_t)n * branches * channels;
    for (size_t i = first_index(); i < count; i += index_stride()) {
        const size_t place = i / channels % ((size_t)rows * branches);
        out[i] = narrow<T>(wide(x[i]) * weights[place]);
    }
}
#define WEIGH(T, kind) \
    extern "C" __global__ void weigh_##kind(const T *x, const float *weights, T *out, int n, int rows, int branches, int channels) { \
        weigh(x, weights, out, n, rows, branches, channels); \
    } \
    REGISTER(weigh_##kind)
EACH_KIND(WEIGH)

// y [size] added to each of x [n, size].
template <class T> __device__ void add_to_each(const T *x, const T *y, T *out, int n, int size) {
    const size_t count = (size_t)n * size;
    for (size_t i = first_index(); i < count; i += index_stride()) out[i] = narrow<T>(wide(x[i]) + wide(y[i % size]));
}
#define ADD_TO_EACH(T, kind) \
    extern "C" __global__ void add_to_each_##kind(const T *x, const T *y, T *out, int n, int size) { add_to_each(x, y, out, n, size); } \
    REGISTER(add_to_each_##kind)
EACH_KIND(ADD_TO_EACH)

// Scores [groups, size], each group turned into weights that add up to one. Groups are as short as a face has tokens: one thread for each.
template <class T> __device__ void soften(const T *x, T *out, int groups, int size) {
    for (size_t group = first_index(); group < (size_t)groups; group += index_stride()) {
        const T *scores = x + group * size;
        float largest = wide(scores[0]), sum = 0.0f;
        for (int i = 1; i < size; ++i) largest = fmaxf(largest, wide(scores[i]));
        for (int i = 0; i < size; ++i) sum += expf(wide(scores[i]) - largest);
        for (int i = 0; i < size; ++i) out[group * size + i] = narrow<T>(expf(wide(scores[i]) - largest) / sum);
    }
}
#define SOFTEN(T, kind) \
    extern "C" __global__ void soften_##kind(const T *x, T *out, int groups, int size) { soften(x, out, groups, size); } \
    REGISTER(soften_##kind)
EACH_KIND(SOFTEN)
