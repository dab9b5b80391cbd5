//! Speech tracks in many containers, codecs, rates and channel counts.

mod material;

use std::path::Path;

use material::{correlation, encode, encode_late, read_all, tone, wav, wav_promising};
use media::{
    audio::{self, CHUNK, Reader},
    film::JoinSpec,
};
use shared::Fps;

/// The mono mix of the tone's channels at 16 kHz, as a reader should give it.
fn expected(channels: u16, samples: usize) -> Vec<f32> {
    (0..samples as u64).map(|n| (0..channels).map(|c| tone(n, 16_000, c)).sum::<f32>() / f32::from(channels)).collect()
}

#[test]
fn wav_of_any_rate_and_channels_gives_exact_lengths() {
    let folder = tempfile::tempdir().unwrap();
    for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 37_800, 44_100, 48_000, 96_000, 192_000] {
        for channels in [1, 2, 6] {
            let path = folder.path().join("speech.wav");
            let samples = u64::from(rate) * 3 / 2 + 7;
            wav(&path, rate, channels, samples);
            let track = audio::measure(&path).unwrap();
            assert_eq!((track.samples, track.rate, track.channels), (samples, rate, channels));
            assert_eq!((track.codec.as_str(), track.container.as_str()), ("pcm_s16le", "wav"));
            assert_eq!((track.damaged_packets, track.late_seconds), (0, 0.0));
            let heard = read_all(&path);
            assert_eq!(heard.len() as u64, track.samples_at_16k(), "{rate} Hz, {channels} channels");
            assert_eq!(heard.len() as u64, (samples * 16_000).div_ceil(u64::from(rate)));
            if channels < 6 {
                let match_of_middle = correlation(&heard[2000..20_000], &expected(channels, 20_000)[2000..]);
                assert!(match_of_middle > 0.999, "{rate} Hz, {channels} channels: {match_of_middle}");
            }
        }
    }
}

#[test]
fn two_equal_channels_are_as_loud_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1.wav"), folder.path().join("2.mka"));
    wav(&one, 16_000, 1, 16_000);
    encode(&two, "pcm_s16le", 16_000, 2, 16_000);
    let peak = |path: &Path| read_all(path).into_iter().fold(0.0f32, |a, b| a.max(b.abs()));
    assert!((0.39..=0.41).contains(&peak(&one)), "{}", peak(&one));
    assert!(peak(&two) <= 0.41, "{}", peak(&two));
}

#[test]
fn every_usual_codec_is_read() {
    let folder = tempfile::tempdir().unwrap();
    // Slack in samples at the end: codecs without an exact length fill their last frame up.
    let table = [
        ("pcm_s24le", "a.wav", 48_000, 0),
        ("pcm_f32le", "a.caf", 44_100, 0),
        ("pcm_s16be", "a.aiff", 44_100, 0),
        ("pcm_mulaw", "a.au", 8_000, 0),
        ("flac", "a.flac", 48_000, 0),
        ("flac", "a.mka", 48_000, 0),
        ("alac", "a.m4a", 48_000, 0),
        ("libmp3lame", "a.mp3", 44_100, 0),
        ("libvorbis", "a.ogg", 44_100, 0),
        ("libopus", "a.opus", 48_000, 0),
        ("libopus", "a.webm", 48_000, 1000),
        ("aac", "b.m4a", 48_000, 1024),
        ("aac", "b.mov", 44_100, 1024),
        ("aac", "b.aac", 48_000, 2048),
        ("aac", "b.mkv", 48_000, 2048),
        ("aac", "b.ts", 48_000, 2048),
        ("libmp3lame", "b.avi", 48_000, 2500),
        ("ac3", "b.ac3", 48_000, 3072),
    ];
    for (encoder, name, rate, slack) in table {
        let path = folder.path().join(name);
        let samples = 100_001;
        encode(&path, encoder, rate, 1, samples);
        let track = audio::measure(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((track.rate, track.channels), (rate, 1), "{name}");
        assert!((samples..=samples + slack).contains(&track.samples), "{name}: {}", track.samples);
        assert_eq!(read_all(&path).len() as u64, track.samples_at_16k(), "{name}");
    }
}

#[test]
fn priming_is_removed_where_the_file_tells_of_it() {
    let folder = tempfile::tempdir().unwrap();
    for (encoder, name) in [("libmp3lame", "a.mp3"), ("libopus", "a.opus"), ("libvorbis", "a.ogg"), ("aac", "a.m4a")] {
        let path = folder.path().join(name);
        encode(&path, encoder, 48_000, 1, 96_000);
        let heard = read_all(&path);
        let close = correlation(&heard[1000..30_000], &expected(1, 30_000)[1000..]);
        assert!(close > 0.99, "{name}: {close}");
    }
}

#[test]
fn videos_are_read_as_speech_tracks() {
    let folder = tempfile::tempdir().unwrap();
    for (encoder, name) in [
        ("aac", "a.mp4"),
        ("aac", "a.mov"),
        ("aac", "a.mkv"),
        ("aac", "a.ts"),
        ("libmp3lame", "a.avi"),
        ("mp2", "a.mpg"),
    ] {
        let path = folder.path().join(name);
        encode_late(&path, encoder, 48_000, 2, 100_000, Some(0));
        let track = audio::measure(&path).unwrap();
        assert_eq!((track.rate, track.channels), (48_000, 2), "{name}");
        assert!((100_000..103_000).contains(&track.samples), "{name}: {track:?}");
        assert!(track.late_seconds.abs() < 0.05, "{name}: {track:?}");
        assert_eq!(read_all(&path).len() as u64, track.samples_at_16k(), "{name}");
    }
}

#[test]
fn a_late_track_opens_the_film_with_its_first_sample() {
    let folder = tempfile::tempdir().unwrap();
    let parts = material::parts(folder.path(), Fps::PAL, 64, &[53]);
    for name in ["late.mkv", "late.mp4", "late.ts"] {
        let late = folder.path().join(name);
        encode_late(&late, "aac", 48_000, 1, 100_000, Some(36_000));
        let track = audio::measure(&late).unwrap();
        assert!((track.late_seconds - 0.75).abs() < 0.05, "{name}: {track:?}");
        let film = folder.path().join("film.mp4");
        let spec = JoinSpec { fps: Fps::PAL, frames: 53, metadata: vec![], cancel: &|| false };
        let info = media::film::join(&parts, &late, &film, &spec).unwrap();
        assert!(info.audio.unwrap().start.abs() < 1e-9);
        assert_eq!(read_all(&film), read_all(&late));
        let heard = read_all(&film);
        // Nothing in these files tells of the 1024 samples of priming, which then stay in.
        let priming = 1024 * 16_000 / 48_000;
        let close = correlation(&heard[1000 + priming..30_000 + priming], &expected(1, 30_000)[1000..]);
        assert!(close > 0.99, "{name}: {close}");
    }
}

#[test]
fn wav_from_a_pipe_is_whole_whatever_its_header_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("piped.wav");
    for promised in [0x7fff_f000, 0x7fff_ffff, 0xffff_ffff, 0xffff_f000, 0] {
        wav_promising(&path, 22_050, 1, 30_000, promised);
        assert_eq!(audio::measure(&path).unwrap().samples, 30_000, "{promised:#x}");
    }
}

