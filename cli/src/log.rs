//! Logs through `tracing`, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// As JSON when a role runs where nobody watches, as text otherwise.
    #[default]
    Auto,
    /// One readable line each.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. Roles tell their steps, everything else only warnings; `-v` adds steps, `-vv` everything of ours. `RUST_LOG` wins
/// over both.
pub(crate) fn start(verbose: u8, format: Format, role: bool) {
    let level = match verbose {
        0 if role => "info,sqlx=warn",
        0 => "warn",
        1 => "info,sqlx=warn",
        _ => "debug,sqlx=warn,hyper_util=info",
    };
    let filter = || EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let terminal = std::io::stderr().is_terminal();
    let json = format == Format::Json || (format == Format::Auto && role && !terminal);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = if json {
        layer.json().flatten_event(true).with_span_list(false).with_filter(filter()).boxed()
    } else {
        layer.with_ansi(terminal).with_target(verbose > 1).with_filter(filter()).boxed()
    };
    tracing_subscriber::registry().with(layer).init();
}
