//! Access: who may ask, and answers that must not be given twice.

use async_trait::async_trait;

use crate::{Name, Result, Timestamp};

/// What a token allows. Each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look at the tenant's jobs.
    Viewer,
    /// Submit and control the tenant's jobs.
    Submitter,
    /// All of that for every tenant, and workers, tenants and dead letters.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Submitter, Self::Operator];

    /// The role's name in ledgers and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Submitter => "submitter",
            Self::Operator => "operator",
        }
    }

    /// The role called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A bearer token as the ledger keeps it: never the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// A short public name, such as the first characters of the token.
    pub id: String,
    /// SHA-256 of the token, in hexadecimal.
    pub sha256: String,
    /// Whose it is.
    pub tenant: Name,
    /// What it allows.
    pub role: Role,
    /// What it is for, in the operator's words.
    pub note: String,
    /// When it was made.
    pub made: Timestamp,
    /// When it ends to be valid.
    pub expires: Option<Timestamp>,
}

/// An answer that is given again when the same request comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// SHA-256 of the request, in hexadecimal.
    pub request: String,
    /// The HTTP status; 0 while the first request is still being answered.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What an idempotency key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The key is new and now belongs to this request.
    New,
    /// The same request came before and was answered so.
    Answered(Answer),
    /// The same request is being answered.
    Running,
    /// The key was used for another request.
    Other,
}

/// Keeps tokens and answers.
#[async_trait]
pub trait Access: Send + Sync {
    /// Keeps a token, made by `by`; that is in the audit, in the same transaction.
    async fn add_token(&self, token: &Token, by: &str) -> Result<()>;

    /// The token with this digest, unless it was revoked or is over.
    async fn token(&self, sha256: &str, now: Timestamp) -> Result<Option<Token>>;

    /// All tokens that were not revoked, by id.
    async fn tokens(&self) -> Result<Vec<Token>>;

    /// Ends a token, as `by` asked; whether there was one. That is in the audit, in the same transaction.
    async fn revoke(&self, id: &str, by: &str, now: Timestamp) -> Result<bool>;

    /// Takes an idempotency key for a request. A key whose request never was answered is free again after ten minutes, and
    /// any after seven days.
    async fn begin_answer(&self, tenant: &Name, key: &str, request: &str, now: Timestamp) -> Result<Known>;

    /// Keeps the answer; `None` frees the key, because the request failed in a way that may pass.
    async fn end_answer(&self, tenant: &Name, key: &str, answer: Option<&Answer>, now: Timestamp) -> Result<()>;

    /// Records an act of somebody for the audit: who, what, on what. Changes of tokens and tenants are recorded with the change.
    async fn audit(&self, who: &str, tenant: &Name, act: &str, on: &str, now: Timestamp) -> Result<()>;

    /// What was recorded for the audit, the latest first, at most `limit`.
    async fn audited(
        &self,
        tenant: Option<&Name>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, String, Name, String, String)>>;
}
