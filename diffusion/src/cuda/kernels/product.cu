// Convolutions and linear layers as one product: rows of pixels that the taps see, times weights [outer, taps, inner], with bias, shift and residual.
// Nothing is gathered in memory first: each tile reads the pixels that its rows see.
#include "common.cuh"

// Sizes of a product, as the host gives them.
struct Sizes {
    // Output rows and columns, and numbers of an input pixel.
    int rows, outer, inner;
    // Height and width of the kernel, and steps between output pixels and between taps.
    int kernel_y, kernel_x, stride, dilation;
    // Zero rows before the first, zero columns before the first, and how often each input pixel is repeated.
    int pad_y, pad_x, repeat;
    // Height and width of input and output maps, and whether output pixels come column by column.
    int in_y, in_x, out_y, out_x, by_column;

    __device__ __forceinline__ int depth() const { return kernel_y * kernel_x * inner; }
};
#define SIZES int rows, int outer, int inner, int kernel_y, int kernel_x, int stride, int dilation, int pad_y, int pad_x, int repeat, int in_y, \
              int in_x, int out_y, int out_x, int by_column
#define SIZES_GIVEN {rows, outer, inner, kernel_y, kernel_x, stride, dilation, pad_y, pad_x, repeat, in_y, in_x, out_y, out_x, by_column}

// An output row: where its map begins in the input, and where its first tap lies; no tap sees anything if `seen` is false.
struct Row {
    size_t map;
    int y, x;
    bool seen;

    __device__ __forceinline__ Row(const Sizes &sizes, int row) {
        const int pixels = sizes.out_y * sizes.out_x, place = row % pixels;
        map = (size_t)(row / pixels) * sizes.in_y * sizes.in_x;
        y = (sizes.by_column ? place % sizes.out_y : place / sizes.out_x) * sizes.stride - sizes.pad_y;
        x = (sizes.by_column ? place / sizes.out_y : place % sizes.out_x) * sizes.stride - sizes.pad_x;
        seen = row < sizes.rows;
    }

    // Where the numbers of the pixel begin that a tap sees, or -1 for zeros.
    __device__ __forceinline__ long long pixel(const Sizes &sizes, int tap) const {
        int tap_y = y + tap / sizes.kernel_x * sizes.dilation, tap_x = x + tap % sizes.kernel_x * sizes.dilation;
        if (!seen || tap_y < 0 || tap_x < 0) return -1;
        if (sizes.repeat > 1) tap_y /= sizes.repeat, tap_x /= sizes.repeat;
        if (tap_y >= sizes.in_y || tap_x >= sizes.in_x) return -1;
        return (long long)((map + (size_t)tap_y * sizes.in_x + tap_x) * sizes.inner);
    }
};

// What is added to a number of the output.
template <class T>
__device__ __forceinline__ float added(const float *bias, const T *shift, const T *residual, size_t row, int column, int outer) {
    float sum = 0.0f;
    if (bias) sum += bias[column];
    if (shift) sum += wide(shift[column]);
    if (residual) sum += wide(residual[row * outer + column]);
    return sum;
}

// On tensor cores: tiles of ROWS x COLUMNS by 8 warps, DEEP numbers of the depth at a time, of which the next are on their way while these are
// multiplied.
constexpr int ROWS = 128, DEEP = 32, LINE = DEEP + 8;

// Eight numbers of 16 bits from a place in the depth on.
template <class T>
__device__ __forceinline__ uint4 seen(const Sizes &sizes, const T *x, const Row &row, int depth, int at, bool whole) {
    uint4 numbers = {0, 0, 0, 0};
    if (whole) {
        if (at < depth) {
            const long long pixel = row.pixel(sizes, at / sizes.inner);
            if (pixel >= 0) numbers = *(const uint4 *)(x + pixel + at % sizes.inner);
        }
        return numbers;
    }
    T single[8];
    for (int i = 0; i < 8; ++i) {
        const long long pixel = at + i < depth ? row.pixel(sizes, (at + i) / sizes.inner) : -1;
        single[i] = pixel >= 0 ? x[pixel + (at + i) % sizes.inner] : narrow<T>(0.0f);
    }
    return {pair(single[0], single[1]), pair(single[2], single[3]), pair(single[4], single[5]), pair(single[6], single[7])};
}

