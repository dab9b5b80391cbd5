//! What is typed about chains, after `render` and `plan` as after `submit`.

use std::{fs::File, io::Read as _, path::PathBuf};

use clap::{
    Args, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};
use shared::{
    Error, Join, Result,
    seams::Continuity,
    shots::{MOST_BYTES, ShotList},
};

/// How a film is cut into chains that are rendered side by side; each also a setting, but for the shot list.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How it is cut into chains")]
pub(crate) struct ChainArgs {
    /// One chain, in which every clip goes on from the one before (strict); chains of --chain-seconds that start from the portrait
    /// (anchored); chains as short as can be (parallel); or anchored for films over a minute and else strict (auto) [setting: continuity].
    #[arg(long, value_name = "HOW", value_parser = continuities())]
    pub(crate) continuity: Option<Continuity>,
    /// About how many seconds of film an anchored chain renders [setting: `chain_seconds`].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) chain_seconds: Option<u32>,
    /// How chains are joined: frames between them rendered again, cross-faded, or not at all [setting: join].
    #[arg(long, value_name = "HOW", value_parser = joins())]
    pub(crate) join: Option<Join>,
    /// Where the film has cuts: an EDL (CMX 3600) or OTIO file. Chains meet there first of all, and else in pauses of the speech.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) shots: Option<PathBuf>,
}

/// The names of continuities.
pub(crate) fn continuities() -> impl TypedValueParser<Value = Continuity> {
    PossibleValuesParser::new(Continuity::ALL.map(Continuity::name)).try_map(|text| text.parse::<Continuity>())
}

fn joins() -> impl TypedValueParser<Value = Join> {
    PossibleValuesParser::new(Join::ALL.map(Join::name)).try_map(|text| text.parse::<Join>())
}

impl ChainArgs {
    /// The shot list, read.
    ///
    /// # Errors
    /// When it cannot be read, or is too large to be one.
    pub(crate) fn shot_list(&self) -> Result<Option<ShotList>> {
        let Some(path) = &self.shots else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|e| {
            Error::order(format!("the shot list {} cannot be read", path.display()))
                .from_source(e)
                .mend("give --shots an EDL or OTIO file; check its name and permissions")
        })?;
        if bytes.len() > MOST_BYTES {
            return Err(Error::order(format!("the shot list {} has more than {MOST_BYTES} bytes", path.display()))
                .mend("give --shots an EDL or OTIO file"));
        }
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
        // Names of clips may be in any encoding; nothing that is read of them matters.
        Ok(Some(ShotList { name, text: String::from_utf8_lossy(&bytes).into_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shot_lists_are_read_whatever_their_encoding_and_no_further_than_they_may_be_long() {
        let dir = tempfile::tempdir().unwrap();
        let list = |path: PathBuf| ChainArgs { shots: Some(path), ..ChainArgs::default() }.shot_list();
        assert_eq!(ChainArgs::default().shot_list().unwrap(), None);
        let path = dir.path().join("cut.edl");
        std::fs::write(&path, b"TITLE: B\xe4r\n").unwrap();
        let read = list(path.clone()).unwrap().unwrap();
        assert_eq!((read.name.as_str(), read.text.as_str()), ("cut.edl", "TITLE: B\u{fffd}r\n"));
        File::create(&path).unwrap().set_len(MOST_BYTES as u64 + 1).unwrap();
        for path in [path, dir.path().join("none.edl"), dir.path().to_owned()] {
            let error = list(path).unwrap_err();
            assert!(error.mending().is_some_and(|mend| mend.contains("--shots")), "{error}");
        }
    }
}
