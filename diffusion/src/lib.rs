//! `diffusion`.
