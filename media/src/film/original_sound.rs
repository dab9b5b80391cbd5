//! The original sound of a film, packet by packet, without encoding it again.

use std::path::Path;

use ffmpeg_next::{Packet, Rational, codec, codec::Id, encoder};
use shared::Result;

use crate::{
    audio::{Decoder, skipped_samples},
    fault,
};

/// Codecs that players accept in MP4. FLAC and Opus are allowed there too, but too few players take them.
const ACCEPTED: [Id; 5] = [Id::AAC, Id::MP3, Id::AC3, Id::EAC3, Id::ALAC];

/// Containers that name codecs as MP4 does, or not at all.
const NAMED_ALIKE: [&str; 8] = ["mov", "matroska", "caf", "mp3", "aac", "ac3", "eac3", "flv"];

/// Gives the packets of a track with continuous timestamps in samples; sample 0 is the first one that is heard.
///
/// Each packet is decoded on the way to learn its exact length, since containers round it. A packet that
/// does not decode is left out here as in [`crate::audio::Reader`], so that lips and sound stay together.
pub(super) struct OriginalSound {
    decoder: Decoder,
    parameters: codec::Parameters,
    rate: u32,
    at: i64,
    begun: bool,
    next: Option<Packet>,
}

impl OriginalSound {
    /// Opens the track when MP4 can take its packets as they are; nothing when it must be encoded.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let decoder = Decoder::open_whole(path)?;
        let inner = decoder.inner();
        let id = inner.id();
        if !ACCEPTED.contains(&id) {
            return Ok(None);
        }
        let container = decoder.container();
        let parameters = if NAMED_ALIKE.contains(&container.as_str()) {
            decoder.stream().parameters().clone()
        } else if id == Id::MP3 || id == Id::AC3 || id == Id::EAC3 || (id == Id::AAC && container == "mpegts") {
            // The container's own name for the codec must not reach MP4; these codecs need nothing else from it.
            match bare_parameters(&decoder, path)? {
                Some(parameters) => parameters,
                None => return Ok(None),
            }
        } else {
            return Ok(None);
        };
        let mut sound = Self { decoder, parameters, rate: 0, at: 0, begun: false, next: None };
        sound.next = sound.read()?;
        sound.rate = sound.decoder.rate().unwrap_or(0);
        Ok((sound.next.is_some() && sound.rate > 0).then_some(sound))
    }

    /// Codec parameters for the film.
    pub(super) fn parameters(&self) -> codec::Parameters {
        self.parameters.clone()
    }

    /// The time base of the packets: one sample.
    pub(super) fn time_base(&self) -> Rational {
        sample_time(self.rate)
    }

    /// The next packet; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Packet>> {
        let Some(packet) = self.next.take() else { return Ok(None) };
        self.next = self.read()?;
        Ok(Some(packet))
    }

    fn read(&mut self) -> Result<Option<Packet>> {
        while let Some(mut packet) = self.decoder.next_packet()? {
            let Some(samples) = self.decoder.length_of(&packet)? else { continue };
            let (priming, padding) = skipped_samples(&packet);
            if !self.begun {
                self.begun = true;
                self.at = -i64::try_from(priming).unwrap_or(0);
            }
            packet.set_pts(Some(self.at));
            packet.set_dts(Some(self.at));
            packet.set_duration(i64::try_from(samples.saturating_sub(padding)).unwrap_or(0));
            packet.set_position(-1);
            self.at += i64::try_from(samples).unwrap_or(0);
            return Ok(Some(packet));
        }
        Ok(None)
    }
}

/// The time base of one sample at `rate` Hz.
pub(super) fn sample_time(rate: u32) -> Rational {
    Rational::new(1, i32::try_from(rate).unwrap_or(i32::MAX))
}

fn bare_parameters(decoder: &Decoder, path: &Path) -> Result<Option<codec::Parameters>> {
    let inner = decoder.inner();
    let Some(codec) = ffmpeg_next::decoder::find(inner.id()) else { return Ok(None) };
    let context = codec::Context::new_with_codec(codec);
    let mut shape: encoder::audio::Audio = context.encoder().audio().map_err(|error| fault::encoding(path, error))?;
    shape.set_rate(i32::try_from(inner.rate()).unwrap_or(i32::MAX));
    shape.set_channel_layout(inner.channel_layout());
    shape.set_format(inner.format());
    Ok(Some(codec::Parameters::from(&*shape)))
}
