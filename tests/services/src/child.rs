//! A service as a child of the test process, which never outlives it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A command that is started and killed together with everything that it starts itself, in a folder of its own.
///
/// A shell stands between: it kills the service and removes the folder when its stdin closes, which also happens when the
/// test process is killed. It has a process group of its own, so that Ctrl-C in a terminal does not kill it before that.
#[derive(Debug)]
pub(crate) struct Keeper {
    folder: PathBuf,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
    // Not waited for: it ends when this process does.
    _shell: Child,
}

impl Keeper {
    /// A keeper of `command` (program and arguments) with some variables, not started yet. `folder` is its from now on.
    pub(crate) fn new(folder: &Path, command: &[&str], variables: &[(&str, String)]) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(include_str!("keeper.sh")).arg("keeper").arg(folder).args(command);
        shell.envs(variables.iter().map(|(name, value)| (name, value)));
        shell.current_dir(folder).process_group(0);
        let mut shell = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("sh does not start: {e}"));
        let (words, answers) = (shell.stdin.take(), shell.stdout.take());
        let (Some(words), Some(answers)) = (words, answers) else { unreachable!("both were asked for") };
        let line = Line { words, answers: BufReader::new(answers), _shell: shell };
        Self { folder: folder.to_owned(), line: Mutex::new(line) }
    }

    /// Starts the service; returns when its process runs, which is long before it answers.
    pub(crate) fn start(&self) {
        self.line().say("start");
    }

    /// Kills the service and all its processes with SIGKILL; returns when they are gone.
    pub(crate) fn kill(&self) {
        self.line().say("kill");
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of what the service said, for a message about its failure.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).into_owned()
    }
}

impl Line {
    fn say(&mut self, word: &str) {
        let mut answer = String::new();
        let said = writeln!(self.words, "{word}").and_then(|()| self.answers.read_line(&mut answer));
        assert!(said.is_ok() && answer.trim() == word, "the shell that keeps a service is gone");
    }
}

/// A folder that a [`Keeper`] removes.
pub(crate) fn folder(service: &str) -> PathBuf {
    let made = tempfile::Builder::new().prefix(&format!("emofarm-{service}-")).tempdir();
    made.unwrap_or_else(|e| panic!("no temporary folder for {service}: {e}")).keep()
}

/// A TCP port of the loopback interface that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.unwrap_or_else(|e| panic!("no free port: {e}")).port()
}

/// Ends the test with a message when a program is not installed.
pub(crate) fn require(program: &str, package: &str) {
    assert!(
        Path::new(program).is_file(),
        "{program} is missing: install the Debian package {package}, or run tools/setup.sh; the tests of the farm need it"
    );
}
