//! Terms: under which conditions a job is worked on. Nothing here changes what the film looks like.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::{Error, Result, plan::Preview, span::Span};

/// A name that an operator gives: of a tenant, of a pool. It stands in queue names, metrics and URLs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The tenant and the pool of everybody who says nothing else.
    pub fn house() -> Self {
        Self("default".into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is [`Name::house`].
    pub fn is_house(&self) -> bool {
        self.0 == "default"
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=40).contains(&text.len()) && text.bytes().all(fine) && !text.starts_with('-') && !text.ends_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::order(format!("\"{text}\" is not a name of a tenant or a pool"))
                .mend("use 1 to 40 small letters, digits and hyphens, with no hyphen at either end"))
        }
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How urgent a job is: 0 to 100. All ready tasks of a higher priority come before all of a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Priority {
    /// When there is nothing else to do.
    pub const LOW: Self = Self(25);
    /// The usual.
    pub const NORMAL: Self = Self(50);
    /// Before the usual.
    pub const HIGH: Self = Self(75);
    /// On the next free worker.
    pub const URGENT: Self = Self(100);

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl TryFrom<u8> for Priority {
    type Error = Error;

    fn try_from(number: u8) -> Result<Self> {
        if number <= 100 {
            Ok(Self(number))
        } else {
            Err(Error::order(format!("{number} is not a priority")).mend(PRIORITIES))
        }
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

impl FromStr for Priority {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "low" => Ok(Self::LOW),
            "normal" => Ok(Self::NORMAL),
            "high" => Ok(Self::HIGH),
            "urgent" => Ok(Self::URGENT),
            _ => {
                let number = text.parse::<u8>();
                number
                    .map_err(|_| Error::order(format!("\"{text}\" is not a priority")).mend(PRIORITIES))
                    .and_then(Self::try_from)
            }
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

const PRIORITIES: &str = "give low, normal, high, urgent, or a number from 0 to 100";

/// Why the person in the portrait may be shown speaking; the words of dubbing contracts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// What kind of permission there is.
    pub kind: ConsentKind,
    /// Where it is filed: a contract number, a URL. Kept for the audit, never published.
    pub reference: String,
}

/// Kinds of permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentKind {
    /// The person agreed, on record.
    Recorded,
    /// A dubbing agreement covers it.
    DubbingAgreement,
    /// The portrait is in the public domain.
    PublicDomain,
    /// There is no such person: the portrait is drawn or generated.
    SyntheticPerson,
}

/// Where news of a job are sent.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// An `http` or `https` URL.
    pub url: String,
    /// Key of the signatures, `whsec_` and base64 (<https://www.standardwebhooks.com>).
    pub secret: String,
    /// Types of events that are wanted, such as `job.completed`; all when empty.
    #[serde(default)]
    pub events: Vec<String>,
}

impl fmt::Debug for Webhook {
    /// The secret stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url).field("events", &self.events).finish_non_exhaustive()
    }
}

/// The conditions of one job.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// Whose job it is.
    pub tenant: Name,
    /// How urgent it is.
    pub priority: Priority,
    /// The pool of workers that may render it.
    pub pool: Name,
    /// GPU memory in MiB that a rendering worker must have; 0 when any worker will do.
    pub gpu_memory: u32,
    /// Tasks of the job that may be under way at once; no limit when absent.
    pub most_at_once: Option<u32>,
    /// The customer's own name for the job.
    pub external_id: Option<String>,
    /// The customer's own marks, for filters.
    pub labels: BTreeMap<String, String>,
    /// Where news are sent.
    pub webhook: Option<Webhook>,
    /// Why the portrait may be used.
    pub consent: Option<Consent>,
    /// What is rendered before the rest, to be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Whether the rest waits until somebody approves the preview.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub approve: bool,
    /// How long latents are kept after the end of the job; for good when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_latents: Option<Span>,
    /// How long inputs, parts and film are kept after the end of the job; for good when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_film: Option<Span>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            tenant: Name::house(),
            priority: Priority::NORMAL,
            pool: Name::house(),
            gpu_memory: 0,
            most_at_once: None,
            external_id: None,
            labels: BTreeMap::new(),
            webhook: None,
            consent: None,
            preview: None,
            approve: false,
            keep_latents: None,
            keep_film: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere() {
        for text in ["default", "a", "studio-7", &"x".repeat(40)] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
        for text in ["", "-a", "a-", "A", "a b", "a/b", "a.b", "ü", &"x".repeat(41)] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn priorities_have_words_and_a_limit() {
        assert_eq!("urgent".parse::<Priority>().unwrap(), Priority::URGENT);
        assert_eq!("7".parse::<Priority>().unwrap().number(), 7);
        assert!("101".parse::<Priority>().is_err() && "-1".parse::<Priority>().is_err());
        assert!(serde_json::from_str::<Priority>("101").is_err());
        assert!(Priority::LOW < Priority::NORMAL && Priority::HIGH < Priority::URGENT);
    }

    #[test]
    fn terms_survive_json_refuse_unknown_fields_and_hide_the_secret() {
        let webhook = Webhook { url: "https://x/y".into(), secret: "whsec_c2VjcmV0".into(), events: vec![] };
        let terms = Terms { webhook: Some(webhook), ..Terms::default() };
        let text = serde_json::to_string(&terms).unwrap();
        assert_eq!(serde_json::from_str::<Terms>(&text).unwrap(), terms);
        assert!(serde_json::from_str::<Terms>("{\"colour\":1}").is_err());
        assert!(!format!("{terms:?}").contains("c2VjcmV0"));
    }
}
