//! `gangway serve`: the gateway, until it is told to stop.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};

use super::{CONFIGURATION, INTERNAL, TRY_AGAIN, exit, operate};
use crate::{
    config::LogFormat,
    gateway::{Gateway, StartError},
    ledger::LedgerError,
    observe::{self, Output},
};

/// Runs the gateway. SIGTERM and SIGINT finish what is in flight and stop it; SIGHUP reads partners, mappings and
/// certificates again.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The settings; without a file, gangway.toml where one stands, else safe local defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = operate::settings(args.config.as_deref())?;
    let output = match settings.log.format {
        LogFormat::Json => Output::Json,
        LogFormat::Pretty => Output::Pretty,
        LogFormat::Auto if std::io::stderr().is_terminal() => Output::Pretty,
        LogFormat::Auto => Output::Json,
    };
    observe::init(output, &settings.log.level).map_err(|error| exit(CONFIGURATION, error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let gateway = Gateway::start(settings).await.map_err(refused)?;
        wait(&gateway).await?;
        gateway.stop().await.map_err(|error| exit(INTERNAL, error))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Waits for the word to stop, and reloads on SIGHUP until then.
async fn wait(gateway: &Gateway) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => {
                let reload = gateway.reload();
                tokio::task::spawn_blocking(move || reload.run()).await?;
            }
        }
    }
}

/// Why it did not start, with the exit code that says what to do about it.
pub(super) fn refused(error: StartError) -> anyhow::Error {
    let code = match &error {
        StartError::Ledger(LedgerError::Unavailable(_) | LedgerError::Full(_)) => TRY_AGAIN,
        StartError::Ledger(_) | StartError::Io { .. } | StartError::Settings(_) => CONFIGURATION,
    };
    exit(code, error)
}
