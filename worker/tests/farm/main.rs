//! A small farm: real stores, real media, and a model that computes checksums instead of pictures.

mod crash;
mod faces;
mod house;
mod lanes;
mod model;
mod stop;
mod trouble;
mod whole;
