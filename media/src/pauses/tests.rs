//! Bursts like speech with gaps that are known, in many surroundings.

use std::f64::consts::TAU;

use shared::pauses::{Pause, Pauses, RATE};

use super::Finder;

/// Numbers from -1 to 1 that look random.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }
}

/// Speech-like bursts: syllables of a buzz at 120 Hz with two formants, each begun or ended by hissing, and gaps between words.
struct Speech {
    samples: Vec<f32>,
    noise: Noise,
    gaps: Vec<(u64, u64)>,
}

impl Speech {
    fn new() -> Self {
        Self { samples: Vec::new(), noise: Noise(7), gaps: Vec::new() }
    }

    fn word(&mut self, syllables: u32, loudness: f64) {
        for syllable in 0..syllables {
            let pitch = 110.0 + 8.0 * f64::from(syllable % 4);
            self.sound(0.16, |t, noise| {
                let buzz: f64 = (1..24)
                    .map(|k| {
                        let hz = pitch * f64::from(k);
                        let near = |formant: f64| (-((hz - formant) / 220.0).powi(2)).exp();
                        (near(500.0) + 0.5 * near(1500.0) + 0.03) * (TAU * hz * t).sin()
                    })
                    .sum();
                loudness * (0.1 * buzz + 0.002 * noise)
            });
            self.sound(0.07, |_, noise| loudness * 0.04 * noise);
        }
    }

    fn sound(&mut self, seconds: f64, voice: impl Fn(f64, f64) -> f64) {
        let count = (seconds * f64::from(RATE)) as usize;
        for n in 0..count {
            // Ten milliseconds of rise and fall.
            let edge = (n.min(count - n) as f64 / 160.0).min(1.0);
            let sample = edge * voice(n as f64 / f64::from(RATE), self.noise.next());
            self.samples.push(sample as f32);
        }
    }

    fn gap(&mut self, seconds: f64) {
        let start = self.samples.len();
        self.samples.resize(start + (seconds * f64::from(RATE)) as usize, 0.0);
        self.gaps.push((start as u64, self.samples.len() as u64));
    }

    /// Twenty sentences with gaps from 0.2 to 0.96 s, and closures of 60 ms inside of words.
    fn talk() -> Self {
        let mut speech = Self::new();
        for sentence in 0..20_u32 {
            for word in 1..5 {
                speech.word(word % 3 + 1, 1.0 - 0.15 * f64::from(word));
                speech.samples.resize(speech.samples.len() + 960, 0.0);
                speech.word(1, 0.8);
                speech.gap(0.2 + 0.04 * f64::from((sentence * word) % 20));
            }
        }
        speech
    }

    fn with(&self, add: impl Fn(f64, f64) -> f64) -> Vec<f32> {
        let mut noise = Noise(99);
        let seconds = |n: usize| n as f64 / f64::from(RATE);
        self.samples.iter().enumerate().map(|(n, s)| s + add(seconds(n), noise.next()) as f32).collect()
    }
}

fn find(samples: &[f32]) -> Pauses {
    find_in_pieces(samples, samples.len().max(1))
}

fn find_in_pieces(samples: &[f32], size: usize) -> Pauses {
    let mut finder = Finder::new();
    samples.chunks(size).for_each(|piece| finder.push(piece));
    finder.finish()
}

/// Exactly one pause lies in each gap, no other pause is found, and none begins or ends more than 60 ms from where its gap does.
fn assert_gaps(found: &[Pause], gaps: &[(u64, u64)], what: &str) {
    assert_eq!(found.len(), gaps.len(), "{what}: {found:?}\n{gaps:?}");
    for (pause, (start, end)) in found.iter().zip(gaps) {
        let near = |a: u64, b: u64| a.abs_diff(b) <= 960;
        assert!(near(pause.start, *start) && near(pause.end, *end), "{what}: {pause:?} for {start}..{end}");
        assert!((5.0..=Pause::DEEPEST).contains(&pause.depth), "{what}: {pause:?}");
    }
}

#[test]
fn gaps_between_words_are_found_and_closures_inside_are_not() {
    let speech = Speech::talk();
    assert_gaps(&find(&speech.samples).pauses, &speech.gaps, "clean");
    for loudness in [0.02, 4.0] {
        let scaled: Vec<f32> = speech.samples.iter().map(|s| s * loudness).collect();
        assert_gaps(&find(&scaled).pauses, &speech.gaps, &format!("{loudness} times as loud"));
    }
}

