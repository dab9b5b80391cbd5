//! Arguments of `token` and `tenant`.

use std::time::Duration;

use clap::{Args, Subcommand};
use shared::{Name, Priority, ports::access::Role};

use super::numbers::parse;

/// Arguments of `token`.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// What to do with tokens.
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// Verbs on tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, once: the ledger keeps only its digest.
    #[command(after_help = "\
Examples:
  emofarm token create --role operator --note \"on-call\"
  emofarm token create --tenant studio-7 --role submitter --note \"dailies\" --days 90")]
    Create(CreateTokenArgs),
    /// List the tokens that were not revoked.
    #[command(after_help = "Example:\n  emofarm token list --json")]
    List,
    /// End a token; requests that carry it are refused from then on.
    #[command(after_help = "Example:\n  emofarm token revoke tok-3f9ac0d1e2b4")]
    Revoke {
        /// The token's id, as `token list` shows it.
        id: String,
    },
}

/// Arguments of `token create`.
#[derive(Debug, Args)]
pub(crate) struct CreateTokenArgs {
    /// Whose jobs it opens.
    #[arg(long, default_value = "default", value_parser = parse::<Name>)]
    pub(crate) tenant: Name,
    /// What it allows: viewer, submitter or operator.
    #[arg(long, default_value = "submitter", value_parser = role)]
    pub(crate) role: Role,
    /// What it is for.
    #[arg(long, default_value = "")]
    pub(crate) note: String,
    /// Days after which it ends to be valid [default: never].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: Option<u32>,
}

impl CreateTokenArgs {
    /// How long it is valid.
    pub(crate) fn term(&self) -> Option<Duration> {
        self.days.map(|days| Duration::from_secs(u64::from(days) * 86_400))
    }
}

/// Arguments of `tenant`.
#[derive(Debug, Args)]
pub(crate) struct TenantArgs {
    /// What to do with tenants.
    #[command(subcommand)]
    pub(crate) command: TenantCommand,
}

/// Verbs on tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant, or change what it is entitled to.
    #[command(after_help = "\
Examples:
  emofarm tenant set studio-7 --weight 3 --most-at-once 40
  emofarm tenant set trial --highest-priority normal --longest-film 600 --most-jobs 5

What is not given stays as it was; \"none\" takes a limit away.")]
    Set(SetTenantArgs),
    /// List the tenants.
    #[command(after_help = "Example:\n  emofarm tenant list --json")]
    List,
}

/// Arguments of `tenant set`.
#[derive(Debug, Args)]
pub(crate) struct SetTenantArgs {
    /// The tenant's name.
    #[arg(value_parser = parse::<Name>)]
    pub(crate) name: Name,
    /// Its share of the farm beside tenants with work of the same priority, 1 to 1000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) weight: Option<u32>,
    /// Tasks that may be under way at once, or none.
    #[arg(long, value_name = "TASKS", value_parser = limit::<u32>)]
    pub(crate) most_at_once: Option<Limit<u32>>,
    /// The highest priority that its jobs may have.
    #[arg(long, value_name = "PRIORITY", value_parser = parse::<Priority>)]
    pub(crate) highest_priority: Option<Priority>,
    /// The longest film in seconds, or none.
    #[arg(long, value_name = "SECONDS", value_parser = limit::<u64>)]
    pub(crate) longest_film: Option<Limit<u64>>,
    /// Jobs that may be running at once, or none.
    #[arg(long, value_name = "JOBS", value_parser = limit::<u32>)]
    pub(crate) most_jobs: Option<Limit<u32>>,
}

/// A limit as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit<T> {
    /// As many as that.
    Of(T),
    /// No limit.
    None,
}

impl<T> Limit<T> {
    /// The limit as tenants have it.
    pub(crate) fn into_option(self) -> Option<T> {
        match self {
            Self::Of(most) => Some(most),
            Self::None => None,
        }
    }
}

fn limit<T: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Result<Limit<T>, String> {
    match text.parse::<T>() {
        _ if text == "none" => Ok(Limit::None),
        Ok(most) if most >= T::from(1) => Ok(Limit::Of(most)),
        _ => Err("give a number from 1, or none".into()),
    }
}

fn role(text: &str) -> Result<Role, String> {
    Role::named(text).ok_or_else(|| "give viewer, submitter or operator".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_roles_are_read_by_their_words() {
        assert_eq!(limit::<u32>("none"), Ok(Limit::None));
        assert_eq!(limit::<u64>("7"), Ok(Limit::Of(7)));
        assert!(limit::<u32>("0").is_err() && limit::<u32>("-1").is_err() && limit::<u32>("many").is_err());
        assert_eq!(role("operator"), Ok(Role::Operator));
        assert!(role("root").is_err());
    }
}
