//! emofarm.
fn main() {}
