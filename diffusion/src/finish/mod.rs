//! What is done to decoded pictures: the portrait's own detail is carried over, and the head is turned.

mod detail;
mod flow;
mod map;
mod turn;

pub(crate) use detail::Detail;
pub use detail::Limits;
pub(crate) use turn::Turned;
