//! Runs the program as a user would.

use std::{
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

/// Path of the `emofarm` binary, built once for this run of the tests.
///
/// Cargo hands a binary's path only to tests of the crate that makes it, so the build is asked for here; when `cargo test
/// --workspace` has built it already, this takes no time.
///
/// # Panics
/// When the build fails.
pub fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            // With a test among the targets cargo chooses the same features of all crates as for the tests themselves; without
            // one it would build half of them a second time.
            .args([
                "build",
                "--workspace",
                "--bin",
                "emofarm",
                "--test",
                "layers",
                "--message-format",
                "json",
                "--quiet",
            ])
            .current_dir(crate::root())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "the binary does not build");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|message| message["target"]["name"] == "emofarm")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the binary that it built")
    })
}

/// The program in a directory of its own: no settings, data or packs of the machine are seen.
pub struct House {
    dir: tempfile::TempDir,
}

impl House {
    /// An empty house.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// A path inside the house.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command line, ready to run, with the house as its current and data directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("EMOFARM_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("EMOFARM_DATA_DIR", self.path("data"))
            .env("EMOFARM_MODEL_PATH", crate::root().join("models"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program starts")
    }

    /// Runs to the end and reads the JSON document that it prints.
    ///
    /// # Panics
    /// When the program fails or prints anything else.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Starts without waiting.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("the program starts")
    }
}

impl Default for House {
    fn default() -> Self {
        Self::new()
    }
}
