//! News of jobs to whoever ordered them, by the Standard Webhooks convention (<https://www.standardwebhooks.com>).

mod check;
mod flight;
mod post;
mod sender;
mod sign;
mod waits;

pub(crate) use check::check;
pub use post::MOST_BODY;
pub use sender::Deliveries;
pub use sign::{sign, verify};
pub use waits::{TRIES, wait};
