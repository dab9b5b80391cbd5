//! Decoding of the best audio stream of a file, frame by frame.

use std::path::Path;

use ffmpeg_next::{ChannelLayout, Dictionary, Packet, codec, decoder, format::stream::Stream, frame, media, packet};
use shared::{Error, Result};

use super::promise;
use crate::{
    fault,
    input::{self, Input, Step},
};

/// Decodes the best audio stream of one file.
pub(crate) struct Decoder {
    input: Input,
    stream: usize,
    codec: decoder::Audio,
    rate: Option<u32>,
    damaged: u64,
    cut: bool,
    draining: bool,
}

impl Decoder {
    /// Opens the best audio stream of the file at `path`; priming and padding of codecs are removed.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, Dictionary::new())
    }

    /// Like [`Self::open`], but frames keep the samples that a player skips, so that each packet
    /// shows its full length.
    pub(crate) fn open_whole(path: &Path) -> Result<Self> {
        Self::open_with(path, Dictionary::from_iter([("flags2", "+skip_manual")]))
    }

    fn open_with(path: &Path, options: Dictionary) -> Result<Self> {
        let input = Input::open(path)?;
        let name = path.display();
        let Some(stream) = input.demuxer.streams().best(media::Type::Audio) else {
            return Err(Error::order(format!("{name} has no audio stream"))
                .mend("choose a file that carries the speech, or extract its sound track"));
        };
        let index = stream.index();
        let unknown = |error: ffmpeg_next::Error| {
            Error::order(format!("the audio codec of {name} is not supported here"))
                .from_source(error)
                .mend("export the sound as WAV or FLAC")
        };
        let context = codec::Context::from_parameters(stream.parameters()).map_err(unknown)?;
        let codec = decoder::find(context.id()).ok_or(ffmpeg_next::Error::DecoderNotFound).map_err(unknown)?;
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(stream.time_base());
        let codec = decoder.open_as_with(codec, options).and_then(decoder::Opened::audio).map_err(unknown)?;
        Ok(Self { input, stream: index, codec, rate: None, damaged: 0, cut: false, draining: false })
    }

    /// The next frame of the track, with its channel layout set; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<frame::Audio>> {
        loop {
            if let Some(frame) = self.receive()? {
                return Ok(Some(frame));
            }
            if self.draining {
                return Ok(None);
            }
            if let Some(packet) = self.next_packet()? {
                self.send(&packet);
            } else {
                // An error here can only mean that draining has begun already.
                let _ = self.codec.send_eof();
                self.draining = true;
            }
        }
    }

    /// The next packet of the stream, undecoded; nothing at the end.
    pub(crate) fn next_packet(&mut self) -> Result<Option<Packet>> {
        loop {
            match self.input.read()? {
                Step::Packet(packet) if packet.stream() == self.stream => return Ok(Some(packet)),
                Step::Packet(_) => {}
                Step::End => return Ok(None),
                Step::Cut => {
                    self.cut = true;
                    return Ok(None);
                }
            }
        }
    }

    /// Samples that `packet` decodes to, for decoders that answer each packet at once; nothing when it is damaged.
    pub(crate) fn length_of(&mut self, packet: &Packet) -> Result<Option<u64>> {
        let before = self.damaged;
        self.send(packet);
        let mut samples = 0;
        while let Some(frame) = self.receive()? {
            samples += frame.samples() as u64;
        }
        Ok((self.damaged == before && samples > 0).then_some(samples))
    }

    fn send(&mut self, packet: &Packet) {
        // A damaged packet costs its own samples, not the track: decoders find their way again.
        if self.codec.send_packet(packet).is_err() {
            self.damaged += 1;
        }
    }

    fn receive(&mut self) -> Result<Option<frame::Audio>> {
        let mut frame = frame::Audio::empty();
        match self.codec.receive_frame(&mut frame) {
            Ok(()) => self.check(frame).map(Some),
            Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => Ok(None),
            Err(_) => {
                self.damaged += 1;
                Ok(None)
            }
        }
    }

    fn check(&mut self, mut frame: frame::Audio) -> Result<frame::Audio> {
        let name = self.input.path.display();
        let rate = frame.rate();
        if rate == 0 || *self.rate.get_or_insert(rate) != rate {
            return Err(Error::order(format!("{name} changes its sample rate in the middle"))
                .mend("export it as WAV with one sample rate"));
        }
        if frame.channel_layout().is_empty() {
            let channels = frame.channels();
            let layout = ChannelLayout::default(i32::from(channels));
            if layout.is_empty() {
                return Err(Error::order(format!("{name} has {channels} channels without a known order"))
                    .mend("mix it down to stereo or mono"));
            }
            frame.set_channel_layout(layout);
        }
        Ok(frame)
    }

    /// Samples per second of what was decoded so far; a header may name half of it (HE-AAC).
    pub(crate) fn rate(&self) -> Option<u32> {
        self.rate
    }

    /// Packets so far that did not decode.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Name of the codec.
    pub(crate) fn codec(&self) -> String {
        self.codec.id().name().to_owned()
    }

    /// First name of the container.
    pub(crate) fn container(&self) -> String {
        self.input.container()
    }

    /// The stream that is decoded.
    pub(crate) fn stream(&self) -> Stream<'_> {
        // The index came from this very demuxer, which never drops streams.
        self.input.demuxer.stream(self.stream).expect("the stream was found when the file was opened")
    }

    /// The open decoder, for its rate, layout and codec.
    pub(crate) fn inner(&self) -> &decoder::Audio {
        &self.codec
    }

    /// By how many seconds this stream starts after the first one of the file.
    pub(crate) fn late_seconds(&self) -> f64 {
        let start = |stream: &Stream| {
            let begins = stream.start_time();
            (begins != ffmpeg_next::ffi::AV_NOPTS_VALUE).then(|| begins as f64 * f64::from(stream.time_base()))
        };
        let first = self.input.demuxer.streams().filter_map(|s| start(&s)).reduce(f64::min);
        match (start(&self.stream()), first) {
            (Some(own), Some(first)) => own - first,
            _ => 0.0,
        }
    }

    /// Refuses a track that is much shorter than its header says.
    pub(crate) fn check_promise(&self, samples: u64, rate: u32) -> Result<()> {
        let seconds = samples as f64 / f64::from(rate);
        let promised = if self.container() == "wav" {
            let mut file = input::regular_file(&self.input.path)?;
            let excess = promise::wav_excess(&mut file).map_err(|error| fault::reading(&self.input.path, error))?;
            excess.map(|factor| seconds * factor)
        } else {
            promise::seconds(&self.input, &self.stream(), self.cut)
        };
        promise::check(&self.input.path, seconds, promised)
    }
}

/// Samples to drop at the start and the end of what `packet` decodes to
/// (`AV_PKT_DATA_SKIP_SAMPLES`: two little-endian 32-bit numbers, then flags).
pub(crate) fn skipped_samples(packet: &Packet) -> (u64, u64) {
    packet
        .side_data()
        .find(|side| side.kind() == packet::side_data::Type::SkipSamples)
        .and_then(|side| {
            let (start, rest) = side.data().split_first_chunk()?;
            let end = rest.first_chunk()?;
            Some((u64::from(u32::from_le_bytes(*start)), u64::from(u32::from_le_bytes(*end))))
        })
        .unwrap_or_default()
}
