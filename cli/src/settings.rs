//! What is meant: settings from flags, `EMOFARM_…` variables, `emofarm.toml` and defaults, in this order.

use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use coordinator::Wishes;
use shared::{
    Error, Fps, Join, Result,
    seams::{Continuity, Cutting},
};

use crate::{
    args::{chains::ChainArgs, render::ShapeArgs},
    log::Format,
};

mod farm;

pub(crate) use farm::Secret;

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
    /// Whether films are cut into chains that are rendered side by side.
    pub(crate) continuity: Continuity,
    /// About how many seconds of film an anchored chain renders.
    pub(crate) chain_seconds: u32,
    /// How chains are joined.
    pub(crate) join: Join,
    /// Where work in progress is kept.
    pub(crate) data_dir: PathBuf,
    /// Directories in which packs are looked for, joined by `:`.
    pub(crate) model_path: String,
    /// Where the ledger of the farm is; a file below the data directory when empty.
    pub(crate) ledger_url: String,
    /// Where the queue of the farm is.
    pub(crate) queue_url: String,
    /// Where the blobs of the farm are; a directory below the data directory when empty.
    pub(crate) blobs_url: String,
    /// Where clients find the API.
    pub(crate) api_url: String,
    /// The bearer token of clients.
    pub(crate) token: Secret,
    /// Key with which webhooks of submitted jobs are signed.
    pub(crate) webhook_secret: Secret,
    /// Where the coordinator's API listens.
    pub(crate) listen: String,
    /// Where workers and stitchers answer probes; nowhere when empty.
    pub(crate) health: String,
    /// Pools whose tasks a worker takes, joined by `,`.
    pub(crate) pools: String,
    /// Memory of a worker's GPU in MiB.
    pub(crate) gpu_memory: u32,
    /// The pod of Kubernetes in which a worker runs, `namespace/name`; none when empty.
    pub(crate) pod: String,
    /// What networks are computed on: `auto`, `cpu` or `cuda:N`.
    pub(crate) device: String,
    /// Disk that a worker's or stitcher's files in the making may take, in MiB; no limit when 0.
    pub(crate) scratch_limit: u64,
    /// How logs are written.
    pub(crate) log_format: Format,
    /// Largest track that the API takes, in MiB.
    pub(crate) upload_limit: u64,
    /// Hosts from which the coordinator fetches inputs, joined by `,`; none when empty.
    pub(crate) source_hosts: String,
    /// Directories from which the coordinator takes inputs, joined by `:`; none when empty.
    pub(crate) source_directories: String,
    /// Buckets from which the coordinator takes inputs, `s3` URLs joined by spaces; none when empty.
    pub(crate) source_buckets: String,
    /// Whether inputs may be fetched by plain HTTP and from private addresses.
    pub(crate) private_sources: bool,
    /// Whether the API refuses orders without a consent.
    pub(crate) consent_required: bool,
    /// Whether webhooks may go to private addresses.
    pub(crate) private_webhooks: bool,
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
                "docs/settings.md lists the keys"
            } else {
                "correct it in the settings file or in the EMOFARM_… variable"
            };
            Error::order("the settings cannot be read").from_source(e).mend(mend)
        };
        Config::try_from(&Self::defaults())
            .and_then(|defaults| {
                Config::builder().add_source(defaults).add_source(file).add_source(environment).build()
            })
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
        let Cutting { continuity, chain_seconds, join } = Cutting::default();
        Self {
            model: "demo".into(),
            fps: Fps::PAL,
            segment_clips: 4,
            part_segments: 2,
            continuity,
            chain_seconds,
            join,
            data_dir,
            model_path: packs.join(":"),
            ledger_url: String::new(),
            queue_url: "memory:".into(),
            blobs_url: String::new(),
            api_url: "http://127.0.0.1:8080".into(),
            token: Secret::default(),
            webhook_secret: Secret::default(),
            listen: "127.0.0.1:8080".into(),
            health: String::new(),
            pools: "default".into(),
            gpu_memory: 0,
            pod: String::new(),
            device: "auto".into(),
            scratch_limit: 0,
            log_format: Format::Auto,
            upload_limit: 4096,
            source_hosts: String::new(),
            source_directories: String::new(),
            source_buckets: String::new(),
            private_sources: false,
            consent_required: false,
            private_webhooks: false,
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
        self.cutting().check().map_err(|error| {
            Error::order(format!("the setting chain_seconds cannot be used: {}", error.message()))
                .mend(error.mending().unwrap_or_default().to_owned())
        })?;
        self.check_farm()?;
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
        let ChainArgs { continuity, chain_seconds, join, .. } = flags.chains;
        self.continuity = continuity.unwrap_or(self.continuity);
        self.chain_seconds = chain_seconds.unwrap_or(self.chain_seconds);
        self.join = join.unwrap_or(self.join);
        self
    }

    /// How films are cut into chains.
    pub(crate) fn cutting(&self) -> Cutting {
        Cutting { continuity: self.continuity, chain_seconds: self.chain_seconds, join: self.join }
    }

    /// The API that a flag names wins over everything.
    ///
    /// # Errors
    /// When it is no address.
    pub(crate) fn with_api(mut self, api: Option<&str>) -> Result<Self> {
        if let Some(api) = api {
            api.clone_into(&mut self.api_url);
        }
        self.checked()
    }

    /// The device that a flag names wins over everything.
    #[must_use]
    pub(crate) fn with_device(self, device: Option<&str>) -> Self {
        Self { device: device.map_or(self.device, str::to_owned), ..self }
    }

    /// What networks are computed on.
    ///
    /// # Errors
    /// When there is no such device, or this build does not know it.
    pub(crate) fn device(&self) -> Result<diffusion::Device> {
        diffusion::Device::choose(&self.device)
    }

    /// What an order says besides its files and the model.
    ///
    /// # Errors
    /// When the shot list cannot be read.
    pub(crate) fn wishes(&self, seed: u64, chains: &ChainArgs, settings: shared::job::Settings) -> Result<Wishes> {
        let Self { fps, segment_clips, part_segments, .. } = *self;
        let (cutting, shots) = (self.cutting(), chains.shot_list()?);
        Ok(Wishes { fps, seed, segment_clips, part_segments, cutting, shots, settings })
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
    fn chains_are_set_in_all_three_places() {
        let settings = load("continuity = \"strict\"\njoin = \"blend\"", &[("EMOFARM_CHAIN_SECONDS", "20")]).unwrap();
        let cutting = Cutting { continuity: Continuity::Strict, chain_seconds: 20, join: Join::Blend };
        assert_eq!(settings.cutting(), cutting);
        let chains =
            ChainArgs { continuity: Some(Continuity::Parallel), join: Some(Join::Cut), ..ChainArgs::default() };
        let flagged = settings.with_flags(&ShapeArgs { chains, ..ShapeArgs::default() }).cutting();
        assert_eq!(flagged, Cutting { continuity: Continuity::Parallel, chain_seconds: 20, join: Join::Cut });
        let error = load("chain_seconds = 0", &[]).unwrap_err();
        assert!(error.to_string().contains("chain_seconds") && error.mending().is_some(), "{error}");
        assert!(load("continuity = \"soft\"", &[]).is_err() && load("join = \"glue\"", &[]).is_err());
    }

    #[test]
    fn a_whole_number_is_a_frame_rate_in_the_file_too() {
        assert_eq!(load("fps = 30", &[]).unwrap().fps.to_string(), "30");
        assert_eq!(load("", &[("EMOFARM_FPS", "30")]).unwrap().fps.to_string(), "30");
    }

    #[test]
    fn every_key_is_documented() {
        let document = include_str!("../../docs/settings.md");
        let defaults = serde_json::to_value(Settings::defaults()).unwrap();
        for key in defaults.as_object().unwrap().keys() {
            let variable = format!("`EMOFARM_{}`", key.to_uppercase());
            assert!(document.contains(&format!("| `{key}` |")) && document.contains(&variable), "{key}");
        }
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
