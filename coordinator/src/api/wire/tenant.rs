//! Tenants, tokens and the audit as operators see them.

use shared::{
    Name,
    ports::{access::Token, schedule::Tenant},
};
use utoipa::ToSchema;

use super::order::PriorityBody;
use crate::{
    api::problem::{Answer, Problem},
    rfc3339,
};

/// A tenant with what it is entitled to.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct TenantBody {
    /// Its name.
    pub(crate) name: String,
    /// Its share of the farm beside others, 1 to 1000.
    pub(crate) weight: u32,
    /// Tasks that may be under way at once.
    pub(crate) most_at_once: Option<u32>,
    /// The highest priority of its jobs.
    pub(crate) highest_priority: u8,
    /// The longest film in seconds.
    pub(crate) longest_film: Option<u64>,
    /// Jobs that may be running at once.
    pub(crate) most_jobs: Option<u32>,
}

impl From<&Tenant> for TenantBody {
    fn from(tenant: &Tenant) -> Self {
        let Tenant { name, weight, most_at_once, highest_priority, longest_film, most_jobs } = tenant;
        Self {
            name: name.to_string(),
            weight: *weight,
            most_at_once: *most_at_once,
            highest_priority: highest_priority.number(),
            longest_film: *longest_film,
            most_jobs: *most_jobs,
        }
    }
}

/// What a tenant shall be entitled to; what is absent is without limit.
#[derive(Debug, Default, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TenantAsk {
    /// Its share of the farm beside others, 1 to 1000; 1 when absent.
    pub(crate) weight: Option<u32>,
    /// Tasks that may be under way at once.
    pub(crate) most_at_once: Option<u32>,
    /// The highest priority of its jobs.
    pub(crate) highest_priority: Option<PriorityBody>,
    /// The longest film in seconds.
    pub(crate) longest_film: Option<u64>,
    /// Jobs that may be running at once.
    pub(crate) most_jobs: Option<u32>,
}

impl TenantAsk {
    /// The tenant called `name` as asked for.
    pub(crate) fn read(&self, name: Name) -> Answer<Tenant> {
        let weight = self.weight.unwrap_or(1);
        if !(1..=1000).contains(&weight) {
            return Err(Problem::field("weight", format!("a weight of {weight}")).mend("give 1 to 1000"));
        }
        let unlimited = Tenant::unlimited(name);
        let highest = self.highest_priority.as_ref().map(PriorityBody::priority).transpose();
        let highest_priority = highest
            .map_err(|_| Problem::field("highest_priority", "that is no priority"))?
            .unwrap_or(unlimited.highest_priority);
        Ok(Tenant {
            weight,
            highest_priority,
            most_at_once: self.most_at_once,
            longest_film: self.longest_film,
            most_jobs: self.most_jobs,
            ..unlimited
        })
    }
}

/// A token without its text.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct TokenBody {
    /// Its name.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) tenant: String,
    /// `viewer`, `submitter` or `operator`.
    pub(crate) role: &'static str,
    /// What it is for.
    pub(crate) note: String,
    /// When it was made.
    pub(crate) made: String,
    /// When it ends to be valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
}

impl From<&Token> for TokenBody {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            tenant: token.tenant.to_string(),
            role: token.role.name(),
            note: token.note.clone(),
            made: rfc3339::text(token.made),
            expires: token.expires.map(rfc3339::text),
        }
    }
}

/// A token that was just made.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct IssuedBody {
    /// The text to send after `Bearer`. It is shown this once.
    pub(crate) text: String,
    /// What is known of it.
    pub(crate) token: TokenBody,
}

/// A token that is wanted.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenAsk {
    /// Whose it shall be.
    pub(crate) tenant: String,
    /// `viewer`, `submitter` or `operator`.
    pub(crate) role: String,
    /// What it is for, at most 200 characters.
    #[serde(default)]
    pub(crate) note: String,
    /// For how many days it is valid; for ever when absent.
    pub(crate) days: Option<u32>,
}

/// Something that somebody did.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct AuditBody {
    /// When.
    pub(crate) at: String,
    /// The token's name.
    pub(crate) who: String,
    /// The tenant concerned.
    pub(crate) tenant: String,
    /// What was done.
    pub(crate) act: String,
    /// To what.
    pub(crate) on: String,
}
