//! The one error type of the house: what happened, whose fault it is, and what to do.

use std::fmt;

/// What the farm does with a task that ended in an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The world failed (disk, memory, service): the same work may succeed later.
    Retry,
    /// The order is wrong (file, setting, weights): no repetition will help.
    Fail,
    /// Somebody asked for the work to stop: it goes back as it is, and nothing is counted.
    Stop,
}

/// Whose fault an error is; decides the [`Verdict`] and the exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The order: a wrong file, setting or model pack.
    Order,
    /// The world: a full disk, a broken file system, numbers that overflowed.
    World,
    /// A service that cannot be reached or does not answer.
    Unreachable,
    /// A request to stop.
    Stopped,
    /// The lease is no longer ours: another attempt owns the task.
    LeaseLost,
}

/// An error with its cause, a message that names the thing concerned, and a mend where one is known.
///
/// The cause is set where the error arises, because only that place knows whether trying again can help.
#[derive(Debug)]
pub struct Error {
    cause: Cause,
    message: String,
    mend: Option<String>,
    attempts: Option<u32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Shorthand for results in this house.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), mend: None, attempts: None, source: None }
    }

    /// The order is wrong; the message names the file, the frame or the setting.
    pub fn order(message: impl Into<String>) -> Self {
        Self::new(Cause::Order, message)
    }

    /// The world failed; trying again may help.
    pub fn world(message: impl Into<String>) -> Self {
        Self::new(Cause::World, message)
    }

    /// A service cannot be reached.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Cause::Unreachable, message)
    }

    /// Work was stopped on request.
    pub fn stopped() -> Self {
        Self::new(Cause::Stopped, "stopped on request")
    }

    /// The lease on a task is held by another attempt.
    pub fn lease_lost(message: impl Into<String>) -> Self {
        Self::new(Cause::LeaseLost, message)
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// Limits how often a task that ends in this error is tried in all, where the usual number is too many.
    #[must_use]
    pub fn at_most(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Keeps the error underneath.
    #[must_use]
    pub fn from_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whose fault it is.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What the farm should do with the task.
    pub fn verdict(&self) -> Verdict {
        match self.cause {
            Cause::Order => Verdict::Fail,
            Cause::World | Cause::Unreachable => Verdict::Retry,
            Cause::Stopped | Cause::LeaseLost => Verdict::Stop,
        }
    }

    /// What happened, without mend and source.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that is known.
    pub fn mending(&self) -> Option<&str> {
        self.mend.as_deref()
    }

    /// Most attempts that a task ending in this error deserves, where it differs from the usual.
    pub fn most_attempts(&self) -> Option<u32> {
        self.attempts
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if let Some(mend) = &self.mend {
            write!(f, " ({mend})")?;
        }
        Ok(())
    }
}

// The source is printed by `Display` already; handing it out again would print it twice in chains.
impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_follows_the_cause() {
        assert_eq!(Error::order("x").verdict(), Verdict::Fail);
        assert_eq!(Error::world("x").verdict(), Verdict::Retry);
        assert_eq!(Error::unreachable("x").verdict(), Verdict::Retry);
        assert_eq!(Error::stopped().verdict(), Verdict::Stop);
        assert_eq!(Error::lease_lost("x").verdict(), Verdict::Stop);
    }

    #[test]
    fn message_names_source_and_mend() {
        let error = Error::order("a.wav holds no audio")
            .from_source(std::io::Error::other("end of file"))
            .mend("choose a file with sound");
        assert_eq!(error.to_string(), "a.wav holds no audio: end of file (choose a file with sound)");
    }
}
