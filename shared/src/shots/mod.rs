//! Shot lists: where an editor has cut, read from an EDL or an OTIO file.

mod edl;
mod otio;

use crate::{Error, Fps, Result, Timecode};

/// Bytes of the longest shot list that is read. An EDL has about a hundred for an event.
pub const MOST_BYTES: usize = 8 << 20;

/// A shot list as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShotList {
    /// Its file's own name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl ShotList {
    /// The frames of a film at which a shot begins, ascending and each once. The beginning of the film is none of them.
    ///
    /// An EDL (CMX3600) holds record timecodes in frames of the film's own rate; the film begins at the whole hour at or before the
    /// earliest of them.
    /// In an OTIO timeline the first video track with a clip is read, and its first item begins the film.
    ///
    /// # Errors
    /// Names the line (in an OTIO file that is well-formed, the item) that cannot be read or lies outside of the film.
    pub fn boundaries(&self, fps: Fps, frames: u64) -> Result<Vec<u64>> {
        if self.text.len() > MOST_BYTES {
            return Err(Error::order(format!("{} has more than {MOST_BYTES} bytes", self.name))
                .mend("give a list that holds nothing but the cuts"));
        }
        let text = self.text.trim_start_matches('\u{feff}');
        let mut found =
            if text.trim_start().starts_with('{') { otio::read(self, text, fps)? } else { edl::read(self, text, fps)? };
        found.sort_by_key(|shot| shot.frame);
        if let Some(late) = found.iter().find(|shot| shot.frame >= frames) {
            let at = |frame| Timecode { frame, fps };
            let what = format!("begins at {} of the film, which ends at {}", at(late.frame), at(frames));
            return Err(self.wrong(&late.place, &what).mend(
                "give the list of this film, with record timecodes that begin at a whole hour, in frames of the film's own rate",
            ));
        }
        let mut boundaries: Vec<u64> = found.into_iter().map(|shot| shot.frame).filter(|frame| *frame > 0).collect();
        boundaries.dedup();
        Ok(boundaries)
    }

    fn wrong(&self, place: &str, what: &str) -> Error {
        Error::order(format!("{place} of {} {what}", self.name))
    }
}

/// The beginning of one shot.
struct Shot {
    frame: u64,
    /// Where the list says so, for messages: `line 7`.
    place: String,
}

#[cfg(test)]
mod tests;
