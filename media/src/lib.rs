//! `media`.
