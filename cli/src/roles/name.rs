//! Who a worker is.

use shared::{Result, ports::WorkerId, task::Lane};

use crate::chance;

/// The machine or pod; `unknown` where it has no name.
pub(super) fn host() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = named.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown".into() } else { name.to_owned() }
}

/// A name that no other run of the program has, for what one process keeps beside others of its role.
///
/// # Errors
/// When the machine gives no random bytes.
pub(super) fn process() -> Result<String> {
    let mark = chance::key()?;
    Ok(format!("{}-{}-{}", host(), std::process::id(), &mark[..8]))
}

/// A name that no other run of the program has: it says where the worker runs, and nothing is claimed under it twice.
///
/// # Errors
/// When the machine gives no random bytes.
pub(super) fn worker(lane: Lane) -> Result<WorkerId> {
    let mark = chance::key()?;
    Ok(WorkerId(format!("{}-{}-{}-{}", host(), std::process::id(), lane.name(), &mark[..8])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_where_and_are_never_the_same() {
        let [a, b] = [worker(Lane::Render).unwrap(), worker(Lane::Render).unwrap()];
        assert_ne!(a, b);
        assert!(a.0.starts_with(&host()) && a.0.contains("-render-"), "{}", a.0);
    }
}
