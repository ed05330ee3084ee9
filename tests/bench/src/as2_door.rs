//! AS2 over HTTP with the durable commit: signed and encrypted messages of 10 KB posted to a gateway of our own, each
//! receipt verified, and the gateway's processor time per message beside that of the two RSA operations in it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use gangway::{
    as2::{certificate::Certificate, send::Document},
    play::{
        As2Form, As2Partner,
        x12::{Interchange, Order, Party, order_acknowledgement},
    },
};

use crate::{
    as2::two_rsa_operations,
    line::Line,
    stats::{peak_resident, processor_time},
};

const THEIRS: &str = "01/123456789";
const OURS: &str = "01/098765432";
/// Lines of an 855 that make about 10 KB.
const LINES: usize = 120;

#[derive(clap::Args)]
pub struct Options {
    /// The gateway's program.
    #[arg(long, default_value = "target/release/gangway")]
    gangway: PathBuf,
    /// Where its data goes: a folder on the disk to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// How many messages.
    #[arg(long, default_value_t = 5000)]
    messages: usize,
    /// How many are on their way at once.
    #[arg(long, default_value_t = 16)]
    at_once: usize,
    /// A connection for each message, instead of one for each sender.
    #[arg(long)]
    reconnect: bool,
}

pub fn run(options: &Options) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(measure(options))
}

async fn measure(options: &Options) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("as2-").tempdir_in(&options.folder)?;
    let mut partner = As2Partner::make("acme", "GANGWAY", Vec::new()).map_err(anyhow::Error::msg)?;
    write_settings(folder.path(), &partner.certificate)?;
    let gateway = Gateway::start(&options.gangway, folder.path()).await?;
    partner.gateway_certificates = own_certificate(folder.path())?;
    println!("{} messages are built first", options.messages);
    let mut built = Vec::with_capacity(options.messages);
    for number in 1..=options.messages {
        let x12 = answer(u32::try_from(number)?);
        let document = Document { content: &x12, content_type: "application/edi-x12", filename: None };
        built.push(partner.message(&[document], &As2Form::default())?);
    }
    let two = two_rsa_operations()?;
    let (built, next) = (Arc::new(built), Arc::new(AtomicUsize::new(0)));
    let (before, began) = (processor_time(gateway.child.id()).as_secs_f64(), Instant::now());
    let senders: Vec<_> = (0..options.at_once)
        .map(|_| {
            let (built, next, partner, url) =
                (Arc::clone(&built), Arc::clone(&next), partner.clone(), gateway.public.clone());
            let reconnect = options.reconnect;
            tokio::spawn(async move {
                let mut line = None;
                while let Some(message) = built.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut open = match line.take().filter(|_| !reconnect) {
                        Some(open) => open,
                        None => Line::open(&url).await?,
                    };
                    let fields = message.http.headers.iter().map(|(name, value)| (&**name, &**value));
                    let answer = open.post("/as2", fields, &message.http.body).await?;
                    ensure!(answer.status == 200, "{}", answer.status);
                    line = Some(open);
                    let receipt = partner.read(&answer.fields, answer.body.into())?;
                    let proof = message.expectation.check(&receipt)?;
                    ensure!(proof.is_accepted(), "{proof}");
                }
                Ok(())
            })
        })
        .collect();
    for sender in senders {
        sender.await??;
    }
    let (elapsed, spent) = (began.elapsed().as_secs_f64(), processor_time(gateway.child.id()).as_secs_f64() - before);
    let each = spent / options.messages as f64;
    println!(
        "{:.0} messages per second, receipts verified by the sender on the same machine\n\
         processor time per message {:.0} us, two RSA operations {:.0} us: {:.2} times; {} MiB resident at most",
        options.messages as f64 / elapsed,
        each * 1e6,
        two * 1e6,
        each / two,
        peak_resident(gateway.child.id()) >> 20
    );
    Ok(())
}

fn answer(number: u32) -> Vec<u8> {
    let order = format!("PO-{number}");
    let set = order_acknowledgement(&Order::sample(&order, LINES), &format!("S-{order}"));
    Interchange::new(&Party::new(THEIRS), &Party::new(OURS), number).with(set).to_bytes()
}

fn write_settings(folder: &Path, certificate: &str) -> Result<()> {
    let settings = "[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n\n[sftp]\naddress = \"off\"\n\n\
                    [private]\nhttp = \"127.0.0.1:0\"\n\n[log]\nlevel = \"warn\"\n";
    std::fs::write(folder.join("gangway.toml"), settings)?;
    std::fs::create_dir(folder.join("partners"))?;
    std::fs::write(folder.join("partners/acme.pem"), certificate)?;
    let partner = format!(
        "name = \"Acme\"\nstatus = \"live\"\n\n[x12]\nids = [\"{THEIRS}\"]\nours = \"{OURS}\"\nacknowledgement = \"none\"\n\n\
         [as2]\nid = \"acme\"\ncertificates = [\"acme.pem\"]\n\n\
         [limits]\nrequests = \"10000000/min\"\ndocuments = \"1000000000/day\"\n"
    );
    Ok(std::fs::write(folder.join("partners/acme.toml"), partner)?)
}

/// The certificate that the gateway made on its first start.
fn own_certificate(folder: &Path) -> Result<Vec<Certificate>> {
    let files = std::fs::read_dir(folder.join("data/as2"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let pem = files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "pem"));
    Ok(Certificate::read_all(&std::fs::read(pem.context("the gateway made no certificate")?)?)?)
}

/// A gateway in a process of its own.
pub struct Gateway {
    pub child: Child,
    /// Where it listens, by name.
    pub listeners: serde_json::Value,
    /// Where its public listener is.
    public: String,
}

impl Gateway {
    /// Starts it over the files in `folder`.
    pub async fn start(program: &Path, folder: &Path) -> Result<Self> {
        let program = program
            .canonicalize()
            .with_context(|| format!("{}: build it first (cargo build --release)", program.display()))?;
        let log = std::fs::File::create(folder.join("log"))?;
        let child = Command::new(program)
            .args(["serve", "--config", "gangway.toml"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut gateway = Self { child, listeners: serde_json::Value::Null, public: String::new() };
        for _ in 0..600 {
            let read = std::fs::read(folder.join("data/listeners.json")).unwrap_or_default();
            let json: serde_json::Value = serde_json::from_slice(&read).unwrap_or_default();
            if let Some(public) = json["public"].as_str() {
                public.clone_into(&mut gateway.public);
                gateway.listeners = json;
                return Ok(gateway);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the gateway did not become ready: {}", std::fs::read_to_string(folder.join("log"))?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
