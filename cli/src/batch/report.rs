//! What became of every row.

use std::path::Path;

use serde_json::{Value, json};
use shared::{Error, Result};

use super::row::Row;
use crate::{
    client::upload::Input,
    output::{self, Table},
};

/// How a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    /// Its film was made and delivered now.
    Done,
    /// Its film was there from an earlier run.
    Kept,
    /// It has no film.
    Failed,
    /// The run was stopped before it ended; its job goes on, if it was submitted.
    Open,
}

impl Ending {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Kept => "kept",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }
}

/// One row's line.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Line {
    /// Its line in the file.
    pub(super) row: u64,
    /// The customer's own name for it.
    pub(super) external_id: Option<String>,
    /// The portrait.
    pub(super) portrait: String,
    /// The track.
    pub(super) audio: String,
    /// Where its film is.
    pub(super) output: String,
    /// The job that was made of it.
    pub(super) job: Option<String>,
    /// How it ended.
    pub(super) state: Ending,
    /// Seconds from this run's look at it to its end.
    pub(super) seconds: f64,
    /// Why it has no film.
    pub(super) error: Option<String>,
}

impl Line {
    /// The line of a row of which nothing is known yet.
    pub(super) fn open(row: &Row) -> Self {
        let text = |input: &Input| match input {
            Input::File(path) => path.display().to_string(),
            Input::Uri(uri) => uri.clone(),
        };
        Self {
            row: row.number,
            external_id: row.external_id.clone(),
            portrait: text(&row.portrait),
            audio: text(&row.audio),
            output: row.output.display().to_string(),
            job: None,
            state: Ending::Open,
            seconds: 0.0,
            error: None,
        }
    }
}

/// All rows, in the order of the file.
pub(super) struct Report {
    lines: Vec<Line>,
}

/// Rows that are shown on the screen; of longer batches only those without a film are.
const SHOWN: usize = 50;

impl Report {
    pub(super) fn new(mut lines: Vec<Line>) -> Self {
        lines.sort_by_key(|line| line.row);
        Self { lines }
    }

    /// Whether every row has its film.
    pub(super) fn is_good(&self) -> bool {
        self.lines.iter().all(|line| matches!(line.state, Ending::Done | Ending::Kept))
    }

    fn number(&self, state: Ending) -> usize {
        self.lines.iter().filter(|line| line.state == state).count()
    }

    /// The report as one document.
    pub(super) fn json(&self, place: &Path) -> Value {
        let numbers: serde_json::Map<String, Value> = [Ending::Done, Ending::Kept, Ending::Failed, Ending::Open]
            .map(|state| (state.name().to_owned(), self.number(state).into()))
            .into_iter()
            .collect();
        json!({ "ok": self.is_good(), "report": place.to_string_lossy(), "numbers": numbers, "rows": self.lines })
    }

    /// Prints it.
    pub(super) fn say(&self) {
        let all = self.lines.len() <= SHOWN;
        let mut table = Table::new(&["row", "state", "took", "job", "film", "why"]);
        let good = |line: &&Line| all || !matches!(line.state, Ending::Done | Ending::Kept);
        for line in self.lines.iter().filter(good) {
            table.row([
                line.row.to_string(),
                line.state.name().to_owned(),
                output::duration(line.seconds),
                line.job.clone().unwrap_or_default(),
                line.output.clone(),
                line.error.clone().unwrap_or_default(),
            ]);
        }
        table.say();
        let [done, kept, failed, open] =
            [Ending::Done, Ending::Kept, Ending::Failed, Ending::Open].map(|s| self.number(s));
        say!(
            "{}: {done} done, {kept} kept from before, {failed} failed, {open} open",
            output::count(self.lines.len() as u64, "row")
        );
    }

    /// Writes it to its place, as CSV or JSON by the ending of its name; whole, in the place of an older one.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub(super) fn write(&self, place: &Path) -> Result<()> {
        let bytes = if place.extension().is_some_and(|extension| extension == "json") {
            format!("{:#}\n", self.json(place)).into_bytes()
        } else {
            self.table().map_err(|e| Error::world("the report cannot be put together").from_source(e))?
        };
        let beside = place.with_file_name(format!(".{}.new", place.file_name().unwrap_or_default().to_string_lossy()));
        std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, place)).map_err(|e| {
            Error::world(format!("the report {} cannot be written", place.display()))
                .from_source(e)
                .mend("make room, then give the same command again: finished films stay")
        })
    }

    fn table(&self) -> std::result::Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for line in &self.lines {
            writer.serialize(line)?;
        }
        Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(row: u64, state: Ending) -> Line {
        let text = |name: &str| name.to_owned();
        let error = (state == Ending::Failed).then(|| text("the disk, \"full\""));
        let (portrait, audio, output) = (text("a.png"), text("a.wav"), text("a.mp4"));
        Line { row, external_id: None, portrait, audio, output, job: None, state, seconds: 1.5, error }
    }

    #[test]
    fn reports_are_written_whole_in_both_forms() {
        let dir = tempfile::tempdir().unwrap();
        let report = Report::new(vec![line(3, Ending::Failed), line(2, Ending::Done)]);
        assert!(!report.is_good());
        let [table, json] = ["r.csv", "r.json"].map(|name| dir.path().join(name));
        report.write(&table).unwrap();
        report.write(&json).unwrap();
        let table = std::fs::read_to_string(table).unwrap();
        assert_eq!(
            table,
            "row,external_id,portrait,audio,output,job,state,seconds,error\n2,,a.png,a.wav,a.mp4,,done,1.5,\n\
             3,,a.png,a.wav,a.mp4,,failed,1.5,\"the disk, \"\"full\"\"\"\n"
        );
        let json: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        assert_eq!((&json["numbers"]["failed"], &json["rows"][0]["row"]), (&1.into(), &2.into()));
        assert!(Report::new(vec![line(1, Ending::Kept)]).is_good());
        assert!(!Report::new(vec![line(1, Ending::Open)]).is_good());
    }
}
