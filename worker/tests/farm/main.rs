//! A small farm: real stores, real media, and a model that computes checksums instead of pictures.

mod aside;
mod bells;
mod chains;
mod crash;
mod faces;
mod gates;
mod house;
mod lanes;
mod live;
mod logs;
mod model;
mod outage;
mod services;
mod stop;
mod trouble;
mod whole;
