//! Drafts, submissions and sweeps on real stores and real files.

mod draft;
mod farm;
mod retention;
mod submit;
mod sweep;
mod urgent;
