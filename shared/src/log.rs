//! The log of an attempt: lines of JSON, kept in pieces, so that a worker that is killed leaves most of it.

use std::collections::BTreeMap;

use crate::Timestamp;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The usual course of things.
    Info,
    /// Something went wrong and was mended.
    Warn,
    /// Something went wrong.
    Error,
}

/// One line of an attempt's log.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// When, in milliseconds since the Unix epoch.
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// What happened.
    pub message: String,
    /// Details, each under its name.
    #[serde(flatten)]
    pub fields: BTreeMap<String, serde_json::Value>,
}

impl Line {
    /// A line without details.
    pub fn new(at: Timestamp, level: Level, message: &str) -> Self {
        Self { at, level, message: redacted(message), fields: BTreeMap::new() }
    }

    /// Adds a detail; texts are redacted.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        let value = match value.into() {
            serde_json::Value::String(text) => redacted(&text).into(),
            value => value,
        };
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// The line as it is kept, with its end of line.
    pub fn to_json(&self) -> String {
        // Names are strings and no value is a map with other keys, so nothing here fails to serialise.
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Parameters of URLs whose values give access: presigned S3 URLs
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>) and common names of tokens.
const SECRETS: [&str; 6] =
    ["X-Amz-Signature=", "X-Amz-Credential=", "X-Amz-Security-Token=", "token=", "password=", "secret="];

/// `text` without what gives access: passwords in URLs (`scheme://user:password@host`) and signatures of presigned URLs.
pub fn redacted(text: &str) -> String {
    let mut text = without_passwords(text);
    for name in SECRETS {
        text = without_values_of(&text, name);
    }
    text
}

fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c == '/' || c == '?' || c == '#' || ends_a_url(c)).unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((login, host)) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                out.push_str(user);
                if !password.is_empty() {
                    out.push(':');
                    out.push_str(HIDDEN);
                }
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = behind;
    }
    out + rest
}

fn without_values_of(text: &str, name: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = rest.split_at(at + name.len());
        out.push_str(before);
        out.push_str(HIDDEN);
        rest = &after[after.find(|c: char| c == '&' || ends_a_url(c)).unwrap_or(after.len())..];
    }
    out + rest
}

fn ends_a_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_access_is_hidden_and_the_rest_stays() {
        let cases = [
            ("no url: a@b", "no url: a@b"),
            ("postgres://farm:s3cr%40t@db:5432/x failed", "postgres://farm:***@db:5432/x failed"),
            ("amqp://u:p@h, then amqp://v:q@i/vh", "amqp://u:***@h, then amqp://v:***@i/vh"),
            ("https://anna@host/a", "https://anna@host/a"),
            ("https://host/a:b@c", "https://host/a:b@c"),
            ("s3://b/k?X-Amz-Signature=abc&x=1 done", "s3://b/k?X-Amz-Signature=***&x=1 done"),
            ("(https://h/?token=abc)", "(https://h/?token=***)"),
            ("p://u:a@b@h/", "p://u:***@h/"),
        ];
        for (text, expected) in cases {
            assert_eq!(redacted(text), expected);
        }
    }

    #[test]
    fn a_line_is_one_line_and_comes_back() {
        let line = Line::new(Timestamp(5), Level::Warn, "a\nb amqp://u:p@h").with("url", "amqp://u:p@h").with("n", 3);
        let text = line.to_json();
        assert!(text.ends_with('\n') && text.matches('\n').count() == 1 && !text.contains(":p@"), "{text}");
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }
}
