//! Speech tracks that are refused, each with its file's name, its reason and a mend.

mod material;

use std::{fs, path::Path};

use material::{encode, wav, wav_promising};
use media::audio::{self, Reader};
use shared::{Fps, error::Cause};

fn refused(path: &Path, reason: &str) {
    let error = audio::measure(path).expect_err(reason);
    let text = error.to_string();
    assert_eq!(error.cause(), Cause::Order, "{text}");
    assert!(text.contains(path.file_name().unwrap().to_str().unwrap()), "{text}");
    assert!(text.contains(reason), "expected \"{reason}\": {text}");
    assert!(error.mending().is_some(), "{text}");
}

#[test]
fn files_that_hold_no_sound() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    refused(&folder.path().join("missing.wav"), "does not exist");
    fs::create_dir(folder.path().join("folder.wav")).unwrap();
    refused(&folder.path().join("folder.wav"), "is a directory");
    refused(&file("empty.wav", b""), "is empty");
    refused(
        &file("letter.mp3", b"Dear Sir or Madam, this is no music at all.\n".repeat(50).as_slice()),
        "not an audio",
    );
    refused(&file("zero.wav", &[0; 4096]), "not an audio");
    wav(&folder.path().join("silent.wav"), 16_000, 1, 0);
    refused(&folder.path().join("silent.wav"), "holds no audio samples");
    let parts = material::parts(folder.path(), Fps::PAL, 64, &[3]);
    refused(&parts[0], "has no audio stream");
}

#[test]
fn pictures_are_not_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("face.png");
    image::RgbImage::new(64, 64).save(&path).unwrap();
    refused(&path, "not");
}

#[test]
fn playlists_cannot_open_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.wav");
    wav(&secret, 16_000, 1, 16_000);
    let other = secret.display();
    let attacks = [
        ("hls.wav", format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n")),
        ("hls.m3u8", format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{other}\n#EXT-X-ENDLIST\n")),
        ("list.ffconcat", format!("ffconcat version 1.0\nfile '{other}'\n")),
        ("list.wav", format!("ffconcat version 1.0\nfile '{other}'\n")),
        (
            "session.sdp",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n".into(),
        ),
        (
            "stream.mpd",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>{other}</BaseURL></MPD>"
            ),
        ),
    ];
    for (name, text) in attacks {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        refused(&path, "not");
        assert!(Reader::open(&path).is_err(), "{name}");
    }
}

#[test]
fn files_that_break_off() {
    let folder = tempfile::tempdir().unwrap();
    let cut = |name: &str, keep: f64| {
        let path = folder.path().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..(bytes.len() as f64 * keep) as usize]).unwrap();
        path
    };
    wav_promising(&folder.path().join("cut.wav"), 16_000, 1, 80_000, 320_000);
    refused(&folder.path().join("cut.wav"), "is truncated");
    for (encoder, name, keep, reason) in [
        ("flac", "cut.flac", 0.5, "is truncated"),
        ("aac", "cut.m4a", 0.5, "cut off"),
        ("pcm_s16be", "cut.aiff", 0.5, "is truncated"),
        ("libvorbis", "cut.webm", 0.5, "is truncated"),
        ("aac", "cut.mkv", 0.5, "is truncated"),
        ("flac", "stump.flac", 0.001, ""),
        ("libvorbis", "stump.ogg", 0.01, ""),
    ] {
        encode(&folder.path().join(name), encoder, 48_000, 1, 240_000);
        refused(&cut(name, keep), reason);
    }
    // A film whose index lies at the front opens well, and its sound ends early.
    let sound = folder.path().join("whole.wav");
    wav(&sound, 48_000, 1, 240_000);
    let parts = material::parts(folder.path(), Fps::PAL, 64, &[125]);
    let spec = media::film::JoinSpec { fps: Fps::PAL, frames: 125, metadata: vec![], cancel: &|| false };
    media::film::join(&parts, &sound, &folder.path().join("cut.mp4"), &spec).unwrap();
    refused(&cut("cut.mp4", 0.5), "is truncated");
}

#[test]
fn noise_inside_of_a_track_costs_only_its_own_packets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scratched.flac");
    encode(&path, "flac", 48_000, 1, 240_000);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 200].fill(0x55);
    fs::write(&path, bytes).unwrap();
    let track = audio::measure(&path).unwrap();
    assert!((220_000..=240_000).contains(&track.samples), "{track:?}");
    assert_eq!(material::read_all(&path).len() as u64, track.samples_at_16k());
}
