//! `gangway demo`: a supplier's day against a gateway in a temporary folder.

use std::{fs, io::Write, process::ExitCode};

use super::{FINDINGS, operate, serve::refused};
use crate::{
    config::Settings,
    document::Mode,
    gateway::Gateway,
    keys::{self, ApiKey},
    play::{Day, Endpoint, ErpClient, Morning, Step, Supplier},
};

/// Plays a supplier's day.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Leave the gateway running when the day is over, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

const OURS: &str = "01/098765432";
const THEIRS: &str = "01/123456789";

/// Runs the command: exit 0 only if every step happened.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("gangway-demo-").tempdir()?;
    let key = ApiKey::generate(Mode::Live);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let endpoint = Endpoint::start().await?;
        write(folder.path(), &key, &endpoint)?;
        let settings = operate::settings(Some(&folder.path().join("gangway.toml")))?;
        play(settings, &key, &endpoint, args.keep).await
    })
}

/// The files of a gateway on free ports and its two suppliers: one calls, one is called.
fn write(folder: &std::path::Path, key: &ApiKey, endpoint: &Endpoint) -> anyhow::Result<()> {
    let settings = "[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\n\n\
                    [private]\nhttp = \"127.0.0.1:0\"\n\n[sftp]\naddress = \"off\"\n";
    let partner = format!(
        "name = \"Northwind Bolts\"\nstatus = \"live\"\nvendor_number = \"100234\"\n\n\
         [x12]\nids = [\"{THEIRS}\"]\nours = \"{OURS}\"\nversion = \"004010\"\n\n\
         [rest]\napi_keys = [\"sha256:{}\"]\n",
        key.digest()
    );
    fs::write(folder.join("gangway.toml"), settings)?;
    fs::create_dir(folder.join("partners"))?;
    fs::write(folder.join("partners").join("northwind.toml"), partner)?;
    let called = format!(
        "name = \"Ridgeline Tooling\"\nstatus = \"live\"\nvendor_number = \"100235\"\n\n\
         [webhook]\nurl = \"{}\"\nsecrets = [\"file:webhook.secret\"]\n\n\
         [send]\nchannel = \"webhook\"\nformat = \"json\"\nretry_after = \"200ms\"\nretry_at_most = \"1s\"\n",
        endpoint.url()
    );
    fs::write(folder.join("partners").join("ridgeline.toml"), called)?;
    fs::write(folder.join("webhook.secret"), keys::random::<24>().map(|byte| format!("{byte:02x}")).concat())?;
    Ok(())
}

async fn play(settings: Settings, key: &ApiKey, endpoint: &Endpoint, keep: bool) -> anyhow::Result<ExitCode> {
    let token = settings.data.join("erp.token");
    let gateway = Gateway::start(settings).await.map_err(refused)?;
    let at = gateway.listening().clone();
    let url = |address: Option<std::net::SocketAddr>| address.map(|at| format!("http://{at}")).unwrap_or_default();
    let (public, private) = (url(at.public), url(at.private));
    let token_text = fs::read_to_string(&token)?;
    println!("A gateway runs: suppliers at {public}, the ERP at {private}\n");
    let day = Day {
        supplier: Supplier::new(public.clone(), key.reveal()),
        theirs: THEIRS.into(),
        ours: OURS.into(),
        erp: ErpClient::new(private.clone(), token_text.trim()),
        consumer: "erp".into(),
    };
    let began = std::time::Instant::now();
    let mut steps = 0;
    let mut tell = |step: &Step| {
        steps += 1;
        // Somebody who stops reading does not stop the day.
        let elapsed = began.elapsed().as_secs_f64();
        let _ = writeln!(std::io::stdout(), "{elapsed:>6.2} s  {:<44} {}", step.what, step.result);
    };
    let morning = Morning { day: &day, fetching: "northwind", called: "ridgeline", endpoint };
    let played = match morning.play("4500012345", &mut tell).await {
        Ok(()) => day.play(&mut tell).await,
        error => error,
    };
    let code = match &played {
        Ok(()) => {
            println!("\nEvery step happened ({steps} of {steps}). What was acknowledged reached the ERP once.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nThis step did not happen: {error}");
            ExitCode::from(FINDINGS)
        }
    };
    if keep && played.is_ok() {
        println!("\nIt keeps running until Ctrl-C.\n  supplier: {public}/v1/messages, key {}", key.reveal());
        println!("  ERP: {private}/erp/v1/queue/erp/lease, token {}", token_text.trim());
        tokio::signal::ctrl_c().await?;
    }
    gateway.stop().await?;
    Ok(code)
}
