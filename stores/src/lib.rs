//! `stores`.
