//! Starts the services of a farm for tests: each on free ports of the loopback interface, with its own folder, once for each test
//! process, and gone with it.
//!
//! A service that is not installed ends the test with a message that names the package; no test of the farm passes without it.

mod child;
mod postgres;
mod rabbit;
mod s3;

pub use postgres::{Database, Postgres, durable_postgres, own_postgres, postgres};
pub use rabbit::{Rabbit, own_rabbit, rabbit};
pub use s3::{S3, Weather, own_s3, s3};
