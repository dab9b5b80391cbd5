//! A track of any length through the speech encoder, in bounded memory: one pass for the statistics, one for the features.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use shared::{Error, Fps, Result, ports::model::AudioEncoder};

use super::{SAMPLE_RATE, Spread, Wav2Vec, extractor::Tuning, mix, statistics::Statistics};
use crate::{
    pack::hallo::{HalloConfig, SpeechWindow},
    rows::Rows,
    sampler::failed,
};

/// Samples that are taken at once from a long push: two seconds.
const GULP: usize = 32_000;

/// Turns a track into features at the frame times of a film.
///
/// The network hears frames at its own rate; the film's frames lie between them where its rate is another. As in the
/// release, silence fills the track up to whole clips before anything is computed.
pub(crate) struct SpeechListener {
    network: Arc<Wav2Vec>,
    plan: Plan,
    state: State,
    /// The next frame of the film.
    next: u64,
}

/// What is known before the track is.
#[derive(Clone, Copy, Debug)]
struct Plan {
    film: Fps,
    /// Frames that the network hears in a second, and in a clip.
    rate: usize,
    clip: usize,
    /// Frames that are encoded as a whole; of longer tracks, frames of a window and of its overlap.
    exact: usize,
    window: usize,
    overlap: usize,
}

enum State {
    Surveying(Statistics),
    Hearing(Box<Hearing>),
    /// A state never left behind: only while one becomes the other.
    Moving,
}

impl SpeechListener {
    /// A listener for a film of `film` frames a second.
    pub(crate) fn new(network: Arc<Wav2Vec>, config: &HalloConfig, film: Fps) -> Self {
        let SpeechWindow { exact_seconds, window_seconds, overlap_seconds } = config.speech;
        let rate = config.clip.fps as usize;
        let plan = Plan {
            film,
            rate,
            clip: config.clip.frames,
            exact: exact_seconds as usize * rate,
            window: window_seconds as usize * rate,
            overlap: overlap_seconds as usize * rate,
        };
        let statistics = Statistics::new(network.extractor.first());
        Self { network, plan, state: State::Surveying(statistics), next: 0 }
    }

    /// The second pass; the first one ends here.
    fn hearing(&mut self) -> Result<&mut Hearing> {
        if let State::Surveying(_) = self.state
            && let State::Surveying(statistics) = std::mem::replace(&mut self.state, State::Moving)
        {
            self.state = State::Hearing(Box::new(Hearing::new(&self.network, self.plan, statistics)?));
        }
        match &mut self.state {
            State::Hearing(hearing) => Ok(hearing),
            _ => Err(Error::world("the speech encoder failed before and cannot go on")),
        }
    }

    /// Samples, features, frames and hidden states that are held.
    #[cfg(test)]
    pub(super) fn held(&mut self) -> [usize; 4] {
        self.hearing().map_or([0; 4], |hearing| {
            [hearing.pending.len(), hearing.features.held(), hearing.frames.held(), hearing.states.held()]
        })
    }

    /// Features of the film's frames before `limit` as far as they are known; once the track has `ended`, of all of them.
    fn emit(&mut self, limit: u64, ended: bool) -> Result<shared::Tensor> {
        let (film, rate, width) = (self.plan.film, self.plan.rate as f64, self.network.feature_width());
        let next = self.next;
        let hearing = self.hearing()?;
        let (mut frame, mut out) = (next, Vec::new());
        let end = hearing.states.end();
        while frame < limit {
            let place = film.seconds(frame) * rate;
            let low = place as usize;
            let part = (place - low as f64) as f32;
            // Frames of the film that lie on the network's need no neighbour.
            let high = if part > 0.0 { low + 1 } else { low };
            if high < end {
                mix(hearing.states.row(low), hearing.states.row(high), part, &mut out);
            } else if ended && end > 0 {
                out.extend_from_slice(hearing.states.row(end - 1));
            } else {
                break;
            }
            frame += 1;
        }
        let needed = (film.seconds(frame) * rate) as usize;
        hearing.states.forget_before(needed.min(end.saturating_sub(1)));
        self.next = frame;
        shared::Tensor::new([out.len() / width, width], out)
    }
}

impl AudioEncoder for SpeechListener {
    fn needs_survey(&self) -> bool {
        true
    }

    fn survey(&mut self, samples: &[f32]) -> Result<()> {
        match &mut self.state {
            State::Surveying(statistics) => statistics.push(samples),
            _ => Err(Error::world("the track is surveyed before it is heard")),
        }
    }

    fn push(&mut self, samples: &[f32]) -> Result<shared::Tensor> {
        let network = Arc::clone(&self.network);
        let mut parts = Vec::new();
        for gulp in samples.chunks(GULP) {
            let hearing = self.hearing()?;
            hearing.hear(&network, gulp)?;
            while hearing.encode(&network)? {}
            parts.push(self.emit(u64::MAX, false)?);
        }
        parts.push(shared::Tensor::new([0, network.feature_width()], Vec::new())?);
        shared::Tensor::join(&parts)
    }

