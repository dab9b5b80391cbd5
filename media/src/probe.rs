//! What a finished film holds, for checks, `doctor` and the command line.

use std::path::Path;

use ffmpeg_next::{Rational, Stream, codec, ffi::AV_NOPTS_VALUE, media};
use shared::{Error, Fps, Result};

use crate::{
    boxes, fault,
    input::{self, Input, Step},
};

/// A film as its file shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmInfo {
    /// Frames, counted packet by packet.
    pub frames: u64,
    /// Frames per second.
    pub fps: Fps,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Seconds of pictures by the file's index.
    pub video_seconds: f64,
    /// The sound, where there is one.
    pub audio: Option<SoundInfo>,
    /// How colours and samples are stored.
    pub tags: PictureTags,
    /// Whether the index lies at the front.
    pub faststart: bool,
    /// Tags such as `title`, in the order of the file.
    pub metadata: Vec<(String, String)>,
}

/// The sound of a film.
#[derive(Clone, Debug, PartialEq)]
pub struct SoundInfo {
    /// Name of the codec.
    pub codec: String,
    /// Seconds by the file's index.
    pub seconds: f64,
    /// When the first sample is heard, in seconds.
    pub start: f64,
    /// Samples per second.
    pub rate: u32,
    /// Number of channels.
    pub channels: u16,
}

/// How the pictures of a film are stored, in FFmpeg's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureTags {
    /// Name of the codec, such as `h264`.
    pub codec: String,
    /// Profile of the codec, such as `High`.
    pub profile: String,
    /// Sample format, such as `yuv420p`.
    pub pix_fmt: String,
    /// Matrix, such as `bt709`.
    pub matrix: String,
    /// Primaries, such as `bt709`.
    pub primaries: String,
    /// Transfer, such as `bt709`.
    pub transfer: String,
    /// Range, `tv` for limited.
    pub range: String,
}

/// Reads the film at `path`, all packets of it, without decoding.
///
/// # Errors
/// When the file is missing, no film, or its frame rate is out of range.
pub fn film(path: &Path) -> Result<FilmInfo> {
    let mut file = input::regular_file(path)?;
    let faststart = boxes::is_faststart(&mut file).map_err(|error| fault::reading(path, error))?;
    let mut input = Input::open(path)?;
    let no_film = || Error::order(format!("{} is not a film", path.display())).mend("choose a video file");
    let video = input.demuxer.streams().best(media::Type::Video).ok_or_else(no_film)?;
    let index = video.index();
    let rate = video.avg_frame_rate();
    let fps = Fps::new(rate.numerator().unsigned_abs(), rate.denominator().unsigned_abs())?;
    let video_seconds = seconds(video.duration(), video.time_base());
    let (size, tags) = picture_tags(&video).map_err(|error| no_film().from_source(error))?;
    let audio = input.demuxer.streams().best(media::Type::Audio).map(|stream| sound(&stream)).transpose();
    let audio = audio.map_err(|error| no_film().from_source(error))?;
    let metadata = input.demuxer.metadata().iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let mut frames = 0;
    while let Step::Packet(packet) = input.read()? {
        frames += u64::from(packet.stream() == index);
    }
    let (width, height) = size;
    Ok(FilmInfo { frames, fps, width, height, video_seconds, audio, tags, faststart, metadata })
}

fn picture_tags(stream: &Stream) -> Result<((u32, u32), PictureTags), ffmpeg_next::Error> {
    let video = codec::Context::from_parameters(stream.parameters())?.decoder().video()?;
    let lower = |name: Option<&str>| name.unwrap_or("unknown").to_owned();
    let tags = PictureTags {
        codec: video.id().name().to_owned(),
        profile: match video.profile() {
            codec::Profile::H264(profile) => format!("{profile:?}"),
            other => format!("{other:?}"),
        },
        pix_fmt: lower(video.format().descriptor().map(ffmpeg_next::format::pixel::Descriptor::name)),
        matrix: lower(video.color_space().name()),
        primaries: lower(video.color_primaries().name()),
        transfer: lower(video.color_transfer_characteristic().name()),
        range: lower(video.color_range().name()),
    };
    Ok(((video.width(), video.height()), tags))
}

fn sound(stream: &Stream) -> Result<SoundInfo, ffmpeg_next::Error> {
    let audio = codec::Context::from_parameters(stream.parameters())?.decoder().audio()?;
    Ok(SoundInfo {
        codec: audio.id().name().to_owned(),
        seconds: seconds(stream.duration(), stream.time_base()),
        start: seconds(stream.start_time(), stream.time_base()),
        rate: audio.rate(),
        channels: audio.channels(),
    })
}

fn seconds(time: i64, base: Rational) -> f64 {
    if time == AV_NOPTS_VALUE { 0.0 } else { time as f64 * f64::from(base) }
}
