//! What a ring looks like on the wire.

use lapin::BasicProperties;
use serde::{Deserialize, Serialize};
use shared::{JobId, TaskId, TaskKey};

/// Longer than any ring; what is longer is not even parsed.
const LONGEST: usize = 1024;
const LONGEST_TASK: usize = 64;

/// The body: `{"job":"…","task":"segment-0-00003"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    job: JobId,
    task: String,
}

/// The body of a ring.
pub(super) fn encode(key: &TaskKey) -> Vec<u8> {
    // Two JSON strings: nothing in them can fail to be written.
    serde_json::json!({ "job": key.job, "task": key.task }).to_string().into_bytes()
}

/// The task that a body names, or why it names none.
pub(super) fn decode(body: &[u8]) -> Result<TaskKey, String> {
    if body.len() > LONGEST {
        return Err(format!("{} bytes are too many for a ring", body.len()));
    }
    let message: Message = serde_json::from_slice(body).map_err(|e| format!("not a ring: {e}"))?;
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if message.task.is_empty() || message.task.len() > LONGEST_TASK || !message.task.bytes().all(fine) {
        return Err("not a ring: its task is not the id of a task".into());
    }
    Ok(TaskKey { job: message.job, task: TaskId::from_text(message.task) })
}

/// What goes with the body: it survives a restart of the broker.
pub(super) fn properties(key: &TaskKey) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_message_id(key.to_string().chars().take(255).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_survives_the_wire() {
        let key = TaskKey { job: "0f".repeat(16).parse().unwrap(), task: TaskId::from_text("segment-0-00003") };
        assert_eq!(decode(&encode(&key)).unwrap(), key);
    }

    #[test]
    fn what_is_no_ring_says_why() {
        let job = "0f".repeat(16);
        for (body, why) in [
            (String::new(), "EOF"),
            ("\u{0}\u{1}garbage".into(), "expected value"),
            ("[1]".into(), "invalid type"),
            (format!("{{\"job\":\"{job}\"}}"), "missing field `task`"),
            (format!("{{\"job\":\"{job}\",\"task\":\"a\",\"colour\":1}}"), "unknown field `colour`"),
            ("{\"job\":\"../x\",\"task\":\"film\"}".into(), "not a ring"),
            (format!("{{\"job\":\"{job}\",\"task\":\"../film\"}}"), "not the id of a task"),
            (format!("{{\"job\":\"{job}\",\"task\":\"{}\"}}", "a".repeat(65)), "not the id of a task"),
            ("x".repeat(LONGEST + 1), "too many"),
        ] {
            let reason = decode(body.as_bytes()).unwrap_err();
            assert!(reason.contains(why), "{body}: {reason}");
        }
    }
}