#[test]
fn an_mp3_may_be_cut_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp3");
    encode(&path, "libmp3lame", 44_100, 1, 200_000);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[bytes.len() / 4..bytes.len() / 4 * 3]).unwrap();
    let track = audio::measure(&path).unwrap();
    assert!((90_000..110_000).contains(&track.samples), "{}", track.samples);
    assert_eq!(read_all(&path).len() as u64, track.samples_at_16k());
}

#[test]
fn pauses_are_found_while_the_track_is_measured_and_are_those_of_the_samples_at_16_khz() {
    let folder = tempfile::tempdir().unwrap();
    for rate in [16_000, 44_100, 48_000] {
        let path = folder.path().join("speech.wav");
        // The tone falls silent from second 4 to 5 and from 9 to 9.5.
        let silent =
            |n: u64| [(4.0, 5.0), (9.0, 9.5)].iter().any(|(a, b)| (*a..*b).contains(&(n as f64 / f64::from(rate))));
        material::wav_of(
            &path,
            rate,
            2,
            12 * u64::from(rate),
            |n, channel| {
                if silent(n) { 0.0 } else { tone(n, rate, channel) }
            },
        );
        let (track, pauses) = audio::listen(&path).unwrap();
        assert_eq!(track, audio::measure(&path).unwrap());
        let found: Vec<_> =
            pauses.pauses.iter().map(|p| (p.start as f64 / 16_000.0, p.end as f64 / 16_000.0)).collect();
        assert_eq!(found.len(), 2, "{rate} Hz: {found:?}");
        for ((start, end), (from, to)) in found.into_iter().zip([(4.0, 5.0), (9.0, 9.5)]) {
            assert!((start - from).abs() < 0.05 && (end - to).abs() < 0.05, "{rate} Hz: {start} to {end}");
        }
        let mut finder = media::pauses::Finder::new();
        finder.push(&read_all(&path));
        // The reader cuts the filter's tail off, or fills it up with silence, to an exact length.
        assert_eq!(finder.finish().pauses, pauses.pauses, "{rate} Hz");
    }
    assert!(audio::listen(&folder.path().join("none.wav")).is_err());
}

#[test]
fn ten_minutes_need_no_more_memory_than_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    wav(&path, 48_000, 1, 600 * 48_000);
    let mut reader = Reader::open(&path).unwrap();
    let (mut most, mut all) = (0, 0);
    while let Some(chunk) = reader.next().unwrap() {
        most = most.max(reader.waiting() + chunk.len());
        all += chunk.len();
    }
    assert_eq!(all, 600 * 16_000);
    assert!(most < CHUNK + 8192, "{most}");
}
