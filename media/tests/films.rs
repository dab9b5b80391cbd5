//! Films from parts and sound: exact frames, exact times, true colours, the original sound.

mod material;

use std::{fs, path::Path};

use material::{correlation, encode, number_in, numbered, parts, read_all, wav};
use media::{
    audio,
    film::{self, JoinSpec, PartSpec, PartWriter, Preset},
    probe::{self, FilmInfo},
};
use shared::Fps;

fn join(folder: &Path, fps: Fps, lengths: &[u64], audio: &Path) -> FilmInfo {
    let parts = parts(folder, fps, 64, lengths);
    let frames = lengths.iter().sum();
    let spec = JoinSpec { fps, frames, metadata: vec![], cancel: &|| false };
    film::join(&parts, audio, &folder.join("film.mp4"), &spec).unwrap()
}

#[test]
fn a_film_has_exactly_its_frames_at_every_rate() {
    for (rate, seconds) in [("24000/1001", 4.2), ("25", 3.0), ("30000/1001", 2.9), ("50", 2.0), ("60000/1001", 1.0)] {
        let folder = tempfile::tempdir().unwrap();
        let fps: Fps = rate.parse().unwrap();
        let audio = folder.path().join("speech.wav");
        let samples = (seconds * 48_000.0) as u64;
        wav(&audio, 48_000, 1, samples);
        let frames = fps.frames_covering(samples, 48_000);
        let info = join(folder.path(), fps, &[17, 1, frames - 18], &audio);
        assert_eq!((info.frames, info.fps), (frames, fps));
        assert!((info.video_seconds - fps.seconds(frames)).abs() < 1e-4, "{rate}: {}", info.video_seconds);
        assert_eq!((info.width, info.height), (64, 64));
        let sound = info.audio.unwrap();
        assert_eq!((sound.codec.as_str(), sound.rate, sound.start), ("aac", 48_000, 0.0));
        assert!((sound.seconds - seconds).abs() < 1e-3, "{rate}: {}", sound.seconds);
        assert!(info.faststart);
        let mut seen = Vec::new();
        film::decode(&folder.path().join("film.mp4"), |number, picture| {
            assert_eq!(number, seen.len() as u64);
            seen.push(number_in(picture));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (0..frames).collect::<Vec<_>>());
    }
}

#[test]
fn pictures_are_tagged_and_colours_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part.mp4");
    for preset in [Preset::Ultrafast, Preset::Medium] {
        let spec = PartSpec { preset, ..PartSpec::new(64, 48, Fps::PAL) };
        let mut writer = PartWriter::create(&path, spec).unwrap();
        let colours = [[220, 20, 60], [255, 255, 255], [0, 0, 0], [10, 200, 30], [40, 60, 230], [128, 128, 128]];
        for colour in colours {
            // A picture of another size is scaled to the film's.
            writer.write(&numbered(0, 128, 96, colour)).unwrap();
        }
        writer.finish().unwrap();
        let info = probe::film(&path).unwrap();
        assert_eq!((info.width, info.height, info.audio), (64, 48, None));
        let tags = info.tags;
        assert_eq!((tags.codec.as_str(), tags.profile.as_str(), tags.pix_fmt.as_str()), ("h264", "High", "yuv420p"));
        assert_eq!([&tags.matrix, &tags.primaries, &tags.transfer].map(String::as_str), ["bt709"; 3]);
        assert_eq!(tags.range, "tv");
        film::decode(&path, |number, picture| {
            let expected = colours[number as usize];
            let found = picture.pixel(32, 30).unwrap();
            let off = expected.iter().zip(found).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            assert!(off <= 3, "{expected:?} became {found:?}");
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn the_same_pictures_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let audio = folder.path().join("speech.wav");
    wav(&audio, 44_100, 1, 44_100);
    let make = |_| {
        join(folder.path(), Fps::PAL, &[10, 15], &audio);
        ["part0.mp4", "film.mp4"].map(|name| fs::read(folder.path().join(name)).unwrap())
    };
    let [first, second] = [1, 2].map(make);
    assert!(first == second);
}

#[test]
fn sound_that_mp4_takes_is_copied() {
    let table = [
        ("aac", "a.m4a"),
        ("aac", "a.aac"),
        ("aac", "a.mkv"),
        ("aac", "a.ts"),
        ("libmp3lame", "a.mp3"),
        ("libmp3lame", "a.avi"),
        ("ac3", "a.ac3"),
        ("ac3", "b.ts"),
        ("eac3", "a.eac3"),
        ("alac", "b.m4a"),
        ("alac", "a.caf"),
    ];
    for (encoder, name) in table {
        let folder = tempfile::tempdir().unwrap();
        let audio = folder.path().join(name);
        encode(&audio, encoder, 48_000, 2, 100_001);
        let track = audio::measure(&audio).unwrap();
        let frames = Fps::PAL.frames_covering(track.samples, track.rate);
        let info = join(folder.path(), Fps::PAL, &[frames], &audio);
        let film = folder.path().join("film.mp4");
        let copy = audio::measure(&film).unwrap();
        assert_eq!((&copy.codec, copy.rate, copy.channels), (&track.codec, track.rate, track.channels), "{name}");
        // Of MP3's padding FFmpeg only knows in an MP3 file; in MP4 it would give the last frame whole.
        assert!((track.samples..track.samples + 1152).contains(&copy.samples), "{name}: {track:?} {copy:?}");
        let sound = info.audio.unwrap();
        assert!(sound.start.abs() < 1e-9, "{name}");
        assert!((sound.seconds - track.seconds()).abs() < 1e-4, "{name}: {sound:?} {track:?}");
        // The resampler sees what follows the last samples, hence not quite to the end.
        let (original, copied) = (read_all(&audio), read_all(&film));
        let whole = original.len() - 100;
        assert!(original[..whole] == copied[..whole], "{name}");
    }
}

#[test]
fn other_sound_is_encoded_in_place() {
    let table = [
        ("pcm_s16le", "a.wav", 8_000, 1, 8_000),
        ("pcm_s16le", "a.wav", 37_800, 2, 44_100),
        ("pcm_s24le", "a.wav", 96_000, 2, 96_000),
        ("pcm_s16le", "a.wav", 192_000, 1, 96_000),
        ("pcm_s16le", "a.wav", 48_000, 6, 48_000),
        ("flac", "a.flac", 44_100, 2, 44_100),
        ("libopus", "a.opus", 48_000, 1, 48_000),
        ("libvorbis", "a.ogg", 44_100, 1, 44_100),
    ];
    for (encoder, name, rate, channels, chosen) in table {
        let folder = tempfile::tempdir().unwrap();
        let audio = folder.path().join(name);
        let samples = u64::from(rate) * 2 + 77;
        encode(&audio, encoder, rate, channels, samples);
        let track = audio::measure(&audio).unwrap();
        let frames = Fps::PAL.frames_covering(track.samples, track.rate);
        let sound = join(folder.path(), Fps::PAL, &[frames], &audio).audio.unwrap();
        assert_eq!((sound.codec.as_str(), sound.rate, sound.channels), ("aac", chosen, channels), "{encoder} {rate}");
        assert!(sound.start.abs() < 1e-9);
        assert!((sound.seconds - track.seconds()).abs() < 1e-3, "{encoder} {rate}: {sound:?} {track:?}");
        let (original, heard) = (read_all(&audio), read_all(&folder.path().join("film.mp4")));
        let close = correlation(&original[500..30_000], &heard[500..30_000]);
        assert!(close > 0.99, "{encoder} {rate} Hz {channels} channels: {close}");
    }
}

#[test]
fn tags_are_carried() {
    let folder = tempfile::tempdir().unwrap();
    let audio = folder.path().join("speech.wav");
    wav(&audio, 16_000, 1, 16_000);
    let parts = parts(folder.path(), Fps::PAL, 64, &[25]);
    let tags = [("title", "Ein Film über Größe"), ("comment", "synthetic media: a machine drew these pictures")];
    let metadata: Vec<_> = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let spec = JoinSpec { fps: Fps::PAL, frames: 25, metadata: metadata.clone(), cancel: &|| false };
    let info = film::join(&parts, &audio, &folder.path().join("film.mp4"), &spec).unwrap();
    for tag in &metadata {
        assert!(info.metadata.contains(tag), "{tag:?} in {:?}", info.metadata);
    }
}

#[test]
fn ten_minutes_later_lips_and_sound_are_still_together() {
    let folder = tempfile::tempdir().unwrap();
    let audio = folder.path().join("speech.wav");
    let (rate, fps) = (11_025, "30000/1001".parse::<Fps>().unwrap());
    wav(&audio, rate, 1, 600 * u64::from(rate));
    let frames = fps.frames_covering(600 * u64::from(rate), rate);
    let info = join(folder.path(), fps, &[6000, 6000, frames - 12_000], &audio);
    let half = 0.5 / fps.as_f64();
    assert_eq!(info.frames, frames);
    assert!((info.video_seconds - fps.seconds(frames)).abs() < half / 100.0, "{}", info.video_seconds);
    assert!((info.audio.unwrap().seconds - 600.0).abs() < half / 10.0);
    let (original, heard) = (read_all(&audio), read_all(&folder.path().join("film.mp4")));
    let last = original.len() - 17_000..original.len() - 1000;
    let close = correlation(&original[last.clone()], &heard[last]);
    assert!(close > 0.99, "{close}");
}
