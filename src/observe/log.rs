//! The log: one line per event on standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// The environment variable that overrides the configured filter, like `gangway=debug,info`.
const FILTER_VARIABLE: &str = "GANGWAY_LOG";

/// How lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object per line.
    Json,
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("the log filter {filter:?} cannot be read: {reason}")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It was set up before.
    #[error("the log was set up before")]
    Twice,
}

/// Sets the log up, once for the process. `filter` is a level, or levels per part, as in `info,hyper=warn`.
pub fn init(output: Output, filter: &str) -> Result<(), LogError> {
    let filter = std::env::var(FILTER_VARIABLE).ok().filter(|text| !text.is_empty()).unwrap_or_else(|| filter.into());
    let filter = read_filter(&filter)?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let done = match output {
        Output::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        Output::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    done.map_err(|_| LogError::Twice)
}

fn read_filter(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| LogError::Filter { filter: filter.into(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_told() {
        assert!(read_filter("info,gangway=debug,hyper=warn").is_ok());
        assert!(matches!(read_filter("gangway=loud"), Err(LogError::Filter { .. })));
    }
}
