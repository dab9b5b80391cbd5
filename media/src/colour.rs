//! Conversion between RGB pictures and limited-range BT.709 video (ITU-R BT.709-6).
//!
//! FFmpeg's scaler converts with the coefficients of BT.601 unless told otherwise, whatever the tags of
//! the video say; a film tagged BT.709 would then show shifted colours. The call that sets the
//! coefficients has no safe wrapper in `ffmpeg-next`, hence the one `unsafe` of this crate.
#![allow(unsafe_code)]

use ffmpeg_next::{
    ffi::{SWS_CS_ITU709, sws_getCoefficients, sws_setColorspaceDetails},
    format::Pixel,
    frame,
    software::scaling::{Context, Flags},
};

/// The scaler's 1.0 for contrast and saturation, in 16.16 fixed point.
const UNITY: i32 = 1 << 16;

/// A scaler that also converts colours; bound to the thread that made it.
pub(crate) struct Converter(Context);

/// Width and height in pixels.
pub(crate) type Size = (u32, u32);

impl Converter {
    /// From RGB pictures of size `from` to planar 4:2:0 of size `to`.
    pub(crate) fn to_video(from: Size, to: Size) -> Result<Self, ffmpeg_next::Error> {
        Self::new((Pixel::RGB24, from, true), (Pixel::YUV420P, to, false))
    }

    /// From video of `format` to RGB pictures of the same size; `full` says that its range is 0 to 255.
    pub(crate) fn to_picture(format: Pixel, size: Size, full: bool) -> Result<Self, ffmpeg_next::Error> {
        Self::new((format, size, full), (Pixel::RGB24, size, true))
    }

    fn new(from: (Pixel, Size, bool), to: (Pixel, Size, bool)) -> Result<Self, ffmpeg_next::Error> {
        let quality = Flags::ACCURATE_RND | Flags::FULL_CHR_H_INP | Flags::FULL_CHR_H_INT | Flags::BITEXACT;
        let kernel = if from.1 == to.1 { Flags::BICUBIC } else { Flags::LANCZOS };
        let ((from_format, from_size, from_full), (to_format, to_size, to_full)) = (from, to);
        let mut context =
            Context::get(from_format, from_size.0, from_size.1, to_format, to_size.0, to_size.1, quality | kernel)?;
        // SAFETY: the context is alive and owned by us; the tables are static arrays of FFmpeg, which
        // the call copies. It keeps no pointer to anything of ours.
        let set = unsafe {
            let table = sws_getCoefficients(SWS_CS_ITU709);
            sws_setColorspaceDetails(
                context.as_mut_ptr(),
                table,
                i32::from(from_full),
                table,
                i32::from(to_full),
                0,
                UNITY,
                UNITY,
            )
        };
        if set < 0 { Err(ffmpeg_next::Error::InvalidData) } else { Ok(Self(context)) }
    }

    /// Converts one frame; allocates `output` when it is empty.
    pub(crate) fn run(&mut self, input: &frame::Video, output: &mut frame::Video) -> Result<(), ffmpeg_next::Error> {
        self.0.run(input, output)
    }
}
