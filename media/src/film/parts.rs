//! The pictures of a film, packet by packet, out of its parts in order.

use std::path::{Path, PathBuf};

use ffmpeg_next::{Packet, Rational, Stream, codec, media};
use shared::{Error, Fps, Result};

use super::frame_time;
use crate::{
    boxes, fault,
    input::{self, Input, Step},
};

/// Gives the next part whenever one was read to its end; nothing after the last.
pub(super) type NextPart<'a> = dyn FnMut() -> Result<Option<PathBuf>> + 'a;

/// Gives the packets of all parts with timestamps counted in frames of the film.
pub(super) struct Parts<'a> {
    following: &'a mut NextPart<'a>,
    first: PathBuf,
    open: Option<Part>,
    fps: Fps,
    configuration: Vec<u8>,
    frame: u64,
}

struct Part {
    input: Input,
    stream: usize,
}

impl<'a> Parts<'a> {
    /// Opens the first part.
    pub(super) fn open(following: &'a mut NextPart<'a>, fps: Fps) -> Result<Self> {
        let Some(first) = following()? else {
            return Err(Error::world("a film needs at least one part"));
        };
        let configuration = configuration(&first)?;
        let open = Some(Part::open(&first, fps)?);
        Ok(Self { following, first, open, fps, configuration, frame: 0 })
    }

    /// Codec parameters of the pictures.
    pub(super) fn parameters(&self) -> Option<codec::Parameters> {
        self.open.as_ref().and_then(Part::video).map(|stream| stream.parameters())
    }

    /// Frames given so far.
    pub(super) fn given(&self) -> u64 {
        self.frame
    }

    /// The next packet, in frames of the film; nothing after the last part.
    pub(super) fn next(&mut self) -> Result<Option<Packet>> {
        while let Some(part) = &mut self.open {
            if let Some(mut packet) = part.next()? {
                // Parts have no B-frames: packets come in the order of the frames.
                let at = i64::try_from(self.frame).ok();
                packet.set_pts(at);
                packet.set_dts(at);
                packet.set_duration(1);
                packet.set_position(-1);
                self.frame += 1;
                return Ok(Some(packet));
            }
            self.open = self.following()?;
        }
        Ok(None)
    }

    fn following(&mut self) -> Result<Option<Part>> {
        let Some(path) = (self.following)()? else { return Ok(None) };
        if configuration(&path)? != self.configuration {
            return Err(Error::world(format!(
                "{} was encoded in another way than {}",
                path.display(),
                self.first.display()
            ))
            .mend("let the same build of the program encode all parts"));
        }
        Part::open(&path, self.fps).map(Some)
    }
}

impl Part {
    fn open(path: &Path, fps: Fps) -> Result<Self> {
        let input = Input::open(path)?;
        let stream = input.demuxer.streams().best(media::Type::Video).ok_or_else(|| broken(path, "has no pictures"))?;
        let rate: Rational = stream.avg_frame_rate();
        if rate != frame_time(fps).invert() {
            return Err(broken(path, &format!("runs at {rate} frames per second, the film at {fps}")));
        }
        let stream = stream.index();
        Ok(Self { input, stream })
    }

    fn video(&self) -> Option<Stream<'_>> {
        self.input.demuxer.stream(self.stream)
    }

    fn next(&mut self) -> Result<Option<Packet>> {
        loop {
            match self.input.read()? {
                Step::Packet(packet) if packet.stream() == self.stream => return Ok(Some(packet)),
                Step::Packet(_) => {}
                Step::End => return Ok(None),
                Step::Cut => return Err(broken(&self.input.path, "breaks off")),
            }
        }
    }
}

fn configuration(path: &Path) -> Result<Vec<u8>> {
    let mut file = input::regular_file(path)?;
    let found = boxes::h264_configuration(&mut file).map_err(|error| fault::reading(path, error))?;
    found.ok_or_else(|| broken(path, "is no part of a film"))
}

fn broken(path: &Path, how: &str) -> Error {
    Error::world(format!("the part {} {how}", path.display())).mend("render the part again")
}
