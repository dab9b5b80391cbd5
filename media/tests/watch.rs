//! Films that are watched while they are made: fragments follow one another without a gap, with exact times and their own sound.

mod material;

use std::{
    fs,
    path::{Path, PathBuf},
};

use ffmpeg_next::{Rational, format, media::Type};
use material::{correlation, number_in, parts, read_all, wav};
use media::film::{self, FragmentSound, FragmentSpec};
use shared::{Fps, Frames, error::Cause};

fn runs(lengths: &[u64]) -> Vec<Frames> {
    let mut at = 0;
    let run = |length: &u64| {
        at += length;
        Frames::new(at - length, at)
    };
    lengths.iter().map(run).collect()
}

/// The pieces of a track, by the place of their run.
fn pieces(folder: &Path, audio: &Path, fps: Fps, lengths: &[u64]) -> Vec<Option<PathBuf>> {
    let mut kept = vec![None; lengths.len()];
    film::cut_sound(audio, folder, fps, runs(lengths).into_iter(), &|| false, |place, piece| {
        let file = folder.join(format!("sound{place}.mp4"));
        fs::copy(piece, &file).unwrap();
        kept[place] = Some(file);
        Ok(())
    })
    .unwrap();
    kept
}

/// What a player has that saw the first `shown` fragments.
fn stream(
    folder: &Path,
    parts: &[PathBuf],
    pieces: &[Option<PathBuf>],
    fps: Fps,
    lengths: &[u64],
    shown: usize,
) -> PathBuf {
    let mut bytes = Vec::new();
    for (place, run) in runs(lengths).into_iter().enumerate().take(shown) {
        let own = pieces[place].as_ref();
        let sound = own.or(pieces[0].as_ref()).map(|piece| FragmentSound { piece, own: own.is_some() });
        let out = folder.join("fragment.m4s");
        let spec = FragmentSpec { fps, place: place as u32, first: run.start };
        let head = film::fragment(&parts[place], sound, &out, spec).unwrap();
        // The head of the first goes before all.
        if place == 0 {
            bytes.extend(head);
        }
        let fragment = fs::read(&out).unwrap();
        assert_eq!(&fragment[4..8], b"moof", "a fragment begins with its index");
        bytes.extend(fragment);
    }
    let path = folder.join("stream.mp4");
    fs::write(&path, bytes).unwrap();
    path
}

/// The times of all packets of a kind, in units of `base`; each must fall on one exactly.
fn times(path: &Path, kind: Type, base: Rational) -> Vec<i64> {
    let mut input = format::input(path).unwrap();
    let (index, own) =
        input.streams().find(|s| s.parameters().medium() == kind).map(|s| (s.index(), s.time_base())).unwrap();
    let mut times = Vec::new();
    for (stream, packet) in input.packets() {
        if stream.index() == index {
            let unit = own * base.invert();
            let (num, den) = (i64::from(unit.numerator()), i64::from(unit.denominator()));
            assert_eq!(packet.pts().unwrap() * num % den, 0, "{:?} x {own} is no multiple of {base}", packet.pts());
            times.push(packet.pts().unwrap() * num / den);
        }
    }
    times
}

#[test]
fn a_growing_film_has_exact_frames_and_times_at_every_rate() {
    let lengths = [30, 1, 47, 22];
    for rate in ["25", "24000/1001", "30000/1001"] {
        let folder = tempfile::tempdir().unwrap();
        let (folder, fps) = (folder.path(), rate.parse::<Fps>().unwrap());
        let audio = folder.join("speech.wav");
        wav(&audio, 44_100, 1, (fps.seconds(100) * 44_100.0) as u64);
        let parts = parts(folder, fps, 64, &lengths);
        let pieces = pieces(folder, &audio, fps, &lengths);
        for shown in 1..=lengths.len() {
            let frames: u64 = lengths[..shown].iter().sum();
            let stream = stream(folder, &parts, &pieces, fps, &lengths, shown);
            let frame = Rational::new(fps.den() as i32, fps.num() as i32);
            assert_eq!(times(&stream, Type::Video, frame), (0..frames as i64).collect::<Vec<_>>(), "{rate}");
            // Sound follows sound packet by packet, and reaches as far as the pictures, to a packet.
            let tones = times(&stream, Type::Audio, Rational::new(1, 44_100));
            assert!(tones.iter().enumerate().all(|(n, at)| *at == n as i64 * 1024), "{rate}: {tones:?}");
            let end = (tones.len() * 1024) as f64 / 44_100.0;
            assert!((end - fps.seconds(frames)).abs() < 1024.0 / 44_100.0 + 1e-9, "{rate}, {shown}: {end}");
            let mut seen = Vec::new();
            film::decode(&stream, |_, picture| {
                seen.push(number_in(picture));
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, (0..frames).collect::<Vec<_>>(), "{rate}");
        }
        let (original, heard) = (read_all(&audio), read_all(&folder.join("stream.mp4")));
        let part = 8_000..24_000;
        let alike = correlation(&original[part.clone()], &heard[part.clone()]);
        assert!(alike > 0.99, "{rate}: {alike}");
        // A quarter of a frame later it is another sound.
        let late = correlation(&original[part], &heard[8_160..24_160]);
        assert!(late < alike - 0.05, "{rate}: {late} against {alike}");
    }
}

#[test]
fn a_part_that_is_shorter_than_a_packet_of_sound_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, fps, lengths) = (folder.path(), Fps::PAL, [1, 1, 1, 1, 1, 1]);
    let audio = folder.join("speech.wav");
    // A packet at 8 kHz lasts more than three frames.
    wav(&audio, 8_000, 1, 8_000 * 6 / 25);
    let parts = parts(folder, fps, 64, &lengths);
    let pieces = pieces(folder, &audio, fps, &lengths);
    let there: Vec<_> = pieces.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false, false, true, false, false]);
    let stream = stream(folder, &parts, &pieces, fps, &lengths, 6);
    assert_eq!(times(&stream, Type::Video, Rational::new(1, 25)), [0, 1, 2, 3, 4, 5]);
    assert_eq!(times(&stream, Type::Audio, Rational::new(1, 8_000)), [0, 1024]);
}

#[test]
fn a_film_without_sound_can_be_watched_and_cutting_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, lengths) = (folder.path(), [10, 10]);
    let audio = folder.join("speech.wav");
    wav(&audio, 16_000, 1, 12_800);
    let parts = parts(folder, Fps::PAL, 64, &lengths);
    let stream = stream(folder, &parts, &[None, None], Fps::PAL, &lengths, 2);
    assert_eq!(times(&stream, Type::Video, Rational::new(1, 25)), (0..20).collect::<Vec<_>>());
    let stopped = film::cut_sound(&audio, folder, Fps::PAL, runs(&lengths).into_iter(), &|| true, |_, _| Ok(()));
    assert_eq!(stopped.unwrap_err().cause(), Cause::Stopped);
}
