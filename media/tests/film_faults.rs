//! What happens when a film cannot be made: the right verdict, a mend, and nothing left behind.

mod material;

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
};

use material::{numbered, parts, wav};
use media::film::{self, JoinSpec, PartSpec, PartWriter};
use shared::{Error, Fps, error::Cause};

struct Scene {
    folder: tempfile::TempDir,
    parts: Vec<PathBuf>,
    audio: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let audio = folder.path().join("speech.wav");
        wav(&audio, 16_000, 1, 16_000);
        let parts = parts(folder.path(), Fps::PAL, 64, &[10, 15]);
        Self { folder, parts, audio }
    }

    fn join(&self, out: &Path, spec: &JoinSpec<'_>) -> Error {
        film::join(&self.parts, &self.audio, out, spec).expect_err("the film cannot be made")
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

fn spec() -> JoinSpec<'static> {
    JoinSpec { fps: Fps::PAL, frames: 25, metadata: vec![], cancel: &|| false }
}

#[test]
fn a_film_that_is_stopped_leaves_nothing() {
    let scene = Scene::new();
    let before = scene.files();
    for packets in [0u32, 1, 20] {
        let left = Cell::new(packets);
        let cancel = || left.replace(left.get().saturating_sub(1)) == 0;
        let error = scene.join(&scene.folder.path().join("film.mp4"), &JoinSpec { cancel: &cancel, ..spec() });
        assert_eq!(error.cause(), Cause::Stopped);
        assert_eq!(scene.files(), before);
    }
}

#[test]
fn an_older_film_survives_a_failure_and_not_a_success() {
    let scene = Scene::new();
    let out = scene.folder.path().join("film.mp4");
    fs::write(&out, "older").unwrap();
    scene.join(&out, &JoinSpec { frames: 26, ..spec() });
    assert_eq!(fs::read(&out).unwrap(), b"older");
    film::join(&scene.parts, &scene.audio, &out, &spec()).unwrap();
    assert!(fs::metadata(&out).unwrap().len() > 1000);
}

#[test]
fn missing_frames_are_the_worlds_fault() {
    let scene = Scene::new();
    let before = scene.files();
    let out = scene.folder.path().join("film.mp4");
    for frames in [24, 26] {
        let error = scene.join(&out, &JoinSpec { frames, ..spec() });
        assert_eq!(error.cause(), Cause::World, "{error}");
        assert!(error.to_string().contains("25 frames"), "{error}");
    }
    assert_eq!(scene.files(), before);
}

#[test]
fn places_that_cannot_be_written_are_the_orders_fault() {
    let scene = Scene::new();
    let folder = scene.folder.path();
    let kernel = Path::new("/sys/film.mp4");
    for out in [&folder.join("missing/film.mp4"), &folder.join("speech.wav/film.mp4"), folder, kernel] {
        let error = scene.join(out, &spec());
        assert_eq!(error.cause(), Cause::Order, "{error}");
        assert!(error.mending().is_some(), "{error}");
        let part = PartWriter::create(out, PartSpec::new(64, 64, Fps::PAL)).err().unwrap();
        assert_eq!(part.cause(), Cause::Order, "{part}");
    }
}

#[test]
fn bad_sound_and_unknown_tags_are_the_orders_fault() {
    let mut scene = Scene::new();
    let out = scene.folder.path().join("film.mp4");
    let metadata = vec![("mood".to_owned(), "sombre".to_owned())];
    let error = scene.join(&out, &JoinSpec { metadata, ..spec() });
    assert_eq!(error.cause(), Cause::Order);
    assert!(error.to_string().contains("\"mood\""), "{error}");
    scene.audio = scene.parts[0].clone();
    let error = scene.join(&out, &spec());
    assert_eq!(error.cause(), Cause::Order);
    assert!(error.to_string().contains("has no audio stream"), "{error}");
    wav(&scene.folder.path().join("silent.wav"), 16_000, 1, 0);
    scene.audio = scene.folder.path().join("silent.wav");
    assert_eq!(scene.join(&out, &spec()).cause(), Cause::Order);
    assert!(!out.exists());
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let scene = Scene::new();
    let out = scene.folder.path().join("film.mp4");
    let stranger = |width, fps: &str| {
        let path = scene.folder.path().join("stranger.mp4");
        let mut writer = PartWriter::create(&path, PartSpec::new(width, 64, fps.parse().unwrap())).unwrap();
        writer.write(&numbered(0, width, 64, [9, 9, 9])).unwrap();
        writer.finish().unwrap();
        path
    };
    let cut = || {
        let path = scene.folder.path().join("cut.mp4");
        let bytes = fs::read(&scene.parts[0]).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        path
    };
    let odd: [&dyn Fn() -> PathBuf; 4] =
        [&|| stranger(96, "25"), &|| stranger(64, "24"), &cut, &|| scene.audio.clone()];
    for make in odd {
        let odd = make();
        let parts = [scene.parts[0].clone(), odd.clone()];
        let error = film::join(&parts, &scene.audio, &out, &JoinSpec { frames: 11, ..spec() }).unwrap_err();
        assert!(error.to_string().contains(odd.to_str().unwrap()), "{error}");
        assert!(!out.exists());
    }
    assert!(film::join(&[], &scene.audio, &out, &spec()).is_err());
}
