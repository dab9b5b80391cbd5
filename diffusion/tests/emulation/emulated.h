// Stands in for CUDA where kernels are compiled as C++ for the CPU: types, places, and the meetings of threads.
//
// The threads of a block are fibers that give way to each other where they meet; blocks run one after the other. Tensor cores and shuffles are
// exchanges between the fibers of a warp, in the layouts that `common.cuh` describes.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(threads)

struct Place { unsigned x, y, z; };
extern Place threadIdx, blockIdx, blockDim, gridDim;

struct uint4 { uint32_t x, y, z, w; };
using std::max;
using std::min;
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

struct __half { uint16_t bits; };
inline float __half2float(__half x) {
    _Float16 number;
    memcpy(&number, &x, 2);
    return (float)number;
}
inline __half __float2half_rn(float x) {
    const _Float16 number = (_Float16)x;
    __half half;
    memcpy(&half, &number, 2);
    return half;
}

struct __nv_bfloat16 { uint16_t bits; };
inline float __bfloat162float(__nv_bfloat16 x) {
    const uint32_t bits = (uint32_t)x.bits << 16;
    float number;
    memcpy(&number, &bits, 4);
    return number;
}
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (x != x) return {0x7fff};
    return {(uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

namespace emulated {
// Waits until all threads of the block, or of this thread's warp, are here.
void meet_block();
void meet_warp();
// Leaves `count` words for the other lanes of this warp, meets them, and gives the words of all: those of lane i begin at 8 i. They stay until
// the next exchange but one.
const uint32_t *exchange(const uint32_t *words, int count);

// A kernel, and how to call it with words of 64 bits: pointers, integers, or the bits of a float.
struct Kernel { std::string name; void (*call)(void (*)(), const uint64_t *); void (*function)(); };
std::vector<Kernel> &kernels();

template <class A> A argument(uint64_t word) {
    A value;
    memcpy(&value, &word, sizeof value);
    return value;
}
template <class... A, size_t... I> void call(void (*function)(A...), const uint64_t *words, std::index_sequence<I...>) {
    function(argument<A>(words[I])...);
}
template <class... A> Kernel kernel(const char *name, void (*function)(A...)) {
    return {name,
            [](void (*function)(), const uint64_t *words) { call((void (*)(A...))function, words, std::index_sequence_for<A...>()); },
            (void (*)())function};
}
struct Registered { explicit Registered(Kernel kernel) { kernels().push_back(kernel); } };
}  // namespace emulated
#define REGISTER(name) static emulated::Registered registered_##name(emulated::kernel(#name, name));

inline void __syncthreads() { emulated::meet_block(); }
inline void __syncwarp() { emulated::meet_warp(); }

inline float __shfl_xor_sync(unsigned, float x, int mask) {
    uint32_t word;
    memcpy(&word, &x, 4);
    const uint32_t *all = emulated::exchange(&word, 1);
    float other;
    memcpy(&other, all + 8 * (threadIdx.x % 32 ^ mask), 4);
    return other;
}

inline float widened(__half x) { return __half2float(x); }
inline float widened(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T> float word_half(const uint32_t *words, int word, int half) {
    T number;
    const uint16_t bits = (uint16_t)(words[word] >> 16 * half);
    memcpy(&number, &bits, 2);
    return widened(number);
}
template <class T> void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const uint32_t *all = emulated::exchange(mine, 6);
    const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
        const int row = i / 2, column = 2 * t + i % 2;
        for (int k = 0; k < 16; ++k) {
            const int owner = k % 8 / 2, high = k / 8, half = k % 2;
            d[i] += word_half<T>(all + 8 * (4 * g + owner), row + 2 * high, half) * word_half<T>(all + 8 * (4 * column + owner), 4 + high, half);
        }
    }
}
