//! The drop boxes beside OpenSSH's own server, with OpenSSH's client against both in turns, on one disk and with one cipher.
//! Ours answers a CLOSE when the file is durably committed, parsed and answered; OpenSSH's when the kernel has the bytes.
//!
//! Wall-clock figures hold the client's work too. Processor time of the servers is what does not.

use std::{
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use gangway::play::{
    SftpClient, SupplierKey,
    x12::{Interchange, Order, Party, order_acknowledgement},
};

use crate::{
    as2_door::Gateway,
    stats::{median, peak_resident, processor_time, processor_time_of_children},
};

const THEIRS: &str = "01/123456789";
const OURS: &str = "01/098765432";
/// Lines of an 855 that make about 20 KB.
const LINES: usize = 240;
/// Sessions that send small files at one time.
const SESSIONS: usize = 8;

#[derive(clap::Args)]
pub struct Options {
    /// The gateway's program.
    #[arg(long, default_value = "target/release/gangway")]
    gangway: PathBuf,
    /// OpenSSH's server.
    #[arg(long, default_value = "/usr/sbin/sshd")]
    sshd: PathBuf,
    /// Where the data of both goes: a folder on the disk to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The large file, in MB.
    #[arg(long, default_value_t = 200)]
    large: usize,
    /// Small files of each session.
    #[arg(long, default_value_t = 100)]
    files: usize,
    /// The ciphers.
    #[arg(long, value_delimiter = ',', default_value = "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com")]
    ciphers: Vec<String>,
}

pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(measure(options))
}

/// One of the two servers, as the client sees it.
struct Peer<'a> {
    name: &'static str,
    at: SocketAddr,
    user: &'static str,
    /// Where files are put.
    inbox: String,
    processor: Box<dyn Fn() -> Duration + 'a>,
}

/// What one round took: by the clock, and of the server's processor time.
type Took = (f64, f64);

async fn measure(options: &Options) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("sftp-").tempdir_in(&options.folder)?;
    let folder = folder.path();
    let idle_key = SupplierKey::generate()?;
    make_key(&folder.join("user"))?;
    write_settings(folder, &idle_key)?;
    let gateway = Gateway::start(&options.gangway, folder).await?;
    let ours: SocketAddr = gateway.listeners["sftp"].as_str().context("no SFTP listener")?.parse()?;
    let sshd = Sshd::start(&options.sshd, folder)?;
    let inbox = folder.join("theirs");
    fs::create_dir(&inbox)?;
    let (pid, parent) = (gateway.child.id(), sshd.child.id());
    let peers = [
        Peer {
            name: "gangway",
            at: ours,
            user: "acme",
            inbox: "/inbound".to_owned(),
            processor: Box::new(move || processor_time(pid)),
        },
        Peer {
            name: "OpenSSH",
            at: sshd.at,
            user: "root",
            inbox: inbox.display().to_string(),
            processor: Box::new(move || processor_time_of_children(parent)),
        },
    ];

    let peak = || peak_resident(pid) / 1_000_000;
    println!("memory of the gateway: {} MB at its start", resident(pid) / 1_000_000);
    memory(&gateway, &sshd, ours, &idle_key).await?;
    println!("                       {} MB at most so far", peak());
    let client = Client { folder: folder.to_owned(), cipher: String::new(), eager: false };
    let large = noise(options.large * 1_000_000);
    fs::write(folder.join("large"), &large)?;
    drop(large);
    // Eight sessions, each with hundreds of requests under way: what is not taken yet has to wait at the client.
    let flooding =
        Client { cipher: options.ciphers.first().cloned().context("no cipher")?, eager: true, ..client.clone() };
    let batches: Vec<_> = (0..SESSIONS).map(|n| format!("put large /inbound/flood-{n}\n")).collect();
    flooding.timed(&peers[0], &batches)?;
    println!("                       {} MB at most, with {SESSIONS} sessions that flood it", peak());
    let mut number = 0_u32;
    for cipher in &options.ciphers {
        let client = Client { cipher: cipher.clone(), ..client.clone() };
        let mut up = Figures::default();
        let mut down = Figures::default();
        let mut small = Figures::default();
        let mut opaque = Figures::default();
        for round in 0..=options.rounds {
            for (index, peer) in peers.iter().enumerate() {
                number += 1;
                let path = format!("{}/large-{number}", peer.inbox);
                let sent = client.timed(peer, &[format!("put large {path}\n")])?;
                let fetched = client.timed(peer, &[format!("get {path} back\n")])?;
                ensure!(fs::metadata(folder.join("back"))?.len() == options.large as u64 * 1_000_000, "{path} is cut");
                if peer.name == "OpenSSH" {
                    fs::remove_file(&path)?;
                }
                let batches = small_files(folder, peer, options.files, &mut number, false)?;
                let plain = client.timed(peer, &batches)?;
                let batches = small_files(folder, peer, options.files, &mut number, true)?;
                let many = client.timed(peer, &batches)?;
                // The first round warms both up.
                if round > 0 {
                    up.add(index, sent);
                    down.add(index, fetched);
                    opaque.add(index, plain);
                    small.add(index, many);
                }
            }
        }
        let mb = options.large as f64;
        let files = (SESSIONS * options.files) as f64;
        println!("\n{cipher}: medians of {} rounds, in turns", options.rounds);
        println!(
            "| what | gangway | OpenSSH | time, of OpenSSH's | processor time, of OpenSSH's |\n|---|---|---|---|---|"
        );
        up.show(&format!("upload of {mb} MB, durable"), mb, "MB/s");
        down.show(&format!("download of {mb} MB"), mb, "MB/s");
        opaque.show(&format!("any bytes, 20 KB a file over {SESSIONS} sessions, committed"), files, "files/s");
        small.show(&format!("855s of 20 KB over {SESSIONS} sessions, committed and acknowledged"), files, "files/s");
    }
    println!("\nmemory of the gateway: {} MB at most, with all of that", peak());
    Ok(())
}

