//! Exit codes, and how an error is told.

use std::process::ExitCode;

use shared::{Error, error::Cause};

use crate::output::note;

/// Everything was done.
pub(crate) const DONE: u8 = 0;
/// The job failed.
pub(crate) const FAILED: u8 = 1;
/// Wrong use: an argument, a file or a setting; clap uses the same number.
pub(crate) const WRONG_USE: u8 = 2;
/// A service cannot be reached.
pub(crate) const UNREACHABLE: u8 = 3;
/// Interrupted; 128 + SIGINT, as shells expect.
pub(crate) const INTERRUPTED: u8 = 130;
/// Told twice to end; 128 + SIGTERM.
pub(crate) const TERMINATED: u8 = 143;

/// The exit code for an error.
pub(crate) fn code(error: &Error) -> u8 {
    match error.cause() {
        Cause::Order => WRONG_USE,
        Cause::Unreachable => UNREACHABLE,
        Cause::Stopped => INTERRUPTED,
        Cause::World | Cause::LeaseLost => FAILED,
    }
}

/// Tells the error and returns its exit code: as text on standard error, or as JSON on standard output.
pub(crate) fn tell(error: &Error, json: bool) -> ExitCode {
    let code = code(error);
    if json {
        let document = serde_json::json!({
            "ok": false, "exit_code": code, "error": error.to_string(), "mend": error.mending(),
        });
        say!("{document}");
    } else if code == INTERRUPTED {
        note(format_args!("interrupted: give the same command again to continue; finished clips are kept"));
    } else {
        note(format_args!("error: {error}"));
    }
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_cause() {
        assert_eq!(code(&Error::order("x")), WRONG_USE);
        assert_eq!(code(&Error::world("x")), FAILED);
        assert_eq!(code(&Error::unreachable("x")), UNREACHABLE);
        assert_eq!(code(&Error::stopped()), INTERRUPTED);
    }
}
