//! A part and its sound as one fragment of a stream that can be watched while later parts are still made.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use ffmpeg_next::{Dictionary, Packet, Rational, format::context::Output as Muxer, media};
use shared::{Error, Fps, Result};

use super::{frame_time, join::add_stream, parts::Parts, pieces::first_sample};
use crate::{
    boxes, fault,
    input::{Input, Step},
    sink,
};

/// The sound of a fragment.
#[derive(Clone, Copy, Debug)]
pub struct FragmentSound<'a> {
    /// A piece that [`cut_sound`](super::cut_sound) made of the film's track.
    pub piece: &'a Path,
    /// Whether it is the piece of this part. Otherwise the part has none, and the piece only says what the sound is like.
    pub own: bool,
}

/// Where a fragment stands in its film.
#[derive(Clone, Copy, Debug)]
pub struct FragmentSpec {
    /// Frames per second; that of the part.
    pub fps: Fps,
    /// Place of the part in the film, from 0.
    pub place: u32,
    /// The part's first frame in the film.
    pub first: u64,
}

/// Writes the part and its sound to `out` as a media segment of fragmented MP4 (ISO/IEC 14496-12, section 8.8; RFC 8216, section 3.3)
/// without encoding anything again, and gives the initialization segment that goes before it. Those of all parts of a film say the same
/// of how they are encoded, and differ at most in the rates that a part happens to have: that of the first part goes before all.
///
/// Times are those of the film: frame `n` lies at exactly `n / fps` seconds, so that fragments follow one another without a gap. The
/// fragment begins with a key frame. It is held in memory until it is whole: a part, not a film.
///
/// # Errors
/// `World` when the part or the piece is broken or the disk is full.
pub fn fragment(part: &Path, sound: Option<FragmentSound<'_>>, out: &Path, spec: FragmentSpec) -> Result<Vec<u8>> {
    let whole = tempfile::NamedTempFile::new_in(out.parent().unwrap_or(Path::new(".")))
        .map_err(|error| fault::writing(out, error))?;
    let sink = whole.as_file().try_clone().map_err(|error| fault::writing(out, error))?;
    let muxer = sink::mp4(sink, whole.path(), out)?;
    mux(muxer, part, sound, out, spec, Kind::Fragment)?;
    let mut file = whole.reopen().map_err(|error| fault::writing(out, error))?;
    split(&mut file, out).map_err(|error| fault::writing(out, error))?.ok_or_else(|| {
        Error::world(format!("the part {} came out without a fragment", part.display())).mend("render the part again")
    })
}

/// Writes the part and its sound to `out` as a film of its own, which begins at 0, without encoding anything again.
///
/// # Errors
/// As [`fragment`].
pub fn excerpt(part: &Path, sound: Option<FragmentSound<'_>>, out: &Path, spec: FragmentSpec) -> Result<()> {
    let muxer = sink::mp4(sink::create(out)?, out, out)?;
    mux(muxer, part, sound, out, spec, Kind::Excerpt)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fragment,
    Excerpt,
}

fn mux(
    mut muxer: Muxer,
    part: &Path,
    sound: Option<FragmentSound<'_>>,
    out: &Path,
    spec: FragmentSpec,
    kind: Kind,
) -> Result<()> {
    let fail = |error| fault::muxing(out, error);
    let mut one = Some(part.to_owned());
    let mut next = || Ok(one.take());
    let mut pictures = Parts::open(&mut next, spec.fps)?;
    let mut tones = sound.map(|sound| Piece::open(sound.piece)).transpose()?;
    let frame = frame_time(spec.fps);
    add_stream(&mut muxer, pictures.parameters(), frame).map_err(fail)?;
    if let Some(mut stream) = muxer.stream_mut(0) {
        stream.set_avg_frame_rate(frame.invert());
    }
    if let Some(tones) = &tones {
        add_stream(&mut muxer, tones.parameters(), tones.sample).map_err(fail)?;
    }
    muxer.write_header_with(options(kind, spec.place)).map_err(fail)?;
    let bases = [0, 1].map(|index| muxer.stream(index).map_or(frame, |stream| stream.time_base()));
    let first = if kind == Kind::Excerpt { 0 } else { i64::try_from(spec.first).unwrap_or(i64::MAX) };
    while let Some(packet) = pictures.next()? {
        write(&mut muxer, packet, 0, first, frame, bases[0]).map_err(fail)?;
    }
    if let Some(tones) = tones.as_mut().filter(|_| sound.is_some_and(|sound| sound.own)) {
        let begins = if kind == Kind::Excerpt { sample_of(spec, tones.rate) } else { 0 };
        let first = i64::try_from(first_sample(spec.fps, spec.first, tones.rate) - begins).unwrap_or(i64::MAX);
        let sample = tones.sample;
        while let Some(packet) = tones.next()? {
            write(&mut muxer, packet, 1, first, sample, bases[1]).map_err(fail)?;
        }
    }
    muxer.write_trailer().map_err(fail)
}

