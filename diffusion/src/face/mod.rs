//! Faces in photographs: detection, alignment and embedding through ONNX files, and the region masks of a portrait.
//!
//! [`FaceAnalysis`] holds what a pack brings for faces: a detector ([`scrfd`] or [`yunet`]) and a recogniser ([`arcface`]), each
//! optional. [`RegionMasks`] and [`face_region`] turn a [`Portrait`](shared::Portrait) into what the Hallo network is conditioned on.

pub mod align;
mod analysis;
pub mod arcface;
mod blur;
mod detector;
mod files;
mod letterbox;
mod masks;
mod onnx;
mod regions;
mod resize;
pub mod scrfd;
mod suppress;
pub mod yunet;

pub use analysis::FaceAnalysis;
pub use files::FaceFiles;
pub use masks::{MaskLevel, RegionMasks, face_region};
pub use regions::Regions;
