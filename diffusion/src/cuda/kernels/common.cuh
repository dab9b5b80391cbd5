// What all kernels share. The same text is compiled by nvcc for cards and, for tests, by a C++ compiler with
// `tests/emulation/emulated.h`, which stands in for CUDA.
//
// Maps lie with their channels last; numbers are stored as f32, f16 or bf16 and computed with as f32. Kernels get their
// sizes as 32-bit integers and compute places in memory in 64 bits.
#pragma once

#ifdef EMULATED
#include "emulated.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>
#define REGISTER(name)
#endif

typedef __half f16;
typedef __nv_bfloat16 bf16;

// Exports a kernel for each kind of numbers: `EACH_KIND(X)` calls X with a type and its name.
#define EACH_KIND(X) X(float, f32) X(f16, f16) X(bf16, bf16)
#define EACH_SHORT_KIND(X) X(f16, f16) X(bf16, bf16)

__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ float wide(f16 x) { return __half2float(x); }
__device__ __forceinline__ float wide(bf16 x) { return __bfloat162float(x); }

template <class T> __device__ __forceinline__ T narrow(float x);
template <> __device__ __forceinline__ float narrow<float>(float x) { return x; }
template <> __device__ __forceinline__ f16 narrow<f16>(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ bf16 narrow<bf16>(float x) { return __float2bfloat16_rn(x); }

// Two numbers of 16 bits as one register, the first in the lower half.
template <class T> __device__ __forceinline__ uint32_t pair(T low, T high) {
    union { T numbers[2]; uint32_t bits; } both;
    both.numbers[0] = low;
    both.numbers[1] = high;
    return both.bits;
}

// The index of this thread among all of the grid, and how many there are: for loops over numbers.
__device__ __forceinline__ size_t first_index() { return (size_t)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ size_t index_stride() { return (size_t)gridDim.x * blockDim.x; }

// The sum, or the largest, of one number of each lane of a warp; every lane gets it.
__device__ __forceinline__ float warp_sum(float x) {
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
    return x;
}
__device__ __forceinline__ float warp_largest(float x) {
    for (int distance = 16; distance > 0; distance /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, distance));
    return x;
}

__device__ __forceinline__ float silu(float x) { return x / (1.0f + expf(-x)); }
__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

// Tensor cores: d += a b for a `[16, 16]`, b `[16, 8]` and d `[16, 8]` that lie in the registers of a warp. With g = lane / 4 and
// t = lane % 4, a lane holds of a: rows g and g + 8 of columns 2t and 2t + 1, then the same of columns 2t + 8 and 2t + 9; of b: rows 2t
// and 2t + 1, then 2t + 8 and 2t + 9 of column g; of d: columns 2t and 2t + 1 of row g, then of row g + 8.
#ifndef EMULATED
template <class T> __device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
template <> __device__ __forceinline__ void multiply<f16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <> __device__ __forceinline__ void multiply<bf16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif
