//! What is meant: settings from flags, `EMOFARM_…` variables, `emofarm.toml` and defaults, in this order.

use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use coordinator::Wishes;
use shared::{Error, Fps, Result};

use crate::args::ShapeArgs;

/// Everything that can be set outside of a single command.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Model pack, by name or directory.
    pub(crate) model: String,
    /// Frames per second.
    pub(crate) fps: Fps,
    /// Clips in a segment.
    pub(crate) segment_clips: u32,
    /// Segments in a part.
    pub(crate) part_segments: u32,
    /// Where work in progress is kept.
    pub(crate) data_dir: PathBuf,
    /// Directories in which packs are looked for, joined by `:`.
    pub(crate) model_path: String,
}

impl Settings {
    /// Reads the settings: `file` when given (it must exist then), else `emofarm.toml` in the current directory if there is one.
    ///
    /// # Errors
    /// Names the key that is unknown or of the wrong type.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let source = match file {
            Some(path) => File::from(path).format(FileFormat::Toml).required(true),
            None => File::new("emofarm.toml", FileFormat::Toml).required(false),
        };
        Self::from_sources(source, Environment::with_prefix("EMOFARM").prefix_separator("_").try_parsing(true))
    }

    fn from_sources(file: impl config::Source + Send + Sync + 'static, environment: Environment) -> Result<Self> {
        let wrong = |e: config::ConfigError| {
            let mend = if e.to_string().contains("unknown field") {
                "the keys are model, fps, segment_clips, part_segments, data_dir and model_path; see docs/settings.md"
            } else {
                "correct it in the settings file or in the EMOFARM_… variable"
            };
            Error::order("the settings cannot be read").from_source(e).mend(mend)
        };
        let defaults = Self::defaults();
        Config::builder()
            .set_default("model", defaults.model)
            .and_then(|c| c.set_default("fps", defaults.fps.to_string()))
            .and_then(|c| c.set_default("segment_clips", defaults.segment_clips))
            .and_then(|c| c.set_default("part_segments", defaults.part_segments))
            .and_then(|c| c.set_default("data_dir", defaults.data_dir.to_string_lossy().into_owned()))
            .and_then(|c| c.set_default("model_path", defaults.model_path))
            .and_then(|c| c.add_source(file).add_source(environment).build())
            .and_then(Config::try_deserialize::<Self>)
            .map_err(wrong)?
            .checked()
    }

    fn defaults() -> Self {
        let home = directories::ProjectDirs::from("", "", "emofarm");
        let data_dir = home.as_ref().map_or_else(|| PathBuf::from(".emofarm"), |dirs| dirs.data_dir().to_path_buf());
        let mut packs = vec!["models".to_owned()];
        packs.extend(home.map(|dirs| dirs.data_dir().join("models").to_string_lossy().into_owned()));
        packs.push("/usr/share/emofarm/models".into());
        Self {
            model: "demo".into(),
            fps: Fps::PAL,
            segment_clips: 4,
            part_segments: 2,
            data_dir,
            model_path: packs.join(":"),
        }
    }

    /// The same limits as on the command line, for values that came from elsewhere.
    fn checked(self) -> Result<Self> {
        if self.data_dir.as_os_str().is_empty() {
            return Err(Error::order("the setting data_dir is empty").mend("name a directory"));
        }
        for (name, value) in [("segment_clips", self.segment_clips), ("part_segments", self.part_segments)] {
            if !(1..=1000).contains(&value) {
                return Err(Error::order(format!("the setting {name} is {value}")).mend("give a number from 1 to 1000"));
            }
        }
        Ok(self)
    }

    /// Flags win over everything.
    #[must_use]
    pub(crate) fn with_flags(mut self, flags: &ShapeArgs) -> Self {
        if let Some(model) = &flags.model {
            self.model.clone_from(model);
        }
        self.fps = flags.fps.unwrap_or(self.fps);
        self.segment_clips = flags.segment_clips.unwrap_or(self.segment_clips);
        if let Some(dir) = &flags.data_dir {
            self.data_dir.clone_from(dir);
        }
        self
    }

    /// What an order says besides its files and the model.
    pub(crate) fn wishes(&self, seed: u64, settings: shared::job::Settings) -> Wishes {
        let Self { fps, segment_clips, part_segments, .. } = *self;
        Wishes { fps, seed, segment_clips, part_segments, settings }
    }

    /// Where packs that were pulled or imported are put.
    pub(crate) fn packs_dir(&self) -> PathBuf {
        self.data_dir.join("models")
    }

    /// The directories in which packs are looked for.
    pub(crate) fn search_path(&self) -> Vec<PathBuf> {
        let mut search: Vec<PathBuf> =
            std::env::split_paths(&self.model_path).filter(|dir| !dir.as_os_str().is_empty()).collect();
        // With another data directory, what is pulled into it is found all the same.
        if !search.contains(&self.packs_dir()) {
            search.push(self.packs_dir());
        }
        search
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Settings> {
        let variables = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let environment = Environment::with_prefix("EMOFARM").prefix_separator("_").try_parsing(true);
        Settings::from_sources(File::from_str(toml, FileFormat::Toml), environment.source(Some(variables)))
    }

    #[test]
    fn environment_wins_over_the_file_and_flags_win_over_both() {
        let settings = load("fps = \"30\"\nsegment_clips = 7", &[("EMOFARM_FPS", "23.976")]).unwrap();
        assert_eq!(settings.fps.to_string(), "24000/1001");
        assert_eq!(settings.segment_clips, 7);
        assert_eq!(settings.model, "demo");
        let flags = ShapeArgs { fps: "50".parse().ok(), ..ShapeArgs::default() };
        assert_eq!(settings.with_flags(&flags).fps.to_string(), "50");
    }

    #[test]
    fn a_whole_number_is_a_frame_rate_in_the_file_too() {
        assert_eq!(load("fps = 30", &[]).unwrap().fps.to_string(), "30");
        assert_eq!(load("", &[("EMOFARM_FPS", "30")]).unwrap().fps.to_string(), "30");
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let error = load("colour = 1", &[]).unwrap_err().to_string();
        assert!(error.contains("colour"), "{error}");
        let error = load("", &[("EMOFARM_COLOUR", "1")]).unwrap_err().to_string();
        assert!(error.contains("colour"), "{error}");
        assert!(load("segment_clips = 0", &[]).is_err());
        assert!(load("segment_clips = \"many\"", &[]).is_err());
    }
}