/// What idle sessions take.
async fn memory(gateway: &Gateway, sshd: &Sshd, ours: SocketAddr, key: &SupplierKey) -> Result<()> {
    const IDLE: usize = 200;
    // The first one makes what all share.
    let first = SftpClient::connect(ours, "idle", key).await?;
    let before = resident(gateway.child.id());
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        let client = SftpClient::connect(ours, "idle", key).await?;
        client.list("/").await?;
        idle.push(client);
    }
    let each = resident(gateway.child.id()).saturating_sub(before) / IDLE as u64;
    println!("idle session: {} KB here ({IDLE} of them)", each / 1000);
    let mut theirs = Command::new("sftp");
    options(&mut theirs, &sshd.folder, sshd.at);
    let mut theirs =
        theirs.arg("root@127.0.0.1").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("              {} KB of its own processes at OpenSSH", proportional(sshd.child.id()) / 1000);
    drop(theirs.stdin.take());
    theirs.wait()?;
    drop((first, idle));
    Ok(())
}

#[derive(Clone)]
struct Client {
    folder: PathBuf,
    cipher: String,
    /// Whether it has as many requests under way as it can.
    eager: bool,
}

impl Client {
    /// Runs `sftp` once for each batch, all at the same time.
    fn timed(&self, peer: &Peer<'_>, batches: &[String]) -> Result<Took> {
        for (n, batch) in batches.iter().enumerate() {
            fs::write(self.folder.join(format!("batch-{n}")), batch)?;
        }
        let (before, began) = ((peer.processor)(), Instant::now());
        let running: Result<Vec<Child>> = (0..batches.len())
            .map(|n| {
                let mut command = Command::new("sftp");
                command.args(["-b", &format!("batch-{n}"), "-o", &format!("Ciphers={}", self.cipher)]);
                options(&mut command, &self.folder, peer.at);
                if self.eager {
                    command.args(["-R", "512"]);
                }
                command.arg(format!("{}@127.0.0.1", peer.user)).stdin(Stdio::null()).stdout(Stdio::null());
                Ok(command.spawn()?)
            })
            .collect();
        for mut child in running? {
            let status = child.wait()?;
            ensure!(status.success(), "sftp to {}: {status}", peer.name);
        }
        let took = began.elapsed().as_secs_f64();
        // The server's process of a session ends a moment after its client.
        std::thread::sleep(Duration::from_millis(300));
        Ok((took, (peer.processor)().saturating_sub(before).as_secs_f64()))
    }
}

fn options(command: &mut Command, folder: &Path, at: SocketAddr) {
    command
        .args(["-F", "none", "-P", &at.port().to_string(), "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"])
        .arg("-i")
        .arg(folder.join("user"))
        .current_dir(folder)
        .env_remove("SSH_AUTH_SOCK");
}

/// What was measured of both servers, one after the other.
#[derive(Default)]
struct Figures([Vec<Took>; 2]);

impl Figures {
    fn add(&mut self, peer: usize, took: Took) {
        self.0[peer].push(took);
    }

