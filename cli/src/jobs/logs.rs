//! `emofarm logs`: the attempts at a job's tasks, and the log of one.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{Error, Result};

use super::say_document;
use crate::{
    args::jobs::LogsArgs,
    client::{Api, Ask, moment::Moment, wire},
    exit,
    output::{self, Table},
    runtime,
    settings::Settings,
};

/// Silence of the farm in the middle of a log.
const SILENCE: Duration = Duration::from_mins(1);

/// Attempts that are listed at most.
const MOST: usize = 100_000;

/// Lists attempts, or prints one log.
pub(crate) fn run(args: &LogsArgs, settings: &Settings, json: bool) -> Result<u8> {
    let api = Api::new(settings)?;
    match &args.task {
        Some(task) => runtime::client(log(&api, args, task.as_str(), json)),
        None => runtime::client(attempts(&api, args, json)),
    }
}

async fn attempts(api: &Api, args: &LogsArgs, json: bool) -> Result<u8> {
    let attempts = api.list(&Ask::of(&args.job, "attempts"), MOST).await?;
    if json {
        say_document(true, &json!({ "job": args.job, "attempts": attempts }));
        return Ok(exit::DONE);
    }
    let mut table = Table::new(&["task", "try", "outcome", "began", "took", "worker", "error"]);
    for attempt in wire::parsed::<Vec<wire::Attempt>>(&Value::from(attempts))? {
        let took = attempt.ended.map(|ended| output::duration(ended.since(attempt.started).as_secs_f64()));
        table.row([
            attempt.task,
            attempt.number.to_string(),
            attempt.outcome,
            attempt.started.to_string(),
            took.unwrap_or_default(),
            attempt.worker,
            attempt.error.unwrap_or_default(),
        ]);
    }
    table.say();
    Ok(exit::DONE)
}

async fn log(api: &Api, args: &LogsArgs, task: &str, json: bool) -> Result<u8> {
    let attempt = match args.attempt {
        Some(attempt) => attempt,
        None => last(api, args, task).await?,
    };
    let ask = Ask::of(&args.job, "logs").query("task", task).query("attempt", attempt.to_string());
    let mut answer = api.answer(&ask, &[("Accept", "application/x-ndjson, text/plain".into())], SILENCE).await?;
    let (mut rest, mut lines) = (Vec::new(), Vec::new());
    loop {
        let piece = tokio::time::timeout(SILENCE, answer.chunk()).await.map_err(|_| api.silent(SILENCE))?;
        let piece = piece.map_err(|e| api.unreachable(&e))?;
        rest.extend_from_slice(piece.as_deref().unwrap_or(if rest.is_empty() { b"" } else { b"\n" }));
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            if json {
                lines.push(serde_json::from_str(&line).unwrap_or(Value::from(line)));
            } else {
                say!("{}", readable(&line));
            }
        }
        if piece.is_none() {
            break;
        }
    }
    if json {
        say_document(true, &json!({ "job": args.job, "task": task, "attempt": attempt, "lines": lines }));
    }
    Ok(exit::DONE)
}

/// The last attempt at a task.
async fn last(api: &Api, args: &LogsArgs, task: &str) -> Result<u32> {
    let attempts = api.list(&Ask::of(&args.job, "attempts").query("task", task), MOST).await?;
    let attempts: Vec<wire::Attempt> = wire::parsed(&Value::from(attempts))?;
    let last = attempts.into_iter().filter(|attempt| attempt.task == task).map(|attempt| attempt.number).max();
    last.ok_or_else(|| {
        Error::order(format!("nobody has tried task {task} of job {} yet", args.job))
            .mend("\"emofarm explain\" says why, and \"emofarm logs\" without --task lists what was tried")
    })
}

/// A line of a log as people read it: time, level, message, then what else it says.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else { return line.to_owned() };
    let mut take = |name: &str| Some(fields.remove(name)?.as_str()?.to_owned());
    let (level, message) = (take("level"), take("message"));
    let at = fields.remove("at").and_then(|at| at.as_i64()).map(|at| Moment::of(at).to_string());
    let head: Vec<String> = [at, level, message].into_iter().flatten().collect();
    let rest: Vec<String> = fields
        .into_iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    format!("{} {}", head.join(" "), rest.join(" ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_reads_well_and_others_stay_as_they_are() {
        let line = r#"{"at":1732201445678,"level":"warn","message":"the disk is full","frames":12}"#;
        assert_eq!(readable(line), "15:04:05 warn the disk is full frames=12");
        assert_eq!(readable("plain text"), "plain text");
    }
}
