//! A job's events as they happen, by Server-Sent Events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::time::Duration;

use serde_json::Value;
use shared::{Error, JobId, Result, error::Cause, pace::Pace};

use super::{Api, Ask, wire};

/// The farm sends at least a comment every 15 seconds; a stream that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(45);

/// How long a farm may be away while somebody follows a job.
const ABSENCE: Duration = Duration::from_mins(10);

/// The longest line that is kept of a stream.
const LONGEST_LINE: usize = 1 << 20;

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Happening {
    /// What: the type of the event, `message` when the farm names none.
    pub(crate) kind: String,
    /// Its details.
    pub(crate) data: String,
}

impl Happening {
    /// The details as JSON; null when they are none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_default()
    }
}

/// Takes a stream apart, in whatever pieces it comes.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    after_return: bool,
    kind: String,
    data: Vec<String>,
    id: Option<String>,
    last_id: Option<String>,
}

impl Parser {
    /// Takes the next piece; what happened in it.
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Happening>> {
        let mut happened = Vec::new();
        for &byte in bytes {
            // A line ends in LF, CR, or CR and LF.
            let ends = match byte {
                b'\n' if self.after_return => {
                    self.after_return = false;
                    continue;
                }
                b'\n' | b'\r' => true,
                _ => false,
            };
            self.after_return = byte == b'\r';
            if ends {
                let line = std::mem::take(&mut self.line);
                happened.extend(self.line(&String::from_utf8_lossy(&line)));
            } else if self.line.len() < LONGEST_LINE {
                self.line.push(byte);
            } else {
                return Err(Error::world("a line in the stream of events is too long"));
            }
        }
        Ok(happened)
    }

    fn line(&mut self, line: &str) -> Option<Happening> {
        if line.is_empty() {
            let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
            // An event that was cut off before its end was not seen: only a whole one moves the mark.
            self.last_id = self.id.clone().or(self.last_id.take());
            let kind = if kind.is_empty() { "message".into() } else { kind };
            return (!data.is_empty()).then(|| Happening { kind, data: data.join("\n") });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => self.data.push(value.to_owned()),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            _ => {}
        }
        None
    }
}

/// Follows a job to its end and tells `on` of everything that happens; a stream that breaks is taken up where it broke. Returns
/// the job as it ended.
///
/// # Errors
/// When the farm refuses, or is away for more than ten minutes.
pub(crate) async fn follow(api: &Api, job: &JobId, on: &mut (dyn FnMut(&Happening) + Send)) -> Result<wire::Job> {
    let mut waits = Pace::new(Duration::from_secs(2), u64::from(std::process::id()));
    let mut parser = Parser::default();
    let mut answered = tokio::time::Instant::now();
    loop {
        match stream(api, job, &mut parser, on, &mut answered).await {
            Ok(()) => {}
            Err(error) if error.cause() == Cause::Unreachable && answered.elapsed() < ABSENCE => {
                tracing::warn!(%error, "the stream of events broke; taking it up again");
            }
            Err(error) => return Err(error),
        }
        match api.json(&Ask::get(&["jobs", job.as_str()])).await {
            Ok(document) => {
                answered = tokio::time::Instant::now();
                let job: wire::Job = wire::parsed(&document)?;
                if job.is_over() {
                    return Ok(job);
                }
            }
            Err(error) if error.cause() == Cause::Unreachable && answered.elapsed() < ABSENCE => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(waits.wait()).await;
    }
}

/// Reads one stream to its end.
async fn stream(
    api: &Api,
    job: &JobId,
    parser: &mut Parser,
    on: &mut (dyn FnMut(&Happening) + Send),
    answered: &mut tokio::time::Instant,
) -> Result<()> {
    let mut headers = vec![("Accept", "text/event-stream".to_owned())];
    headers.extend(parser.last_id.clone().map(|id| ("Last-Event-ID", id)));
    // What the stream before left half-said is said again.
    *parser = Parser { last_id: parser.last_id.take(), ..Parser::default() };
    let mut answer = api.answer(&Ask::of(job, "events"), &headers, SILENCE).await?;
    loop {
        let piece = tokio::time::timeout(SILENCE, answer.chunk()).await.map_err(|_| api.silent(SILENCE))?;
        let Some(piece) = piece.map_err(|e| api.unreachable(&e))? else { return Ok(()) };
        *answered = tokio::time::Instant::now();
        for happening in parser.push(&piece)? {
            on(&happening);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nid: 7\nevent: job.started\ndata: {\"at\":1}\n\nevent: progress\r\ndata: {\"frames\":2,\r\n\
                          data: \"tasks\":3}\r\n\r\ndata\n\nid:9\ndata:x\n\n";

    fn happened(pieces: &[&[u8]]) -> (Vec<Happening>, Option<String>) {
        let mut parser = Parser::default();
        let happened = pieces.iter().flat_map(|piece| parser.push(piece).unwrap()).collect();
        (happened, parser.last_id)
    }

    #[test]
    fn a_stream_reads_the_same_in_whatever_pieces_it_comes() {
        let (whole, last) = happened(&[STREAM.as_bytes()]);
        let kinds: Vec<&str> = whole.iter().map(|happening| happening.kind.as_str()).collect();
        assert_eq!(kinds, ["job.started", "progress", "message", "message"]);
        assert_eq!(whole[1].json(), serde_json::json!({"frames": 2, "tasks": 3}));
        assert_eq!((whole[2].data.as_str(), whole[3].data.as_str(), last.as_deref()), ("", "x", Some("9")));
        for at in 0..STREAM.len() {
            let (a, b) = STREAM.as_bytes().split_at(at);
            assert_eq!(happened(&[a, b]).0, whole, "cut at {at}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut parser = Parser::default();
        assert!(parser.push(&vec![b'x'; LONGEST_LINE]).is_ok());
        assert!(parser.push(b"x").is_err());
    }
}
