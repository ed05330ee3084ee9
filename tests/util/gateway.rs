//! The program as a process of its own: started on free ports, asked whether it is ready, killed or stopped.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use gangway::play::{Client, ErpClient, Supplier};

use super::{LOOK, LOOKS, dir::Dir};

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    log: PathBuf,
    data: PathBuf,
    public: String,
    private: String,
}

impl Gateway {
    /// Starts the program over the files in `dir` and waits until it is ready.
    pub async fn start(dir: &Dir) -> Self {
        match Self::try_start(dir).await {
            Ok(gateway) => gateway,
            Err(Failed { status, log }) => panic!("the gateway did not start ({status:?}):\n{log}"),
        }
    }

    /// Starts the program; tells how it ended where it did not become ready.
    pub async fn try_start(dir: &Dir) -> Result<Self, Failed> {
        let data = dir.join("data");
        let listeners = data.join("listeners.json");
        // What a killed process left would be read as ours.
        let _ = fs::remove_file(&listeners);
        let log = dir.join("gateway.log");
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let mut child = dir
            .gangway(&["serve", "--config", "gangway.toml"])
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .expect("the program starts");
        for _ in 0..LOOKS {
            if let Some(status) = child.try_wait().unwrap() {
                return Err(Failed { status: Some(status), log: tail(&log) });
            }
            if let Some((public, private)) = addresses(&listeners) {
                let probe = Client::new(private.clone(), None);
                if probe.get("/readyz").await.is_ok_and(|answer| answer.status.is_success()) {
                    return Ok(Self { child, log, data, public, private });
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(Failed { status: None, log: tail(&log) })
    }

    /// A supplier with this key.
    pub fn supplier(&self, key: &str) -> Supplier {
        Supplier::new(self.public.clone(), key)
    }

    /// The ERP, with the token that the gateway made.
    pub fn erp(&self) -> ErpClient {
        let token = fs::read_to_string(self.data.join("erp.token")).expect("data/erp.token");
        ErpClient::new(self.private.clone(), token.trim())
    }

    /// A plain client of the public listener, without a key.
    pub fn public(&self) -> Client {
        Client::new(self.public.clone(), None)
    }

    /// A plain client of the private listener, without a token.
    pub fn private(&self) -> Client {
        Client::new(self.private.clone(), None)
    }

    /// `127.0.0.1:port` of the public listener.
    pub fn public_address(&self) -> &str {
        self.public.trim_start_matches("http://")
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash would: no destructor, no flush, nothing.
    pub fn kill9(mut self) {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop, as an operator or an orchestrator does, and expects a clean end.
    pub async fn stop(mut self) {
        self.signal("TERM");
        for _ in 0..LOOKS {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "stopped with {status}:\n{}", tail(&self.log));
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("it did not stop:\n{}", tail(&self.log));
    }

    /// Stops it and starts it again over the same files.
    pub async fn restart(self, dir: &Dir) -> Self {
        self.stop().await;
        Self::start(dir).await
    }

    /// Sends a signal by name, like `STOP` or `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(status.expect("kill").success(), "kill -{name}");
    }

    /// The process's resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- the gateway's log ----\n{}", tail(&self.log));
        }
    }
}

/// How a start failed.
#[derive(Debug)]
pub struct Failed {
    /// How the program ended; nothing where it ran and never became ready.
    pub status: Option<ExitStatus>,
    /// The last of its log.
    pub log: String,
}

/// The two plain listeners' base addresses, once the gateway has written them.
fn addresses(listeners: &PathBuf) -> Option<(String, String)> {
    let text = fs::read_to_string(listeners).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    let base = |name: &str| Some(format!("http://{}", json.get(name)?.as_str()?));
    Some((base("public")?, base("private")?))
}

fn tail(log: &PathBuf) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
