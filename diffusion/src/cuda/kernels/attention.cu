// Multi-head attention to one or two sequences, without ever writing the scores to memory.
#include "common.cuh"

// Rows of keys, each followed by its value `channels` numbers later.
template <class T> struct Source {
    const T *rows;
    // Numbers from row to row, the column of the first key, entries, and rows of an entry.
    int stride, column, entries, keys;
};

// What an attention is given: `n` entries of `rows` queries at `stride` numbers, `heads` heads of `size` channels. Entry i sees entry i mod m of a source of m
// entries, or i * m / n if they are `shared`.
template <class T> struct Given {
    const T *queries;
    int stride;
    Source<T> first, second;
    int n, rows, heads, size, shared;
    float scale;

    __device__ __forceinline__ int keys() const { return first.keys + second.keys; }

    // The key of a place in both sequences, for an entry and the channel at which a head begins.
    __device__ __forceinline__ const T *key(int entry, int place, int channel) const {
        // Chosen number by number: a choice between the two as a whole would put both into memory.
        const bool in_first = place < first.keys;
        const T *source = in_first ? first.rows : second.rows;
        const int entries = in_first ? first.entries : second.entries, each = in_first ? first.keys : second.keys;
        const int of = shared ? (int)((long long)entry * entries / n) : entry % entries;
        const size_t row = (size_t)of * each + place - (in_first ? 0 : first.keys);
        return source + row * (in_first ? first.stride : second.stride) + (in_first ? first.column : second.column) + channel;
    }
};
#define GIVEN(T) const T *queries, int stride, const T *first, int first_stride, int first_column, int first_entries, int first_keys, \
                 const T *second, int second_stride, int second_column, int second_entries, int second_keys, T *out, int n, int rows, int heads, \
                 int size, int shared, float scale
#define GIVEN_AS {queries, stride, {first, first_stride, first_column, first_entries, first_keys}, \
                  {second, second_stride, second_column, second_entries, second_keys}, n, rows, heads, size, shared, scale}

// One warp for each query of a head: for single precision, short sequences, and heads wider than tensor cores take. A lane holds the scores of every 32nd
// key and the sums of every 32nd channel; PARTS is how many of these there are at most.
template <class T, int PARTS> __device__ void attend_rows(const Given<T> &given, T *out) {
    __shared__ float queries[4][PARTS * 32], weights[4][32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, channels = given.heads * given.size, size = given.size, keys = given.keys();
    const size_t wanted = (size_t)blockIdx.x * 4 + warp, most = (size_t)given.n * given.heads * given.rows - 1;
    // Warps beyond the last query follow it, since all of a block must meet; they write nothing.
    const size_t index = wanted < most ? wanted : most;
    const int head = (int)(index % given.heads), row = (int)(index / given.heads % given.rows);
    const int entry = (int)(index / given.heads / given.rows);
    const T *query = given.queries + ((size_t)entry * given.rows + row) * given.stride + head * size;
    for (int i = lane; i < size; i += 32) queries[warp][i] = wide(query[i]) * given.scale;
    __syncthreads();
    float sums[PARTS] = {}, largest = -INFINITY, total = 0.0f;
    for (int begin = 0; begin < keys; begin += 32) {
        float score = -INFINITY;
        if (begin + lane < keys) {
            const T *key = given.key(entry, begin + lane, head * size);
            score = 0.0f;
            for (int i = 0; i < size; ++i) score += wide(key[i]) * queries[warp][i];
        }
        const float top = fmaxf(largest, warp_largest(score)), before = expf(largest - top);
        const float weight = expf(score - top);
        total = total * before + warp_sum(weight);
        largest = top;
        __syncwarp();
        weights[warp][lane] = weight;
        __syncwarp();
#pragma unroll
        for (int part = 0; part < PARTS; ++part) sums[part] *= before;
        for (int i = 0; i < 32 && begin + i < keys; ++i) {
            const T *value = given.key(entry, begin + i, head * size) + channels;
            const float of = weights[warp][i];
#pragma unroll
            for (int part = 0; part < PARTS; ++part) {
                if (part * 32 + lane < size) sums[part] += of * wide(value[part * 32 + lane]);
            }
        }
    }
    if (wanted != index) return;
    T *place = out + ((size_t)entry * given.rows + row) * channels + head * size;
#pragma unroll
    for (int part = 0; part < PARTS; ++part) {
        if (part * 32 + lane < size) place[part * 32 + lane] = narrow<T>(sums[part] / total);
    }
}
#define ATTEND_ROWS(T, kind) \
    extern "C" __global__ void __launch_bounds__(128) attend_rows_##kind(GIVEN(T)) { attend_rows<T, 5>(GIVEN_AS, out); } \
    REGISTER(attend_rows_##kind) \
    extern "C" __global__ void __launch_bounds__(128) attend_wide_rows_##kind(GIVEN(T)) { attend_rows<T, 16>(GIVEN_AS, out); } \
    REGISTER(attend_wide_rows_##kind)
EACH_KIND(ATTEND_ROWS)

// On tensor cores: 64 queries of a head by 4 warps, 64 keys at a time; heads of at most WIDE channels, a multiple of 16.
constexpr int SEEN = 64;

template <class T, int WIDE> __device__ void attend_tiles(const Given<T> &given, T *out) {
    // Values lie turned, so that two keys of a channel are neighbours.
    __shared__ __align__(16) T keys[SEEN][WIDE + 8], values[WIDE][SEEN + 8];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const int size = given.size, channels = given.heads * size, count = given.keys(), tiles = (given.rows + 63) / 64;
    const int head = (int)(blockIdx.x / tiles % given.heads), entry = (int)(blockIdx.x / tiles / given.heads);
    const int first_row = (int)(blockIdx.x % tiles) * 64 + warp * 16;
    const T *queries = given.queries + (size_t)entry * given.rows * given.stride + head * size;
    const T zero = narrow<T>(0.0f);
    const bool whole = size % 8 == 0 && given.first.stride % 8 == 0 && given.second.stride % 8 == 0 && given.first.column % 8 == 0 &&
                       given.second.column % 8 == 0;

    uint32_t q[WIDE / 16][4];
#pragma unroll
    for (int k = 0; k < WIDE / 16; ++k) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int row = first_row + g + i % 2 * 8, channel = k * 16 + 2 * t + i / 2 * 8;
            const T *place = queries + (size_t)row * given.stride + channel;
            const bool is_row = row < given.rows;
            q[k][i] = pair(is_row && channel < size ? place[0] : zero, is_row && channel + 1 < size ? place[1] : zero);
        }
    }
    float sums[WIDE / 8][4] = {};
    float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0.0f, 0.0f};
    // Powers of two are what the card computes.
    const float scale = given.scale * 1.44269504088896341f;

    for (int begin = 0; begin < count; begin += SEEN) {
        for (int i = threadIdx.x; i < SEEN * WIDE / 8; i += 128) {
            const int place = i / (WIDE / 8), channel = i % (WIDE / 8) * 8;
            union { uint4 all; T numbers[8]; } key, value;
            key.all = value.all = {0, 0, 0, 0};
            if (begin + place < count && channel < size) {
                const T *from = given.key(entry, begin + place, head * size + channel);
                if (whole) {
                    key.all = *(const uint4 *)from;
                    value.all = *(const uint4 *)(from + channels);
                } else {
                    for (int j = 0; j < 8 && channel + j < size; ++j) key.numbers[j] = from[j], value.numbers[j] = from[channels + j];
                }
            }
            *(uint4 *)&keys[place][channel] = key.all;
#pragma unroll
            for (int j = 0; j < 8; ++j) values[channel + j][place] = value.numbers[j];
        }
        __syncthreads();

        float scores[SEEN / 8][4] = {};
#pragma unroll
        for (int k = 0; k < WIDE / 16; ++k) {
#pragma unroll
            for (int j = 0; j < SEEN / 8; ++j) {
                const T *key = &keys[j * 8 + g][k * 16 + 2 * t];
                const uint32_t b[2] = {*(const uint32_t *)key, *(const uint32_t *)(key + 8)};
                multiply<T>(scores[j], q[k], b);
            }
        }
        float top[2] = {largest[0], largest[1]};
#pragma unroll
        for (int j = 0; j < SEEN / 8; ++j) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                scores[j][i] = begin + j * 8 + 2 * t + i % 2 < count ? scores[j][i] * scale : -INFINITY;
                top[i / 2] = fmaxf(top[i / 2], scores[j][i]);
            }
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            // A row's scores lie in four neighbouring lanes.
            top[half] = fmaxf(top[half], __shfl_xor_sync(0xffffffffu, top[half], 1));
            top[half] = fmaxf(top[half], __shfl_xor_sync(0xffffffffu, top[half], 2));
            const float before = exp2f(largest[half] - top[half]);
            largest[half] = top[half];
            total[half] *= before;
#pragma unroll
            for (int j = 0; j < WIDE / 8; ++j) sums[j][2 * half] *= before, sums[j][2 * half + 1] *= before;
        }
        uint32_t weights[SEEN / 16][4];
