//! One row of a batch: everything about it that can be wrong is found before the first row is submitted.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use shared::{Error, Result, digest::Digest};

use super::{fields::Fields, table::Cells};
use crate::{
    args::orders::BatchArgs,
    client::{order::OrderBody, upload::Input},
    delivery::Delivery,
};

/// One film that is ordered.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its line in the file.
    pub(super) number: u64,
    /// The customer's own name for it.
    pub(super) external_id: Option<String>,
    /// The portrait.
    pub(super) portrait: Input,
    /// The track.
    pub(super) audio: Input,
    /// Where the film goes.
    pub(super) output: PathBuf,
    /// Everything else.
    pub(super) order: OrderBody,
}

impl Row {
    /// The row whose paths are relative to `base`.
    ///
    /// # Errors
    /// Names the column that cannot be used.
    pub(super) fn new(number: u64, cells: Cells, base: &Path, args: &BatchArgs, secret: Option<&str>) -> Result<Self> {
        let mut fields = Fields::new(cells);
        let portrait = Input::typed(&fields.need("portrait")?, base)?;
        let audio = Input::typed(&fields.need("audio")?, base)?;
        let output = base.join(fields.need("output")?);
        let (mut look, terms) = (fields.look()?, fields.terms(&args.labels)?);
        fields.end()?;
        look.chains.shots = look.chains.shots.map(|path| base.join(path));
        let inputs: Vec<&Path> =
            [&portrait, &audio].into_iter().filter_map(Input::file).chain(look.chains.shots.as_deref()).collect();
        // Whether something is at the film's place is looked at when it is known whether an earlier run put it there.
        Delivery::check(&output, true, &inputs)?;
        let order = OrderBody::new(&look, &terms, secret)?;
        Ok(Self { number, external_id: terms.external_id, portrait, audio, output, order })
    }

    /// What the row is known by from run to run: another file, setting or farm gives another mark. Files count as the same
    /// while path, size and time of their last change are; a file that was only touched is the same job anyway.
    ///
    /// # Errors
    /// When an input has gone away meanwhile.
    pub(super) fn mark(&self, farm: &str) -> Result<String> {
        let mut digest = Digest::new();
        digest.field(b"emofarm batch v1");
        digest.field(farm.as_bytes());
        digest.field(self.order.json()?.to_string().as_bytes());
        for input in [&self.portrait, &self.audio] {
            match input {
                Input::Uri(uri) => digest.field(uri.as_bytes()),
                Input::File(path) => digest.field(state(path)?.as_bytes()),
            }
        }
        Ok(digest.hex())
    }
}

fn state(path: &Path) -> Result<String> {
    let state = || {
        let found = path.metadata()?;
        let changed = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(format!("{} {} {}", path.canonicalize()?.display(), found.len(), changed.as_nanos()))
    };
    state().map_err(|e: std::io::Error| {
        Error::order(format!("{} cannot be read any more", path.display())).from_source(e).mend("put it back")
    })
}

/// Rows that would write the same film or have the same name, each as a sentence.
pub(super) fn twins(rows: &[Row]) -> Vec<String> {
    let mut twins = Vec::new();
    let (mut outputs, mut names) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        if let Some(first) = outputs.insert(&row.output, row.number) {
            twins.push(format!("rows {first} and {} both write {}", row.number, row.output.display()));
        }
        if let Some(name) = &row.external_id
            && let Some(first) = names.insert(name, row.number)
        {
            twins.push(format!("rows {first} and {} are both called {name}", row.number));
        }
    }
    twins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> BatchArgs {
        let file = PathBuf::from("a.csv");
        BatchArgs { file, jobs: 1, report: None, check: false, labels: Vec::new(), overwrite: false }
    }

    fn row(dir: &Path, number: u64, cells: &[(&str, &str)]) -> Result<Row> {
        let cells = cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect();
        Row::new(number, cells, dir, &args(), None)
    }

    #[test]
    fn rows_are_checked_whole() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.png", "a.wav"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let good = [("portrait", "a.png"), ("audio", "a.wav"), ("output", "a.mp4")];
        let first = row(dir.path(), 2, &good).unwrap();
        assert_eq!(first.output, dir.path().join("a.mp4"));
        let wrong =
            [(0, "none.png", "none.png"), (2, "a.avi", ".mp4"), (2, "none/a.mp4", "none"), (2, "a.wav", "input")];
        for (at, cell, part) in wrong {
            let mut cells = good;
            cells[at].1 = cell;
            let error = row(dir.path(), 3, &cells).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(row(dir.path(), 2, &good[..2]).unwrap_err().to_string().contains("output"));
        let twice = twins(&[first.clone(), row(dir.path(), 3, &good).unwrap()]);
        assert_eq!(twice.len(), 1, "{twice:?}");
        assert!(twice[0].contains("rows 2 and 3"), "{twice:?}");
    }

    #[test]
    fn a_shot_list_is_part_of_the_row_and_its_path_relative_to_the_table() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.png", "a.wav", "a.edl"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let cells = [("portrait", "a.png"), ("audio", "a.wav"), ("output", "a.mp4"), ("shots", "a.edl")];
        let before = row(dir.path(), 2, &cells).unwrap();
        assert_eq!(before.order.json().unwrap()["shots"], "a.edl");
        std::fs::write(dir.path().join("a.edl"), "another").unwrap();
        assert_ne!(row(dir.path(), 2, &cells).unwrap().mark("farm").unwrap(), before.mark("farm").unwrap());
        std::fs::remove_file(dir.path().join("a.edl")).unwrap();
        assert!(row(dir.path(), 2, &cells).unwrap_err().to_string().contains("a.edl"));
    }

    #[test]
    fn the_mark_changes_with_whatever_makes_another_job() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.png", "a.wav"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let cells = |seed| [("portrait", "a.png"), ("audio", "a.wav"), ("output", "a.mp4"), ("seed", seed)];
        let one = row(dir.path(), 2, &cells("1")).unwrap();
        assert_eq!(one.mark("farm").unwrap(), row(dir.path(), 9, &cells("1")).unwrap().mark("farm").unwrap());
        assert_ne!(one.mark("farm").unwrap(), one.mark("another").unwrap());
        assert_ne!(one.mark("farm").unwrap(), row(dir.path(), 2, &cells("2")).unwrap().mark("farm").unwrap());
        let before = one.mark("farm").unwrap();
        std::fs::write(dir.path().join("a.wav"), "longer").unwrap();
        assert_ne!(one.mark("farm").unwrap(), before);
    }
}