#[test]
fn noise_and_hum_under_the_speech_are_floors() {
    let speech = Speech::talk();
    // Speech is at 0.1 on average: about 45, 30 and 17 dB above these.
    for noise in [0.001, 0.005, 0.02] {
        assert_gaps(&find(&speech.with(|_, n| noise * n)).pauses, &speech.gaps, &format!("noise of {noise}"));
    }
    let chord = |t: f64| [110.0, 138.6, 164.8, 220.0].iter().map(|hz| (TAU * hz * t).sin()).sum::<f64>();
    for hum in [0.002, 0.01] {
        assert_gaps(&find(&speech.with(|t, _| hum * chord(t))).pauses, &speech.gaps, &format!("hum of {hum}"));
    }
    let rumble = speech.with(|t, _| 0.3 * (TAU * 25.0 * t).sin() + 0.05);
    assert_gaps(&find(&rumble).pauses, &speech.gaps, "rumble and an offset");
}

#[test]
fn room_tone_beside_digital_silence_is_a_pause_too() {
    let mut speech = Speech::new();
    for n in 0..12 {
        speech.word(3, 1.0);
        let start = speech.samples.len();
        speech.gap(0.6);
        if n % 2 == 0 {
            let mut noise = Noise(5);
            speech.samples[start..].iter_mut().for_each(|s| *s = (0.001 * noise.next()) as f32);
        }
    }
    assert_gaps(&find(&speech.samples).pauses, &speech.gaps, "room tone");
}

#[test]
fn a_tone_has_no_pause_and_silence_is_one() {
    let seconds = |count: u32| count * RATE;
    let tone: Vec<f32> =
        (0..seconds(30)).map(|n| (0.3 * (TAU * 440.0 * f64::from(n) / 16_000.0).sin()) as f32).collect();
    assert_eq!(find(&tone).pauses, []);
    let mut noise = Noise(3);
    let hiss: Vec<f32> = (0..seconds(30)).map(|_| (0.1 * noise.next()) as f32).collect();
    assert_eq!(find(&hiss).pauses, []);
    for softness in [0.0, 1e-5, f32::NAN] {
        let silence = vec![softness; seconds(30) as usize + 77];
        let all = Pause { start: 0, end: u64::from(seconds(30)) + 77, depth: Pause::DEEPEST };
        assert_eq!(find(&silence).pauses, [all], "{softness}");
    }
}

#[test]
fn a_long_pause_is_one_pause_and_a_click_does_not_part_it() {
    let mut speech = Speech::new();
    (0..5).for_each(|_| speech.word(4, 1.0));
    speech.gap(25.0);
    (0..5).for_each(|_| speech.word(4, 1.0));
    let clicked = speech.gaps[0].0 as usize + 5 * RATE as usize;
    let mut noisy = speech.with(|_, n| 0.003 * n);
    assert_gaps(&find(&noisy).pauses, &speech.gaps, "25 s");
    noisy[clicked..clicked + 80].iter_mut().for_each(|s| *s += 0.1);
    assert_gaps(&find(&noisy).pauses, &speech.gaps, "25 s with a click");
}

#[test]
fn pieces_change_nothing() {
    let speech = Speech::talk().with(|_, n| 0.004 * n);
    let whole = find(&speech);
    assert!(whole.pauses.len() > 50 && whole.lulls.len() >= speech.len() / 4000);
    for size in [1, 7, 159, 160, 161, 4096, 16_000] {
        assert_eq!(find_in_pieces(&speech, size), whole, "pieces of {size}");
    }
}

#[test]
fn every_quarter_of_a_second_has_its_quietest_place() {
    let mut speech = Speech::new();
    // Nobody draws a breath, but one syllable in ten is softer.
    (0..40).for_each(|n| speech.word(1, if n % 10 == 5 { 0.2 } else { 1.0 }));
    let found = find(&speech.samples);
    assert_eq!(found.pauses, []);
    assert_eq!(found.lulls.len(), speech.samples.len().div_ceil(4000));
    for (quarter, lull) in found.lulls.iter().enumerate() {
        assert!(lull.at.abs_diff(quarter as u64 * 4000 + 2000) <= 2400, "{quarter}: {lull:?}");
    }
    assert_eq!(find(&[]), Pauses::default());
}

#[test]
fn an_hour_holds_no_more_than_a_minute() {
    let minute = Speech::talk().with(|_, n| 0.004 * n);
    let (mut finder, mut most, mut least) = (Finder::new(), 0, usize::MAX);
    for _ in 0..3600 * RATE as usize / minute.len() {
        let mut here = 0;
        for piece in minute.chunks(16_000) {
            finder.push(piece);
            here = here.max(finder.held());
        }
        (most, least) = (most.max(here), least.min(here));
    }
    // The band powers of ten seconds, and the candidates for the floors among them.
    assert!(most < 16_000, "{most}");
    assert!(most < least * 11 / 10 + 100, "{least} to {most}");
    assert!(finder.finish().pauses.len() > 2000);
}
