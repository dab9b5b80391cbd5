//! Rules that hold for every view, and what comes of them over time.

mod over_time;
mod rules;
mod views;
