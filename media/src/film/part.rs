//! Encoding of one part: a run of frames as H.264 in an MP4 file of its own.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use ffmpeg_next::{
    Dictionary, Packet, Rational, codec, color, encoder,
    format::{Pixel, context::Output as Muxer},
    frame, picture, threading,
};
use shared::{Error, Fps, Picture, Result};

use super::frame_time;
use crate::{
    colour::{Converter, Size},
    fault,
    sink::{self, Sink},
};

/// Seconds from one key frame to the next, at most; a player can seek that finely.
const GOP_SECONDS: f64 = 2.0;

/// How much work x264 puts into making the film small; the picture's quality is set by `crf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// For previews and tests.
    Ultrafast,
    /// Four times as fast as `Medium`, a little larger.
    Veryfast,
    /// The balance that x264 itself recommends.
    #[default]
    Medium,
    /// A little smaller, twice the time.
    Slow,
}

impl Preset {
    fn name(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Veryfast => "veryfast",
            Self::Medium => "medium",
            Self::Slow => "slow",
        }
    }
}

/// How parts are encoded. All parts of a film need the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartSpec {
    /// Width of the film in pixels, even; pictures of another size are scaled.
    pub width: u32,
    /// Height of the film in pixels, even.
    pub height: u32,
    /// Frames per second.
    pub fps: Fps,
    /// Constant rate factor of x264, 0 to 51; smaller is better, 18 can hardly be told from the original.
    pub crf: u8,
    /// Effort.
    pub preset: Preset,
}

impl PartSpec {
    /// Visually lossless at medium effort.
    pub fn new(width: u32, height: u32, fps: Fps) -> Self {
        Self { width, height, fps, crf: 18, preset: Preset::default() }
    }

    fn check(&self) -> Result<()> {
        let edge = |n: u32| (16..=8192).contains(&n) && n.is_multiple_of(2);
        if !edge(self.width) || !edge(self.height) {
            return Err(Error::order(format!("a film of {}x{} pixels cannot be encoded", self.width, self.height))
                .mend("choose even edges from 16 to 8192 pixels"));
        }
        // MP4 counts time in this unit, with 32 bits for each frame.
        if self.fps.num() > 1_000_000 {
            return Err(Error::order(format!("a film at {} frames per second cannot be encoded", self.fps))
                .mend("choose a rate such as 25 or 30000/1001"));
        }
        if self.crf > 51 {
            return Err(
                Error::order(format!("a rate factor of {} is out of range", self.crf)).mend("choose crf from 0 to 51")
            );
        }
        Ok(())
    }
}

/// Writes one part: H.264 High, 4:2:0, 8 bits, converted to and tagged as limited-range BT.709.
///
/// Frame `n` lies at exactly `n / fps` seconds; there are no B-frames, and groups of pictures are closed,
/// so that parts join end to end. One thread encodes: the same pictures give the same bytes everywhere
/// this FFmpeg runs. Bound to the thread that made it. The file is removed unless [`Self::finish`] succeeds.
pub struct PartWriter {
    path: PathBuf,
    spec: PartSpec,
    muxer: Muxer,
    encoder: encoder::Video,
    time_base: Rational,
    converter: Option<(Size, Converter)>,
    rgb: frame::Video,
    written: u64,
    guard: Unfinished,
}

impl PartWriter {
    /// Starts the file at `path`, replacing what is there.
    ///
    /// # Errors
    /// When the settings are out of range, the file cannot be created, or there is no H.264 encoder.
    pub fn create(path: &Path, spec: PartSpec) -> Result<Self> {
        spec.check()?;
        let file = sink::create(path)?;
        Self::write_to(file, path, spec, Unfinished(Some(path.to_owned())))
    }

    fn write_to(sink: impl Sink, path: &Path, spec: PartSpec, guard: Unfinished) -> Result<Self> {
        let mut muxer = sink::mp4(sink, path, path)?;
        let encoder = open_encoder(&spec, path)?;
        let mut stream = muxer.add_stream(encoder.codec()).map_err(|error| fault::muxing(path, error))?;
        stream.set_parameters(&encoder);
        stream.set_time_base(frame_time(spec.fps));
        stream.set_avg_frame_rate(frame_time(spec.fps).invert());
        muxer
            .write_header_with(Dictionary::from_iter([("fflags", "+bitexact")]))
            .map_err(|error| fault::muxing(path, error))?;
        // The muxer may have chosen a finer time base.
        let time_base = muxer.stream(0).map_or(frame_time(spec.fps), |stream| stream.time_base());
        let (path, rgb) = (path.to_owned(), frame::Video::empty());
        Ok(Self { path, spec, muxer, encoder, time_base, converter: None, rgb, written: 0, guard })
    }

    /// Appends one picture.
    ///
    /// # Errors
    /// When the disk is full or the encoder fails; the message names the frame.
    pub fn write(&mut self, picture: &Picture) -> Result<()> {
        let mut video = self.convert(picture).map_err(|error| self.failed(error))?;
        video.set_pts(Some(self.written as i64));
        video.set_kind(picture::Type::None);
        self.encoder.send_frame(&video).map_err(|error| self.failed(error))?;
        self.written += 1;
        self.drain()
    }

    /// Ends the file and gives the number of frames in it.
    ///
    /// # Errors
    /// When no frame was written, the disk is full or the encoder fails.
    pub fn finish(mut self) -> Result<u64> {
        if self.written == 0 {
            return Err(Error::world(format!("{} would hold no frame", self.path.display())));
        }
        self.encoder.send_eof().map_err(|error| self.failed(error))?;
        self.drain()?;
        self.muxer.write_trailer().map_err(|error| fault::muxing(&self.path, error))?;
        self.guard.0 = None;
        Ok(self.written)
    }

