// Group and layer normalisation.
#include "common.cuh"

// Channels that a group norm may have: two rows of them lie in shared memory.
#define MOST_CHANNELS 4096

// How the threads of a block lie over rows of channels: `lanes` of them side by side, the rest below each other.
struct Lanes {
    int column, row, rows;
    __device__ Lanes(int lanes) : column(threadIdx.x % lanes), row(threadIdx.x / lanes), rows(blockDim.x / lanes) {}
};

// Sums of some rows of a map, of each group: of distances from the map's first number of the group, and of their squares. One block for a
// chunk of `chunk` pixels of a map: grid [chunks, n], partial [n, chunks, groups, 2].
template <class T>
__device__ void group_norm_sums(const T *x, float *partial, int pixels, int channels, int groups, int chunk, int lanes) {
    __shared__ float sums[MOST_CHANNELS], squares[MOST_CHANNELS];
    const Lanes at(lanes);
    const int size = channels / groups, begin = blockIdx.x * chunk, end = min(begin + chunk, pixels);
    const T *map = x + (size_t)blockIdx.y * pixels * channels;
    for (int column = at.column; column < channels; column += lanes) {
        const float centre = wide(map[column / size * size]);
        float sum = 0.0f, square = 0.0f;
        for (int row = begin + at.row; row < end; row += at.rows) {
            const float distance = wide(map[(size_t)row * channels + column]) - centre;
            sum += distance;
            square += distance * distance;
        }
        // Where channels are too many for one turn, there is one row of threads only.
        sums[at.row * channels + column] = sum;
        squares[at.row * channels + column] = square;
    }
    __syncthreads();
    for (int group = threadIdx.x; group < groups; group += blockDim.x) {
        float sum = 0.0f, square = 0.0f;
        for (int row = 0; row < at.rows; ++row) {
            for (int i = 0; i < size; ++i) {
                sum += sums[row * channels + group * size + i];
                square += squares[row * channels + group * size + i];
            }
        }
        float *place = partial + (((size_t)blockIdx.y * gridDim.x + blockIdx.x) * groups + group) * 2;
        place[0] = sum;
        place[1] = square;
    }
}
#define GROUP_NORM_SUMS(T, kind) \
    extern "C" __global__ void group_norm_sums_##kind(const T *x, float *partial, int pixels, int channels, int groups, int chunk, int lanes) { \
        group_norm_sums(x, partial, pixels, channels, groups, chunk, lanes); \
    } \
    REGISTER(group_norm_sums_##kind)
EACH_KIND(GROUP_NORM_SUMS)

// Maps x [n, pixels, channels], normalised, with a scale and a shift for each channel, through SiLU if `is_silu`. Rows come out in the order
// [n / frames, pixels, frames]. Grid [chunks of `chunk` pixels, n]; partial of `parts` chunks.
template <class T>
__device__ void group_norm(const T *x, const float *partial, const float *scale, const float *shift, T *out, int pixels, int channels,
                           int groups, int parts, int chunk, int lanes, int frames, float eps, int is_silu) {
    __shared__ float factors[MOST_CHANNELS], offsets[MOST_CHANNELS];
    const Lanes at(lanes);
    const int map = blockIdx.y, size = channels / groups, begin = blockIdx.x * chunk, end = min(begin + chunk, pixels);
    const T *rows = x + (size_t)map * pixels * channels;
    for (int group = threadIdx.x; group < groups; group += blockDim.x) {
        float sum = 0.0f, square = 0.0f;
        for (int part = 0; part < parts; ++part) {
            const float *place = partial + (((size_t)map * parts + part) * groups + group) * 2;
            sum += place[0];
            square += place[1];
        }
        const float count = (float)pixels * size, distance = sum / count;
        const float mean = wide(rows[group * size]) + distance;
        const float factor = rsqrtf(fmaxf(square / count - distance * distance, 0.0f) + eps);
        for (int i = group * size; i < (group + 1) * size; ++i) {
            factors[i] = scale[i] * factor;
            offsets[i] = shift[i] - mean * scale[i] * factor;
        }
    }
    __syncthreads();
    for (int row = begin + at.row; row < end; row += at.rows) {
        const size_t place = ((size_t)(map / frames) * pixels + row) * frames + map % frames;
        for (int column = at.column; column < channels; column += lanes) {
            const float number = wide(rows[(size_t)row * channels + column]) * factors[column] + offsets[column];
            out[place * channels + column] = narrow<T>(is_silu ? silu(number) : number);
        }
    }
}
#define GROUP_NORM(T, kind) \
    extern "C" __global__ void group_norm_##kind(const T *x, const float *partial, const float *scale, const float *shift, T *out, int pixels, \
                                                 int channels, int groups, int parts, int chunk, int lanes, int frames, float eps, int is_silu) { \
        group_norm(x, partial, scale, shift, out, pixels, channels, groups, parts, chunk, lanes, frames, eps, is_silu); \
    } \
    REGISTER(group_norm_##kind)
EACH_KIND(GROUP_NORM)

// Rows x [rows, channels], normalised, with a scale for each channel and a shift [cycle, channels]: row r gets shift r mod cycle. One warp a row.
template <class T>
__device__ void layer_norm(const T *x, const float *scale, const float *shift, T *out, int rows, int channels, int cycle, float eps) {
    const int lane = threadIdx.x % 32;
    // Lanes beyond the last row follow it, since all lanes of a warp must meet; they write nothing.
    const size_t wanted = (size_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, row = wanted < (size_t)rows ? wanted : (size_t)rows - 1;
    const T *numbers = x + row * channels;
    float sum = 0.0f, square = 0.0f;
    for (int i = lane; i < channels; i += 32) sum += wide(numbers[i]);
    const float mean = warp_sum(sum) / channels;
    for (int i = lane; i < channels; i += 32) {
        const float distance = wide(numbers[i]) - mean;
        square += distance * distance;
    }
    const float factor = rsqrtf(warp_sum(square) / channels + eps);
    if (wanted != row) return;
    const float *shifts = shift + row % cycle * channels;
    for (int i = lane; i < channels; i += 32) out[row * channels + i] = narrow<T>((wide(numbers[i]) - mean) * factor * scale[i] + shifts[i]);
}
#define LAYER_NORM(T, kind) \
    extern "C" __global__ void layer_norm_##kind(const T *x, const float *scale, const float *shift, T *out, int rows, int channels, int cycle, \
                                                 float eps) { \
        layer_norm(x, scale, shift, out, rows, channels, cycle, eps); \
    } \
    REGISTER(layer_norm_##kind)
EACH_KIND(LAYER_NORM)
