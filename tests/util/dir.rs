//! A folder for one test, gone when the test is over unless it failed and `GANGWAY_KEEP` is set.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The folder that a gateway's operator would stand in: settings, partners, data.
#[derive(Debug)]
pub struct Dir {
    folder: Option<tempfile::TempDir>,
    path: PathBuf,
}

impl Dir {
    /// An empty folder.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("gangway-{name}-")).tempdir().expect("a folder");
        Self { path: folder.path().to_owned(), folder: Some(folder) }
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
        if std::thread::panicking()
            && std::env::var_os("GANGWAY_KEEP").is_some()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("kept: {}", folder.keep().display());
        }
    }
}
