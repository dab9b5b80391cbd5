//! What the FFmpeg of this machine can do.

use ffmpeg_next as ffmpeg;

/// Encoders that a film needs.
const ENCODERS: [&str; 2] = ["libx264", "aac"];

/// Decoders that are wanted for the usual speech tracks and for checking films.
const DECODERS: [&str; 9] = ["h264", "pcm_s16le", "pcm_s24le", "aac", "mp3float", "flac", "opus", "vorbis", "alac"];

/// The codecs that the farm uses, as `encoder NAME` or `decoder NAME`, and whether they are there.
pub fn codecs() -> Vec<(String, bool)> {
    let encoders =
        ENCODERS.iter().map(|name| (format!("encoder {name}"), ffmpeg::encoder::find_by_name(name).is_some()));
    let decoders =
        DECODERS.iter().map(|name| (format!("decoder {name}"), ffmpeg::decoder::find_by_name(name).is_some()));
    encoders.chain(decoders).collect()
}

/// Versions of the FFmpeg libraries in use, such as `libavcodec 59.37.100, libavformat 59.27.100, …`.
pub fn ffmpeg_version() -> String {
    let libraries = [
        ("libavcodec", ffmpeg::codec::version()),
        ("libavformat", ffmpeg::format::version()),
        ("libswscale", ffmpeg::software::scaling::version()),
        ("libswresample", ffmpeg::software::resampling::version()),
    ];
    let show =
        |(name, version): (&str, u32)| format!("{name} {}.{}.{}", version >> 16, version >> 8 & 0xff, version & 0xff);
    libraries.map(show).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_codecs_of_the_farm_are_there() {
        for (name, there) in codecs() {
            assert!(there, "{name}");
        }
    }

    #[test]
    fn versions_are_plain_numbers() {
        let text = ffmpeg_version();
        assert_eq!(text.split(", ").count(), 4, "{text}");
        assert!(text.starts_with("libavcodec "), "{text}");
    }
}
