//! `coordinator`.