    fn convert(&mut self, picture: &Picture) -> Result<frame::Video, ffmpeg_next::Error> {
        let size = (picture.width(), picture.height());
        if self.converter.as_ref().is_none_or(|(known, _)| *known != size) {
            self.converter = Some((size, Converter::to_video(size, (self.spec.width, self.spec.height))?));
            self.rgb = frame::Video::new(Pixel::RGB24, size.0, size.1);
        }
        let stride = self.rgb.stride(0);
        let row = size.0 as usize * 3;
        let rows = self.rgb.data_mut(0).chunks_mut(stride).zip(picture.data().chunks_exact(row));
        rows.for_each(|(to, from)| to[..row].copy_from_slice(from));
        let mut video = frame::Video::empty();
        if let Some((_, converter)) = &mut self.converter {
            converter.run(&self.rgb, &mut video)?;
        }
        Ok(video)
    }

    fn drain(&mut self) -> Result<()> {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            packet.set_stream(0);
            // Without a duration the last frame of the file would last no time.
            packet.set_duration(1);
            packet.rescale_ts(frame_time(self.spec.fps), self.time_base);
            packet.write_interleaved(&mut self.muxer).map_err(|error| fault::muxing(&self.path, error))?;
        }
        Ok(())
    }

    fn failed(&self, error: ffmpeg_next::Error) -> Error {
        Error::world(format!("encoding frame {} of {} failed", self.written, self.path.display())).from_source(error)
    }
}

/// Removes a file that was begun and not finished.
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Only what we made: never a device that somebody named as the target.
        if let Some(path) = self.0.take().filter(|path| path.is_file()) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn open_encoder(spec: &PartSpec, path: &Path) -> Result<encoder::Video> {
    let codec = encoder::find_by_name("libx264")
        .ok_or_else(|| Error::order("this FFmpeg has no H.264 encoder").mend("install an FFmpeg built with libx264"))?;
    let fail = |error| fault::encoding(path, error);
    let mut encoder = codec::Context::new_with_codec(codec).encoder().video().map_err(fail)?;
    encoder.set_width(spec.width);
    encoder.set_height(spec.height);
    encoder.set_format(Pixel::YUV420P);
    encoder.set_aspect_ratio((1, 1));
    encoder.set_time_base(frame_time(spec.fps));
    encoder.set_frame_rate(Some(frame_time(spec.fps).invert()));
    encoder.set_max_b_frames(0);
    encoder.set_colorspace(color::Space::BT709);
    encoder.set_color_range(color::Range::MPEG);
    encoder.set_color_primaries(color::Primaries::BT709);
    encoder.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
    encoder.set_threading(threading::Config::count(1));
    encoder.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
    encoder.open_with(x264_options(spec)).map_err(fail)
}

fn x264_options(spec: &PartSpec) -> Dictionary<'static> {
    let gop = (spec.fps.as_f64() * GOP_SECONDS).round().max(1.0);
    // `stitchable` keeps parameter sets the same whatever the pictures are; 8x8 transforms make it High profile
    // at every preset; one thread and no frame-dependent look-ahead threads keep the bytes the same.
    let mut x264 = String::from("stitchable=1:open-gop=0:bframes=0:8x8dct=1:cabac=1:threads=1:lookahead-threads=1");
    let _ = write!(x264, ":sliced-threads=0:keyint={gop}:force-cfr=1");
    let mut options = Dictionary::new();
    options.set("preset", spec.preset.name());
    options.set("profile", "high");
    options.set("crf", &spec.crf.to_string());
    options.set("x264-params", &x264);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::tests::SmallDisk;
    use shared::error::Cause;

    fn noise(seed: u32) -> Picture {
        let mut state = seed;
        let byte = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Picture::new(64, 64, (0..64 * 64 * 3).map(byte).collect()).unwrap()
    }

    #[test]
    fn a_full_disk_is_the_worlds_fault_and_names_the_file() {
        let path = Path::new("part.mp4");
        let spec = PartSpec { preset: Preset::Ultrafast, ..PartSpec::new(64, 64, Fps::PAL) };
        let mut writer =
            PartWriter::write_to(SmallDisk::new(tempfile::tempfile().unwrap(), 50_000), path, spec, Unfinished(None))
                .unwrap();
        let error = (0..500).find_map(|n| writer.write(&noise(n)).err()).expect("50 kB hold no 500 frames of noise");
        assert_eq!(error.cause(), Cause::World);
        assert!(error.to_string().contains("no room left to write part.mp4"), "{error}");
    }

    #[test]
    fn an_unfinished_part_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.mp4");
        let mut writer = PartWriter::create(&path, PartSpec::new(64, 64, Fps::PAL)).unwrap();
        writer.write(&noise(1)).unwrap();
        assert!(path.exists());
        drop(writer);
        assert!(!path.exists());
        let writer = PartWriter::create(&path, PartSpec::new(64, 64, Fps::PAL)).unwrap();
        assert!(writer.finish().is_err(), "a part without frames");
        assert!(!path.exists());
    }

    #[test]
    fn odd_sizes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.mp4");
        for (w, h) in [(65, 64), (64, 0), (8194, 64)] {
            let error = PartWriter::create(&path, PartSpec::new(w, h, Fps::PAL)).err().unwrap();
            assert_eq!(error.cause(), Cause::Order);
        }
        assert!(!path.exists());
    }
}
