//! OpenSSH's own server on a free port of the loopback, as partners run it: each connection gets a process of its own.

use std::{
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use gangway::partner::SshKey;

use super::site::user_key;

const PROGRAM: &str = "/usr/sbin/sshd";

/// A server at work. It lets root in with the key that every partner here has.
pub struct Sshd {
    pub address: SocketAddr,
    pub key: SshKey,
    stop: Arc<AtomicBool>,
    children: Arc<Mutex<Vec<Child>>>,
}

/// Whether OpenSSH's server can be run here; else says that `test` proves nothing.
pub fn here(test: &str) -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let here = Path::new(PROGRAM).exists() && root;
    if !here {
        crate::util::skip(
            test,
            "OpenSSH's server is not installed (apt-get install openssh-server), or this is not root",
        );
    }
    here
}

impl Sshd {
    /// Starts one whose files are in `folder`.
    pub fn start(folder: &Path) -> Self {
        // Debian's own start script makes this one.
        let _ = std::fs::create_dir_all("/run/sshd");
        let at = |name: &str| folder.join(name).display().to_string();
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at("host_key")]).status();
        assert!(made.unwrap().success());
        std::fs::write(at("authorized_keys"), user_key().public_key().to_openssh().unwrap()).unwrap();
        let settings = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nPermitRootLogin yes\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nSubsystem sftp internal-sftp\nPidFile none\nLogLevel ERROR\n",
            at("host_key"),
            at("authorized_keys")
        );
        std::fs::write(at("sshd_config"), settings).unwrap();
        let key = std::fs::read_to_string(at("host_key.pub")).unwrap().trim().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, children) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, started, config) = (stop.clone(), children.clone(), at("sshd_config"));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let out = stream.try_clone().unwrap();
                let child = Command::new(PROGRAM)
                    .args(["-i", "-e", "-f", &config])
                    .stdin(Stdio::from(OwnedFd::from(stream)))
                    .stdout(Stdio::from(OwnedFd::from(out)))
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                started.lock().unwrap().push(child);
            }
        });
        Self { address, key, stop, children }
    }

    /// Cuts every connection that there is.
    pub fn cut(&self) {
        for child in &mut *self.children.lock().unwrap() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
        self.cut();
    }
}

/// The names in a folder of the server's, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A folder of the server's.
pub fn folder(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}
