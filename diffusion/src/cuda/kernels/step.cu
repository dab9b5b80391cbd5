// The end of a denoising step: guidance, velocity and DDIM in one pass over the latents, which are kept as f32.
#include "common.cuh"

// Latents x at signal share a become those at the next share. `heard` is the network's output, `blind` that of the side that hears nothing, or
// null without guidance. `signal` and `noise` are sqrt(a) and sqrt(1 - a), the other two those of the next share; `is_sample` says that the
// network predicts clean latents.
template <class T>
__device__ void guided_step(const float *x, const T *heard, const T *blind, float *out, int count, float guidance, int is_sample, float signal,
                            float noise, float next_signal, float next_noise) {
    for (size_t i = first_index(); i < (size_t)count; i += index_stride()) {
        const float old = x[i];
        float v = wide(heard[i]);
        if (blind) {
            const float other = wide(blind[i]);
            v = other + guidance * (v - other);
        }
        if (is_sample) v = (signal * old - v) / noise;
        const float clean = signal * old - noise * v, rest = signal * v + noise * old;
        out[i] = next_signal * clean + next_noise * rest;
    }
}
#define GUIDED_STEP(T, kind) \
    extern "C" __global__ void guided_step_##kind(const float *x, const T *heard, const T *blind, float *out, int count, float guidance, \
                                                  int is_sample, float signal, float noise, float next_signal, float next_noise) { \
        guided_step(x, heard, blind, out, count, guidance, is_sample, signal, noise, next_signal, next_noise); \
    } \
    REGISTER(guided_step_##kind)
EACH_KIND(GUIDED_STEP)