/// Writes a packet `later` units of `from` after its own time.
fn write(
    muxer: &mut Muxer,
    mut packet: Packet,
    stream: usize,
    later: i64,
    from: Rational,
    to: Rational,
) -> Result<(), ffmpeg_next::Error> {
    let at = packet.pts().map(|at| at + later);
    packet.set_pts(at);
    packet.set_dts(at);
    packet.set_stream(stream);
    packet.set_position(-1);
    packet.rescale_ts(from, to);
    // The muxer holds both streams until the fragment ends: nothing is gained by handing them over in the order of time.
    packet.write(muxer).map(drop)
}

/// The last sample that begins no later than the part does.
fn sample_of(spec: FragmentSpec, rate: u32) -> u64 {
    let sample = u128::from(spec.first) * u128::from(spec.fps.den()) * u128::from(rate) / u128::from(spec.fps.num());
    u64::try_from(sample).unwrap_or(u64::MAX)
}

fn options(kind: Kind, place: u32) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    options.set("fflags", "+bitexact");
    if kind == Kind::Excerpt {
        options.set("movflags", "+faststart");
        return options;
    }
    // One fragment, cut when the file ends; it begins at the time of its first packets, and names no place in a file.
    options.set("movflags", "+empty_moov+frag_custom+frag_discont+default_base_moof+skip_trailer");
    options.set("fragment_index", &(u64::from(place) + 1).to_string());
    options.set("avoid_negative_ts", "disabled");
    options
}

/// Copies the media into `out` and gives what lies before it.
fn split(file: &mut File, out: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let Some(first) = boxes::top_level(file)?.into_iter().find(|found| found.kind == *b"moof") else { return Ok(None) };
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.by_ref().take(first.start).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(first.start))?;
    std::io::copy(file, &mut File::create(out)?)?;
    Ok(Some(head))
}

/// A piece of sound, packet by packet from 0 on, in samples.
struct Piece {
    input: Input,
    stream: usize,
    rate: u32,
    sample: Rational,
}

impl Piece {
    fn open(path: &Path) -> Result<Self> {
        let input = Input::open(path)?;
        let broken = || Error::world(format!("{} holds no sound of a film", path.display()));
        let stream = input.demuxer.streams().best(media::Type::Audio).ok_or_else(broken)?;
        // The muxer counts the time of sound in samples.
        let (sample, stream) = (stream.time_base(), stream.index());
        let rate = u32::try_from(sample.denominator()).ok().filter(|_| sample.numerator() == 1).ok_or_else(broken)?;
        Ok(Self { input, stream, rate, sample })
    }

    fn parameters(&self) -> Option<ffmpeg_next::codec::Parameters> {
        self.input.demuxer.stream(self.stream).map(|stream| stream.parameters())
    }

    fn next(&mut self) -> Result<Option<Packet>> {
        loop {
            match self.input.read()? {
                Step::Packet(packet) if packet.stream() == self.stream => return Ok(Some(packet)),
                Step::Packet(_) => {}
                Step::End => return Ok(None),
                Step::Cut => return Err(Error::world(format!("{} breaks off", self.input.path.display()))),
            }
        }
    }
}