    fn finish(mut self: Box<Self>, frames: u64) -> Result<shared::Tensor> {
        let network = Arc::clone(&self.network);
        let hearing = self.hearing()?;
        hearing.end(&network)?;
        let mut parts = Vec::new();
        loop {
            let more = self.hearing()?.encode(&network)?;
            parts.push(self.emit(frames, !more)?);
            if !more {
                return shared::Tensor::join(&parts);
            }
        }
    }
}

/// The second pass over a track that was surveyed.
struct Hearing {
    tuning: Tuning,
    /// Frames to a window and its overlap; a track that is short enough is one window.
    window: usize,
    overlap: usize,
    spread: Spread,
    /// Samples of the track that were heard, and how many there must be.
    heard: u64,
    samples: u64,
    /// Samples of silence behind the track.
    silence: usize,
    /// Samples from the first one on that the next feature sees.
    pending: Vec<f32>,
    /// Features of the convolutions, fifty a second.
    features: Rows,
    /// The same at the network's frames.
    frames: Rows,
    /// Hidden states.
    states: Rows,
}

impl Hearing {
    fn new(network: &Wav2Vec, plan: Plan, statistics: Statistics) -> Result<Self> {
        let (samples, per_frame) = (statistics.samples(), SAMPLE_RATE as usize / plan.rate);
        let short = usize::try_from(samples).map_err(|_| Error::order("the speech track is too long"))?;
        let frames = (short as f64 / f64::from(SAMPLE_RATE) * plan.rate as f64).ceil() as usize;
        let whole = frames.div_ceil(plan.clip) * plan.clip;
        let silence = (whole - frames) * per_frame;
        let survey = statistics.finish(silence)?;
        let features = network.extractor.count(short + silence);
        if features == 0 {
            let what = format!("a speech track of {samples} samples is too short to be heard");
            return Err(Error::order(what).mend("choose a longer track"));
        }
        let (window, overlap) = if whole <= plan.exact { (whole, 0) } else { (plan.window, plan.overlap) };
        Ok(Self {
            tuning: network.extractor.tune(survey),
            window,
            overlap,
            spread: Spread { features, frames: whole },
            heard: 0,
            samples,
            silence,
            pending: Vec::new(),
            features: Rows::new(network.extractor.width()),
            frames: Rows::new(network.extractor.width()),
            states: Rows::new(network.feature_width()),
        })
    }

    /// Takes the next samples of the track.
    fn hear(&mut self, network: &Wav2Vec, samples: &[f32]) -> Result<()> {
        self.heard += samples.len() as u64;
        if self.heard > self.samples {
            return Err(self.changed());
        }
        self.convolve(network, samples)
    }

    /// Ends the track with its silence.
    fn end(&mut self, network: &Wav2Vec) -> Result<()> {
        if self.heard != self.samples {
            return Err(self.changed());
        }
        let silence = vec![self.tuning.survey.silence(); self.silence];
        silence.chunks(GULP).try_for_each(|gulp| self.convolve(network, gulp))
    }

    fn changed(&self) -> Error {
        Error::world(format!(
            "the speech track had {} samples when it was surveyed and {} when it was heard",
            self.samples, self.heard
        ))
        .mend("do not change the track while it is being read")
    }

    /// Samples to features, and those to the network's frames, as far as they reach.
    fn convolve(&mut self, network: &Wav2Vec, samples: &[f32]) -> Result<()> {
        self.pending.extend_from_slice(samples);
        let count = network.extractor.count(self.pending.len());
        let [step, _] = network.extractor.step_and_reach();
        self.features.extend(network.extractor.features(&self.tuning, &self.pending).map_err(failed)?);
        self.pending.drain(..count * step);
        let mut rows = Vec::new();
        for frame in self.frames.end()..self.spread.frames {
            let (low, part) = self.spread.of(frame);
            let high = (low + 1).min(self.spread.features - 1);
            if high >= self.features.end() {
                break;
            }
            mix(self.features.row(low), self.features.row(high), part, &mut rows);
        }
        self.frames.extend(rows);
        self.features.forget_before(self.spread.of(self.frames.end()).0);
        Ok(())
    }

    /// Encodes the next window if all that it hears is there; says whether it did.
    fn encode(&mut self, network: &Wav2Vec) -> Result<bool> {
        let (from, all) = (self.states.end(), self.spread.frames);
        let to = (from + self.window).min(all);
        let (first, last) = (from.saturating_sub(self.overlap), (to + self.overlap).min(all));
        if from == all || self.frames.end() < last {
            return Ok(false);
        }
        let width = self.frames.width();
        let rows = self.frames.slice(first, last);
        let rows = Tensor::from_slice(rows, (last - first, width), &Device::Cpu).map_err(failed)?;
        let states = network.encode(&rows, from - first..to - first).map_err(failed)?;
        self.states.extend(states);
        self.frames.forget_before(to.saturating_sub(self.overlap));
        Ok(true)
    }
}
