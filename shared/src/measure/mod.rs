//! Films measured against what is known of them: the opening of the mouth, the turn of the head, and what must stay as it is.
//!
//! Unlike [`crate::quality`], which watches films whose truth nobody knows, this is for films of held-out portraits and speech
//! (`emofarm bench quality`). No network judges; everything is computed from pixels.

pub mod film;
pub mod head;
pub mod mouth;
pub mod numbers;
pub mod plane;
pub mod score;
pub mod track;

#[cfg(test)]
mod tests;
