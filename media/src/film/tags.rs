//! Tags that an MP4 film carries.

use ffmpeg_next::Dictionary;
use shared::{Error, Result};

/// The tags that the MP4 muxer writes; it drops all others without a word.
const KNOWN: [&str; 16] = [
    "title",
    "artist",
    "album_artist",
    "composer",
    "album",
    "date",
    "encoder",
    "comment",
    "genre",
    "copyright",
    "grouping",
    "lyrics",
    "description",
    "synopsis",
    "show",
    "network",
];

/// The tags as FFmpeg takes them.
pub(super) fn dictionary(tags: &[(String, String)]) -> Result<Dictionary<'static>> {
    let mut dictionary = Dictionary::new();
    for (key, value) in tags {
        if !KNOWN.contains(&key.as_str()) || value.contains('\0') || value.is_empty() {
            return Err(Error::order(format!("an MP4 film cannot carry the tag {key:?}"))
                .mend(format!("use one of {} with some text", KNOWN.join(", "))));
        }
        dictionary.set(key, value);
    }
    Ok(dictionary)
}
