//! The sound of a film encoded as AAC, for tracks that MP4 cannot take as they are.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use ffmpeg_next::{
    ChannelLayout, Packet, Rational, codec, encoder,
    format::{Sample, sample::Type},
    frame,
};
use shared::{Error, Result};

use super::original_sound::sample_time;
use crate::{
    audio::{Decoder, Resampler},
    fault,
};

/// Rates that AAC knows (ISO/IEC 14496-3, table 1.18).
const RATES: [u32; 12] =
    [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000];

/// Bits per second for mono and stereo.
const BIT_RATE: usize = 192_000;

/// Gives a track as packets of AAC-LC with timestamps in samples; the encoder's priming lies before 0.
pub(super) struct EncodedSound {
    path: PathBuf,
    decoder: Decoder,
    resampler: Resampler,
    encoder: encoder::Audio,
    layout: ChannelLayout,
    rate: u32,
    planes: Vec<Vec<f32>>,
    sent: u64,
    taken: u64,
    native: u32,
    packets: VecDeque<Packet>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Decoding,
    LastFrame,
    Ended,
}

impl EncodedSound {
    /// Opens the track at `path` and the encoder for it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut decoder = Decoder::open(path)?;
        let Some(first) = decoder.next()? else {
            return Err(Error::order(format!("{} holds no audio samples", path.display()))
                .mend("choose a file with sound in it"));
        };
        let rate = nearest_rate(first.rate());
        let layout = nearest_layout(first.channel_layout());
        let resampler = Resampler::new(layout, rate);
        let mut sound = Self {
            path: path.to_owned(),
            encoder: open_encoder(path, layout, rate)?,
            planes: resampler.planes(),
            resampler,
            decoder,
            layout,
            rate,
            sent: 0,
            taken: 0,
            native: first.rate(),
            packets: VecDeque::new(),
            stage: Stage::Decoding,
        };
        sound.take(&first)?;
        Ok(sound)
    }

    /// Codec parameters for the film.
    pub(super) fn parameters(&self) -> codec::Parameters {
        codec::Parameters::from(&self.encoder)
    }

    /// The time base of the packets: one sample.
    pub(super) fn time_base(&self) -> Rational {
        sample_time(self.rate)
    }

    /// The next packet; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Packet>> {
        while self.packets.is_empty() && self.stage != Stage::Ended {
            self.advance()?;
        }
        Ok(self.packets.pop_front())
    }

    fn advance(&mut self) -> Result<()> {
        let size = self.encoder.frame_size() as usize;
        if self.planes[0].len() >= size {
            self.encode(size)?;
        } else if self.stage == Stage::Decoding {
            match self.decoder.next()? {
                Some(frame) => self.take(&frame)?,
                None => self.finish_input()?,
            }
        } else {
            self.encode(self.planes[0].len())?;
            self.stage = Stage::Ended;
            self.encoder.send_eof().map_err(|error| fault::encoding(&self.path, error))?;
        }
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            self.packets.push_back(std::mem::replace(&mut packet, Packet::empty()));
        }
        Ok(())
    }

    fn take(&mut self, frame: &frame::Audio) -> Result<()> {
        self.taken += frame.samples() as u64;
        self.resampler.push(frame, &mut self.planes).map_err(|error| fault::encoding(&self.path, error))
    }

    fn finish_input(&mut self) -> Result<()> {
        self.stage = Stage::LastFrame;
        self.resampler.finish(&mut self.planes).map_err(|error| fault::encoding(&self.path, error))?;
        let whole = (u128::from(self.taken) * u128::from(self.rate)).div_ceil(u128::from(self.native));
        let left = u64::try_from(whole).unwrap_or(u64::MAX).saturating_sub(self.sent);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        self.planes.iter_mut().for_each(|plane| plane.resize(left, 0.0));
        Ok(())
    }

    fn encode(&mut self, samples: usize) -> Result<()> {
        if samples == 0 {
            return Ok(());
        }
        let mut frame = frame::Audio::new(FORMAT, samples, self.layout);
        frame.set_rate(self.rate);
        frame.set_pts(i64::try_from(self.sent).ok());
        for (channel, plane) in self.planes.iter_mut().enumerate() {
            let rest = plane.split_off(samples);
            frame.plane_mut::<f32>(channel).copy_from_slice(plane);
            *plane = rest;
        }
        self.sent += samples as u64;
        self.encoder.send_frame(&frame).map_err(|error| fault::encoding(&self.path, error))
    }
}

const FORMAT: Sample = Sample::F32(Type::Planar);

/// The lowest rate of AAC that loses nothing, or its highest.
fn nearest_rate(rate: u32) -> u32 {
    RATES.into_iter().find(|known| *known >= rate).unwrap_or(96_000)
}

/// The layout itself where the encoder knows it, else stereo.
fn nearest_layout(layout: ChannelLayout) -> ChannelLayout {
    let known = [
        ChannelLayout::MONO,
        ChannelLayout::STEREO,
        ChannelLayout::SURROUND,
        ChannelLayout::_4POINT0,
        ChannelLayout::_5POINT0_BACK,
        ChannelLayout::_5POINT1_BACK,
    ];
    match layout {
        ChannelLayout::_5POINT0 => ChannelLayout::_5POINT0_BACK,
        ChannelLayout::_5POINT1 => ChannelLayout::_5POINT1_BACK,
        other if known.contains(&other) => other,
        _ => ChannelLayout::STEREO,
    }
}

fn open_encoder(path: &Path, layout: ChannelLayout, rate: u32) -> Result<encoder::Audio> {
    let codec = encoder::find_by_name("aac").ok_or_else(|| {
        Error::order("this FFmpeg has no AAC encoder").mend("install an FFmpeg with its own encoders")
    })?;
    let fail = |error| fault::encoding(path, error);
    let mut encoder = codec::Context::new_with_codec(codec).encoder().audio().map_err(fail)?;
    encoder.set_rate(i32::try_from(rate).unwrap_or(i32::MAX));
    encoder.set_channel_layout(layout);
    encoder.set_format(FORMAT);
    encoder.set_time_base(sample_time(rate));
    encoder.set_bit_rate(if layout.channels() > 2 { BIT_RATE * 2 } else { BIT_RATE });
    encoder.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
    encoder.open().map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_lose_nothing_where_aac_allows() {
        for (native, chosen) in [(8_000, 8_000), (7_350, 8_000), (37_800, 44_100), (48_000, 48_000), (192_000, 96_000)]
        {
            assert_eq!(nearest_rate(native), chosen);
        }
    }

    #[test]
    fn unusual_layouts_become_stereo() {
        assert!(nearest_layout(ChannelLayout::MONO) == ChannelLayout::MONO);
        assert!(nearest_layout(ChannelLayout::HEXADECAGONAL) == ChannelLayout::STEREO);
        assert!(nearest_layout(ChannelLayout::_5POINT1) == ChannelLayout::_5POINT1_BACK);
    }
}
