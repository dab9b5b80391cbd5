//! What the client library says, in words that tell what to do.

use std::time::Duration;

use lapin::{
    ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use shared::Error;

use super::address::Address;

/// The error for a call that failed: the broker cannot be reached, or it refuses what is asked.
pub(super) fn explain(address: &Address, what: &str, error: &lapin::Error) -> Error {
    let message = format!("cannot {what} on {address}");
    let ErrorKind::ProtocolError(refusal) = error.kind() else {
        return Error::unreachable(message).from_source(error.clone());
    };
    let user = address.user();
    let mend = match refusal.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
            "the queue was made with other arguments, by a policy or by hand: stop the farm, remove the queue (rabbitmqctl delete_queue), \
             start again; the coordinator rings for all that is released"
                .to_owned()
        }
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
            format!("check the password of the user {user}, and that it may configure, write and read emofarm.*")
        }
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => {
            format!("make the virtual host (rabbitmqctl add_vhost), and let the user {user} in (rabbitmqctl set_permissions)")
        }
        _ => return Error::unreachable(message).from_source(error.clone()),
    };
    Error::order(message).from_source(error.clone()).mend(mend)
}

/// The error for a broker that does not answer within `term`.
pub(super) fn silent(address: &Address, what: &str, term: Duration) -> Error {
    Error::unreachable(format!("cannot {what} on {address}: no answer in {} s", term.as_secs()))
        .mend("see whether the broker is short of memory or disk: it takes no messages then")
}
