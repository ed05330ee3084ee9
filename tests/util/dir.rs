//! A folder for one test, gone when the test is over. Of a test that failed, its logs, settings and other small files are
//! kept in `target/tmp/failed/NAME`, the newest failure only; with `GANGWAY_KEEP` set the whole folder stays where it is.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{self, Command, Output},
};

/// The largest file that is kept of a failed test; of a log, as much of its end.
const KEPT_FILE: u64 = 1 << 20;
/// How much is kept of a failed test in all.
const KEPT: u64 = 16 << 20;

/// The folder that a gateway's operator would stand in: settings, partners, data.
#[derive(Debug)]
pub struct Dir {
    name: String,
    folder: Option<tempfile::TempDir>,
    path: PathBuf,
}

impl Dir {
    /// An empty folder.
    pub fn new(name: &str) -> Self {
        sweep(name);
        let prefix = format!("gangway-{name}-{}-", process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a folder");
        Self { name: name.to_owned(), path: folder.path().to_owned(), folder: Some(folder) }
    }

    /// A path in the folder.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, with the folders on the way to it.
    pub fn create(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// The program with these arguments, standing in this folder.
    pub fn gangway(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gangway"));
        command.args(arguments).current_dir(&self.path).env_remove("RUST_LOG").env("NO_COLOR", "1");
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.gangway(arguments).output().expect("the program starts")
    }

    /// Runs the program to its end, which must be a good one, and gives what it printed.
    pub fn run_well(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "gangway {arguments:?}: {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        if std::env::var_os("GANGWAY_KEEP").is_some()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("the test's whole folder: {}", folder.keep().display());
            return;
        }
        match keep(&self.path, &failed(&self.name)) {
            Ok(()) => eprintln!(
                "the test's logs and small files: {} (GANGWAY_KEEP=1 keeps the whole folder)",
                failed(&self.name).display()
            ),
            Err(error) => eprintln!("nothing could be kept of the test's folder: {error}"),
        }
    }
}

/// Where a failed test's files are kept.
fn failed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("failed").join(name)
}

/// Removes what runs of this test left that were killed and could not clean up.
fn sweep(name: &str) {
    let prefix = format!("gangway-{name}-");
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let run = file.strip_prefix(&prefix).and_then(|rest| rest.split_once('-')).map(|(run, _)| run);
        if run.is_some_and(|run| run.parse::<u32>().is_ok() && !Path::new("/proc").join(run).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Copies what helps whoever looks at a failure, in place of what was kept of the last one.
fn keep(from: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => copy(from, to, &mut 0),
    }
}

fn copy(from: &Path, to: &Path, kept: &mut u64) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        let meta = fs::symlink_metadata(&entry)?;
        if meta.is_dir() {
            copy(&entry, &target, kept)?;
        } else if meta.is_file() {
            let log = entry.extension().is_some_and(|ending| ending == "log");
            let size = meta.len().min(KEPT_FILE);
            if (log || meta.len() <= KEPT_FILE) && *kept + size <= KEPT {
                let mut source = File::open(&entry)?;
                source.seek(SeekFrom::Start(meta.len() - size))?;
                *kept += io::copy(&mut source.take(size), &mut File::create(&target)?)?;
            }
        }
    }
    Ok(())
}

/// Of a failure its log and small files stay, of the next failure only that one's, and of a killed run nothing.
#[test]
fn what_is_kept_of_a_failed_test_is_small_and_the_newest() {
    let name = "what_is_kept_of_a_failed_test_is_small_and_the_newest";
    if std::env::var_os("GANGWAY_KEEP").is_some() {
        super::skip(name, "with GANGWAY_KEEP whole folders are kept");
        return;
    }
    let fail = |number: usize| {
        let dir = Dir::new(name);
        dir.create(format!("only-{number}.toml"), "small");
        dir.create("data/payload", vec![0; 2 << 20]);
        dir.create("gateway.log", [vec![b'.'; 2 << 20], b"the end".to_vec()].concat());
        let path = dir.path.clone();
        let failure = std::thread::spawn(move || {
            let _dir = dir;
            // Unlike a panic it says nothing in the output of a test that is fine.
            std::panic::resume_unwind(Box::new("a failure"));
        });
        assert!(failure.join().is_err());
        path
    };
    for number in [1, 2] {
        assert!(!fail(number).exists(), "the folder itself is gone");
    }
    let kept = failed(name);
    let log = fs::read(kept.join("gateway.log")).unwrap();
    assert!(log.len() as u64 == KEPT_FILE && log.ends_with(b"the end"), "{}", log.len());
    assert!(kept.join("only-2.toml").exists() && !kept.join("only-1.toml").exists());
    assert!(kept.join("data").exists() && !kept.join("data/payload").exists());
    fs::remove_dir_all(kept).unwrap();

    // No process has this number.
    let left = std::env::temp_dir().join(format!("gangway-{name}-4294967295-abc"));
    fs::create_dir_all(left.join("data")).unwrap();
    let alive = Dir::new(name);
    drop(Dir::new(name));
    assert!(!left.exists() && alive.path.exists());
}