    fn show(&self, what: &str, amount: f64, unit: &str) {
        let of = |peer: usize, pick: fn(&Took) -> f64| median(&self.0[peer].iter().map(pick).collect::<Vec<_>>());
        let (ours, theirs) = (of(0, |took| took.0), of(1, |took| took.0));
        let processor = of(0, |took| took.1) / of(1, |took| took.1);
        println!(
            "| {what} | {:.0} {unit} | {:.0} {unit} | {:.2} | {processor:.2} |",
            amount / ours,
            amount / theirs,
            ours / theirs
        );
    }
}

/// Writes the small files of every session; answers the sessions' batches.
fn small_files(
    folder: &Path,
    peer: &Peer<'_>,
    files: usize,
    number: &mut u32,
    interchanges: bool,
) -> Result<Vec<String>> {
    let mut batches = vec![String::new(); SESSIONS];
    for (session, batch) in batches.iter_mut().enumerate() {
        for file in 0..files {
            *number += 1;
            let set = order_acknowledgement(&Order::sample(&format!("PO-{number}"), LINES), &format!("S-{number}"));
            let content = match interchanges {
                true => Interchange::new(&Party::new(THEIRS), &Party::new(OURS), *number).with(set).to_bytes(),
                // Each its own, or it would be a duplicate.
                false => noise(20_000)
                    .iter()
                    .map(|byte| byte.wrapping_add(*number as u8))
                    .chain(number.to_be_bytes())
                    .collect(),
            };
            let name = format!("small-{session}-{file}");
            fs::write(folder.join(&name), content)?;
            writeln!(batch, "put {name} {}/{number}.edi", peer.inbox)?;
        }
    }
    Ok(batches)
}

fn make_key(path: &Path) -> Result<()> {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status()?;
    ensure!(made.success(), "ssh-keygen");
    Ok(())
}

fn write_settings(folder: &Path, idle: &SupplierKey) -> Result<()> {
    let settings = "[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n\n[sftp]\naddress = \"127.0.0.1:0\"\n\n\
                    [private]\nhttp = \"127.0.0.1:0\"\n\n[log]\nlevel = \"warn\"\n";
    fs::write(folder.join("gangway.toml"), settings)?;
    fs::create_dir(folder.join("partners"))?;
    let user = fs::read_to_string(folder.join("user.pub"))?;
    let partner = |name: &str, ids: &str, key: &str| {
        format!(
            "name = \"{name}\"\nstatus = \"live\"\nvendor_number = \"{name}\"\n\n[x12]\nids = [\"{ids}\"]\nours = \"{OURS}\"\n\n\
             [sftp]\nusers = [\"{name}\"]\nkeys = [\"{}\"]\nsessions = 1000\nfiles = \"1000000/min\"\n\n\
             [send]\nchannel = \"sftp\"\nformat = \"x12\"\n\n\
             [limits]\nmessage_size = \"1 GiB\"\ndocuments = \"1000000000/day\"\n",
            key.trim()
        )
    };
    fs::write(folder.join("partners/acme.toml"), partner("acme", THEIRS, &user))?;
    fs::write(folder.join("partners/idle.toml"), partner("idle", "ZZ/IDLE", &idle.public()))?;
    Ok(())
}

/// OpenSSH's server, with its SFTP inside of the session's process, which is its faster way.
struct Sshd {
    child: Child,
    at: SocketAddr,
    folder: PathBuf,
}

impl Sshd {
    fn start(program: &Path, folder: &Path) -> Result<Self> {
        // Debian's own start script makes this one.
        let _ = fs::create_dir_all("/run/sshd");
        make_key(&folder.join("host"))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let settings = format!(
            "ListenAddress {at}\nHostKey {}\nAuthorizedKeysFile {}\nPermitRootLogin yes\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nSubsystem sftp internal-sftp\nPidFile none\nMaxStartups 100\nLogLevel ERROR\n",
            folder.join("host").display(),
            folder.join("user.pub").display()
        );
        fs::write(folder.join("sshd_config"), settings)?;
        let child = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(folder.join("sshd_config"))
            .stderr(Stdio::null())
            .spawn();
        let child = child.with_context(|| format!("{}: install openssh-server", program.display()))?;
        let own = Self { child, at, folder: folder.to_owned() };
        for _ in 0..100 {
            if TcpStream::connect(at).is_ok() {
                return Ok(own);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("OpenSSH's server did not start")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resident(pid: u32) -> u64 {
    field(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// What the children of a process have resident; what they share with others counts in parts.
fn proportional(parent: u32) -> u64 {
    let tasks = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(tasks).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok());
    children.map(|pid| field(&format!("/proc/{pid}/smaps_rollup"), "Pss:") + proportional(pid)).sum()
}

/// A line of a /proc file that counts kibibytes, in bytes.
fn field(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_ne_bytes());
    }
    bytes.truncate(len);
    bytes
}
