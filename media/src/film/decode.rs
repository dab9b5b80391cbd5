//! Decoding of films into pictures.

use std::path::Path;

use ffmpeg_next::{codec, color, decoder, frame, media};
use shared::{Error, Picture, Result};

use crate::{
    colour::Converter,
    input::{Input, Step},
};

/// Decodes the film at `path` and calls `see` with each frame's number and picture, in order; gives the
/// number of frames. Colours are converted with BT.709, which all films of this program are tagged with.
///
/// # Errors
/// When the file is no film, a frame does not decode, or `see` fails.
pub fn decode(path: &Path, mut see: impl FnMut(u64, &Picture) -> Result<()>) -> Result<u64> {
    let mut input = Input::open(path)?;
    let stream = input
        .demuxer
        .streams()
        .best(media::Type::Video)
        .ok_or_else(|| Error::order(format!("{} has no pictures", path.display())).mend("choose a film"))?;
    let (index, parameters) = (stream.index(), stream.parameters());
    let bad = |error| Error::order(format!("{} does not decode", path.display())).from_source(error);
    let context = codec::Context::from_parameters(parameters).map_err(bad)?;
    let mut pictures = Pictures { decoder: context.decoder().video().map_err(bad)?, converter: None, seen: 0 };
    loop {
        let at_end = match input.read()? {
            Step::Packet(packet) if packet.stream() == index => {
                pictures.decoder.send_packet(&packet).map_err(bad)?;
                false
            }
            Step::Packet(_) => continue,
            Step::End => {
                pictures.decoder.send_eof().map_err(bad)?;
                true
            }
            Step::Cut => return Err(Error::order(format!("{} breaks off", path.display()))),
        };
        while let Some(picture) = pictures.next().map_err(bad)? {
            see(pictures.seen, &picture)?;
            pictures.seen += 1;
        }
        if at_end {
            return Ok(pictures.seen);
        }
    }
}

struct Pictures {
    decoder: decoder::Video,
    converter: Option<Converter>,
    seen: u64,
}

impl Pictures {
    fn next(&mut self) -> Result<Option<Picture>, ffmpeg_next::Error> {
        let mut video = frame::Video::empty();
        match self.decoder.receive_frame(&mut video) {
            Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => {
                return Ok(None);
            }
            outcome => outcome?,
        }
        let size = (video.width(), video.height());
        let converter = match &mut self.converter {
            Some(converter) => converter,
            none => {
                let full = video.color_range() == color::Range::JPEG;
                none.insert(Converter::to_picture(video.format(), size, full)?)
            }
        };
        let mut rgb = frame::Video::empty();
        converter.run(&video, &mut rgb)?;
        let row = size.0 as usize * 3;
        let data = rgb.data(0).chunks(rgb.stride(0)).take(size.1 as usize).flat_map(|line| &line[..row]).copied();
        Picture::new(size.0, size.1, data.collect()).map(Some).map_err(|_| ffmpeg_next::Error::InvalidData)
    }
}