template <class T>
__device__ __forceinline__ uint4 weighed(const Sizes &sizes, const T *weights, int column, int depth, int at, bool whole) {
    uint4 numbers = {0, 0, 0, 0};
    if (column >= sizes.outer || at >= depth) return numbers;
    const T *place = weights + (size_t)column * depth + at;
    if (whole) return *(const uint4 *)place;
    T single[8];
    for (int i = 0; i < 8; ++i) single[i] = at + i < depth ? place[i] : narrow<T>(0.0f);
    return {pair(single[0], single[1]), pair(single[2], single[3]), pair(single[4], single[5]), pair(single[6], single[7])};
}

template <class T, int COLUMNS>
__device__ void product_tiles(const T *x, const T *weights, const float *bias, const T *shift, const T *residual, T *out, Sizes sizes) {
    // Warps lie 2 x 4 over a tile of 128 columns and 4 x 2 over one of 64.
    constexpr int DOWN = COLUMNS == 128 ? 2 : 4, HIGH = ROWS / DOWN / 16, BROAD = COLUMNS / (8 / DOWN) / 8;
    constexpr int ROW_TURNS = ROWS / 64, COLUMN_TURNS = COLUMNS / 64;
    __shared__ __align__(16) T left[2][ROWS][LINE], right[2][COLUMNS][LINE];
    const int depth = sizes.depth(), tiles = (sizes.outer + COLUMNS - 1) / COLUMNS;
    const int first_row = (int)(blockIdx.x / tiles) * ROWS, first_column = (int)(blockIdx.x % tiles) * COLUMNS;
    const int line = threadIdx.x / 4, part = threadIdx.x % 4 * 8;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const int warp_row = warp % DOWN * HIGH * 16, warp_column = warp / DOWN * BROAD * 8;
    const bool whole = sizes.inner % 8 == 0;
    const Row rows[ROW_TURNS] = {Row(sizes, first_row + line), Row(sizes, first_row + line + 64)};
    float sums[HIGH][BROAD][4] = {};
    uint4 next_left[ROW_TURNS], next_right[COLUMN_TURNS];

    auto fetch = [&](int at) {
#pragma unroll
        for (int i = 0; i < ROW_TURNS; ++i) next_left[i] = seen(sizes, x, rows[i], depth, at + part, whole);
#pragma unroll
        for (int i = 0; i < COLUMN_TURNS; ++i) next_right[i] = weighed(sizes, weights, first_column + line + 64 * i, depth, at + part, whole);
    };
    auto keep = [&](int stage) {
#pragma unroll
        for (int i = 0; i < ROW_TURNS; ++i) *(uint4 *)&left[stage][line + 64 * i][part] = next_left[i];
#pragma unroll
        for (int i = 0; i < COLUMN_TURNS; ++i) *(uint4 *)&right[stage][line + 64 * i][part] = next_right[i];
    };

    fetch(0);
    keep(0);
    __syncthreads();
    int stage = 0;
    for (int at = 0; at < depth; at += DEEP, stage ^= 1) {
        const bool more = at + DEEP < depth;
        if (more) fetch(at + DEEP);
#pragma unroll
        for (int k = 0; k < DEEP; k += 16) {
            uint32_t a[HIGH][4], b[BROAD][2];
#pragma unroll
            for (int i = 0; i < HIGH; ++i) {
                const T *upper = &left[stage][warp_row + i * 16 + g][k + 2 * t], *lower = upper + 8 * LINE;
                a[i][0] = *(const uint32_t *)upper;
                a[i][1] = *(const uint32_t *)lower;
                a[i][2] = *(const uint32_t *)(upper + 8);
                a[i][3] = *(const uint32_t *)(lower + 8);
            }
#pragma unroll
            for (int j = 0; j < BROAD; ++j) {
                const T *column = &right[stage][warp_column + j * 8 + g][k + 2 * t];
                b[j][0] = *(const uint32_t *)column;
                b[j][1] = *(const uint32_t *)(column + 8);
            }
#pragma unroll
            for (int i = 0; i < HIGH; ++i) {
#pragma unroll
                for (int j = 0; j < BROAD; ++j) multiply<T>(sums[i][j], a[i], b[j]);
            }
        }
        // The other stage was read before the last meeting of all threads.
        if (more) keep(stage ^ 1);
        __syncthreads();
    }

#pragma unroll
    for (int i = 0; i < HIGH; ++i) {
#pragma unroll
        for (int j = 0; j < BROAD; ++j) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int row = first_row + warp_row + i * 16 + g + 8 * half, column = first_column + warp_column + j * 8 + 2 * t;
                if (row >= sizes.rows || column >= sizes.outer) continue;
                T *place = out + (size_t)row * sizes.outer + column;
                const T low = narrow<T>(sums[i][j][2 * half] + added(bias, shift, residual, row, column, sizes.outer));
                if (column + 1 == sizes.outer) {
                    place[0] = low;
                    continue;
                }
                const T high = narrow<T>(sums[i][j][2 * half + 1] + added(bias, shift, residual, row, column + 1, sizes.outer));
                if (sizes.outer % 2 == 0) {
                    *(uint32_t *)place = pair(low, high);
                } else {
                    place[0] = low;
                    place[1] = high;
                }
            }
        }
    }
}
#define PRODUCT(T, kind) \
    extern "C" __global__ void __launch_bounds__(256) product_##kind(const T *x, const T *weights, const float *bias, const T *shift, \
                                                                     const T *residual, T *out, SIZES) { \
        product_tiles<T, 128>(x, weights, bias, shift, residual, out, SIZES_GIVEN); \
    } \
    REGISTER(product_##kind) \
    extern "C" __global__ void __launch_bounds__(256) product_slim_##kind(const T *x, const T *weights, const float *bias, const T *shift, \
                                                                          const T *residual, T *out, SIZES) { \
        product_tiles<T, 64>(x, weights, bias, shift, residual, out, SIZES_GIVEN); \
    } \
    REGISTER(product_slim_##kind)
EACH_SHORT_KIND(PRODUCT)

// In single precision, for comparisons: tiles of 64 x 64 by 256 threads, 4 x 4 numbers each.
__device__ __forceinline__ void product_single(const float *x, const float *weights, const float *bias, const float *shift, const float *residual,
                                               float *out, Sizes sizes) {
    __shared__ float left[16][65], right[16][65];
    const int depth = sizes.depth(), tiles = (sizes.outer + 63) / 64;
    const int first_row = (int)(blockIdx.x / tiles) * 64, first_column = (int)(blockIdx.x % tiles) * 64;
    const int line = threadIdx.x / 4, part = threadIdx.x % 4 * 4, down = threadIdx.x / 16 * 4, along = threadIdx.x % 16 * 4;
    const Row row(sizes, first_row + line);
    float sums[4][4] = {};
    for (int at = 0; at < depth; at += 16) {
        for (int i = 0; i < 4; ++i) {
            const int k = at + part + i;
            const long long pixel = k < depth ? row.pixel(sizes, k / sizes.inner) : -1;
            left[part + i][line] = pixel >= 0 ? x[pixel + k % sizes.inner] : 0.0f;
            const int column = first_column + line;
            right[part + i][line] = k < depth && column < sizes.outer ? weights[(size_t)column * depth + k] : 0.0f;
        }
        __syncthreads();
        for (int k = 0; k < 16; ++k) {
            for (int i = 0; i < 4; ++i) {
                for (int j = 0; j < 4; ++j) sums[i][j] += left[k][down + i] * right[k][along + j];
            }
        }
        __syncthreads();
    }
    for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) {
            const int out_row = first_row + down + i, column = first_column + along + j;
            if (out_row < sizes.rows && column < sizes.outer) {
                out[(size_t)out_row * sizes.outer + column] = sums[i][j] + added(bias, shift, residual, out_row, column, sizes.outer);
            }
        }
    }
}
extern "C" __global__ void __launch_bounds__(256) product_f32(const float *x, const float *weights, const float *bias, const float *shift,
                                                              const float *residual, float *out, SIZES) {
    product_single(x, weights, bias, shift, residual, out, SIZES_GIVEN);
}
REGISTER(product_f32)

// What a library's product lacks: bias, shift and residual, added in place of rows [rows, outer].
template <class T> __device__ void finish(const T *sums, const float *bias, const T *shift, const T *residual, T *out, int rows, int outer) {
    const size_t count = (size_t)rows * outer;
    for (size_t i = first_index(); i < count; i += index_stride()) {
        out[i] = narrow<T>(wide(sums[i]) + added(bias, shift, residual, i / outer, (int)(i % outer), outer));
    }
}
#define FINISH(T, kind) \
    extern "C" __global__ void finish_##kind(const T *sums, const float *bias, const T *shift, const T *residual, T *out, int rows, int outer) { \
        finish(sums, bias, shift, residual, out, rows, outer); \
    } \
    REGISTER(finish_##kind)
EACH_KIND(FINISH)