#pragma unroll
        for (int j = 0; j < SEEN / 8; ++j) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const float low = exp2f(scores[j][2 * half] - top[half]), high = exp2f(scores[j][2 * half + 1] - top[half]);
                total[half] += low + high;
                // Scores come out of one product just as the next one wants its rows.
                weights[j / 2][j % 2 * 2 + half] = pair(narrow<T>(low), narrow<T>(high));
            }
        }
#pragma unroll
        for (int j = 0; j < WIDE / 8; ++j) {
#pragma unroll
            for (int k = 0; k < SEEN / 16; ++k) {
                const T *value = &values[j * 8 + g][k * 16 + 2 * t];
                const uint32_t b[2] = {*(const uint32_t *)value, *(const uint32_t *)(value + 8)};
                multiply<T>(sums[j], weights[k], b);
            }
        }
        __syncthreads();
    }

#pragma unroll
    for (int half = 0; half < 2; ++half) {
        total[half] += __shfl_xor_sync(0xffffffffu, total[half], 1);
        total[half] += __shfl_xor_sync(0xffffffffu, total[half], 2);
        const int row = first_row + g + 8 * half;
        T *place = out + ((size_t)entry * given.rows + row) * channels + head * size;
        if (row >= given.rows) continue;
#pragma unroll
        for (int j = 0; j < WIDE / 8; ++j) {
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const int channel = j * 8 + 2 * t + i;
                if (channel < size) place[channel] = narrow<T>(sums[j][2 * half + i] / total[half]);
            }
        }
    }
}
#define ATTEND_TILES(T, kind, WIDE) \
    extern "C" __global__ void __launch_bounds__(128) attend_##WIDE##_##kind(GIVEN(T)) { attend_tiles<T, WIDE>(GIVEN_AS, out); } \
    REGISTER(attend_##WIDE##_##kind)
#define ATTEND(T, kind) ATTEND_TILES(T, kind, 32) ATTEND_TILES(T, kind, 48) ATTEND_TILES(T, kind, 64) ATTEND_TILES(T, kind, 80) \
    ATTEND_TILES(T, kind, 128) ATTEND_TILES(T, kind, 160)
EACH_SHORT_KIND(ATTEND)
