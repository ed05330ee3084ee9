//! `gangway demo`: a day of three suppliers, three channels, against a gateway in a temporary folder.

use std::{fs, io::Write, path::Path, process::ExitCode};

use tokio::signal::unix::{Signal, SignalKind, signal};
use toml_edit::{Array, DocumentMut, value};

use super::{FINDINGS, operate, serve::refused};
use crate::{
    config::Settings,
    document::Mode,
    doors::as2::Ring,
    gateway::Gateway,
    keys::ApiKey,
    play::{As2Partner, As2Server, Day, ErpClient, OverAs2, OverSftp, SftpClient, Step, Supplier, SupplierKey},
};

/// Plays a day with the three example suppliers: orders out over AS2, SFTP and REST, and what they answer.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Leave the gateway running when the day is over, until Ctrl-C or SIGTERM; then its folder is removed.
    #[arg(long)]
    keep: bool,
}

const OURS: &str = "ZZ/EXAMPLEBUYER";
const COLDFORGE: &str = include_str!("../../partners/coldforge.toml");
const TALLGRASS: &str = include_str!("../../partners/tallgrass.toml");
const NORDBOLT: &str = include_str!("../../partners/nordbolt.toml");

/// What the suppliers have of their own.
struct Cast {
    software: As2Partner,
    server: As2Server,
    coldforge: ApiKey,
    tallgrass: SupplierKey,
    nordbolt: ApiKey,
}

/// Runs the command: exit 0 only if every step happened.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("gangway-demo-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        let settings = settings(folder.path())?;
        let cast = Cast::new(&settings).await?;
        cast.write(&folder.path().join("partners"))?;
        let mut ending = Ending::watch()?;
        if args.keep {
            // Whoever ends it during the day is heard when the day is over.
            return play(settings, cast, folder.path(), Some(&mut ending)).await;
        }
        tokio::select! {
            code = play(settings, cast, folder.path(), None) => code,
            name = ending.told() => Ok(interrupted(name)),
        }
    });
    // Nobody looks for the folder of a demo that is over.
    folder.close()?;
    code
}

/// Whoever ends programs: a person, or an orchestrator. Heard from when this is made.
struct Ending {
    interrupt: Signal,
    terminate: Signal,
}

impl Ending {
    fn watch() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one of them, and tells which.
    async fn told(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

fn interrupted(name: &str) -> ExitCode {
    println!("\nThe day was ended by {name}; its folder is removed.");
    ExitCode::from(FINDINGS)
}

/// The settings of a gateway on free ports.
fn settings(folder: &Path) -> anyhow::Result<Settings> {
    let text = "[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n\n[private]\nhttp = \"127.0.0.1:0\"\n\n\
                [sftp]\naddress = \"127.0.0.1:0\"\n";
    fs::write(folder.join("gangway.toml"), text)?;
    fs::create_dir(folder.join("partners"))?;
    operate::settings(Some(&folder.join("gangway.toml")))
}

impl Cast {
    async fn new(settings: &Settings) -> anyhow::Result<Self> {
        fs::create_dir_all(&settings.data)?;
        // The gateway finds these keys of its own when it starts; the supplier has to know their certificates before.
        let (ring, _) = Ring::open(settings)?;
        let certificates = ring.keys().iter().map(|key| key.certificate().clone()).collect();
        let software = As2Partner::make("COLDFORGE-AS2", &settings.as2.id, certificates);
        let software = software.map_err(anyhow::Error::msg)?;
        Ok(Self {
            server: As2Server::start(software.clone()).await?,
            software,
            coldforge: ApiKey::generate(Mode::Live),
            tallgrass: SupplierKey::generate()?,
            nordbolt: ApiKey::generate(Mode::Live),
        })
    }

    /// The example files, live, with the keys and addresses of this day.
    fn write(&self, partners: &Path) -> anyhow::Result<()> {
        let write = |id: &str, text: &str, change: &dyn Fn(&mut DocumentMut)| -> anyhow::Result<()> {
            let mut file: DocumentMut = text.parse()?;
            file["status"] = value("live");
            change(&mut file);
            Ok(fs::write(partners.join(format!("{id}.toml")), file.to_string())?)
        };
        fs::write(partners.join("coldforge.pem"), &self.software.certificate)?;
        write("coldforge", COLDFORGE, &|file| {
            file["as2"]["url"] = value(self.server.url());
            file["as2"]["certificates"] = value(Array::from_iter(["coldforge.pem"]));
            file["rest"]["api_keys"] = keys(&self.coldforge);
            file["send"]["retry_after"] = value("200ms");
            file["send"]["retry_at_most"] = value("1s");
        })?;
        write("tallgrass", TALLGRASS, &|file| {
            file["sftp"]["keys"] = value(Array::from_iter([self.tallgrass.public()]));
        })?;
        write("nordbolt", NORDBOLT, &|file| file["rest"]["api_keys"] = keys(&self.nordbolt))
    }
}

fn keys(key: &ApiKey) -> toml_edit::Item {
    value(Array::from_iter([format!("sha256:{}", key.digest())]))
}

async fn play(settings: Settings, cast: Cast, folder: &Path, keep: Option<&mut Ending>) -> anyhow::Result<ExitCode> {
    let token = settings.data.join("erp.token");
    let gateway = Gateway::start(settings).await.map_err(refused)?;
    let at = gateway.listening().clone();
    let url = |address: Option<std::net::SocketAddr>| address.map(|at| format!("http://{at}")).unwrap_or_default();
    let (public, private) = (url(at.public), url(at.private));
    let sftp = at.sftp.ok_or_else(|| anyhow::anyhow!("SFTP is off"))?;
    let token = fs::read_to_string(&token)?.trim().to_owned();
    println!("A gateway runs: suppliers at {public} and sftp://{sftp}, the ERP at {private}\n");
    let day = Day {
        erp: ErpClient::new(private.clone(), &token),
        consumer: "erp".into(),
        ours: OURS.into(),
        coldforge: OverAs2 {
            theirs: "ZZ/COLDFORGE".into(),
            software: cast.software,
            server: cast.server,
            gateway: format!("{public}/as2"),
            api: Supplier::new(public.clone(), cast.coldforge.reveal()),
        },
        tallgrass: OverSftp {
            theirs: "12/5550100102".into(),
            client: SftpClient::connect(sftp, "tallgrass", &cast.tallgrass).await?,
        },
        nordbolt: Supplier::new(public.clone(), cast.nordbolt.reveal()),
    };
    let began = std::time::Instant::now();
    let mut steps = 0;
    let played = day
        .play(&mut |step: &Step| {
            steps += 1;
            let elapsed = began.elapsed().as_secs_f64();
            // Somebody who stops reading does not stop the day.
            let _ = writeln!(std::io::stdout(), "{elapsed:>6.2} s  {:<41} {}", step.what, step.result);
        })
        .await;
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
    if let (Some(ending), Ok(())) = (keep, &played) {
        let config = folder.join("gangway.toml");
        println!("\nIt keeps running until Ctrl-C. Try\n");
        println!("  gangway find --config {} --number 4500012345", config.display());
        println!("  curl -H 'Authorization: Bearer {token}' {private}/erp/v1/orders/4500012345");
        println!("  curl -H 'Authorization: Bearer {}' {public}/v1/messages", cast.nordbolt.reveal());
        println!("  ls {}", folder.join("partners").display());
        let name = ending.told().await;
        println!("\nEnded by {name}; {} is removed.", folder.display());
    }
    gateway.stop().await?;
    Ok(code)
}
