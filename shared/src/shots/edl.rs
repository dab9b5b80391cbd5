//! Edit decision lists in the form of the CMX 3600, as every editing program writes them.
//!
//! The line of an event is `NUMBER REEL TRACKS TRANSITION [LENGTH] SOURCE-IN SOURCE-OUT RECORD-IN RECORD-OUT`, separated by spaces.
//! Everything else is a remark, but for `FCM`, which says whether the timecodes after it drop frame numbers.

use super::{Shot, ShotList};
use crate::{Error, Fps, Result, timecode::Label};

/// An event with a picture.
struct Event {
    line: usize,
    record_in: Label,
    frame: u64,
}

/// The record-ins of all events with a picture, counted from the whole hour at or before the earliest.
pub(super) fn read(list: &ShotList, text: &str, fps: Fps) -> Result<Vec<Shot>> {
    let mut events = Vec::new();
    let (mut any, mut drop_frame) = (false, false);
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [fcm, how, ..] if fcm.eq_ignore_ascii_case("FCM:") => drop_frame = how.eq_ignore_ascii_case("DROP"),
            [first, _, ..] if first.bytes().all(|b| b.is_ascii_digit()) => {
                any = true;
                let event = event(&words, number, fps, drop_frame).map_err(|error| {
                    let mend = error.mending().unwrap_or("correct it, or make it a remark with * in front");
                    list.wrong(&format!("line {number}"), &format!("cannot be used: {}", error.message())).mend(mend)
                })?;
                events.extend(event);
            }
            words if words.iter().filter(|word| is_timecode(word)).count() == 4 => {
                let what = "has four timecodes, but does not begin with the number of an event";
                return Err(list
                    .wrong(&format!("line {number}"), what)
                    .mend("correct it, or make it a remark with * in front and no timecodes"));
            }
            _ => {}
        }
    }
    let Some(earliest) = events.iter().min_by_key(|event| event.frame) else {
        let what = if any { "holds no event with a picture" } else { "holds no event" };
        return Err(Error::order(format!("{} {what}", list.name))
            .mend("give an EDL in the form of the CMX 3600 with its video track, or an OTIO file"));
    };
    let hour = Label { minutes: 0, seconds: 0, frames: 0, ..earliest.record_in }.frame(fps)?;
    Ok(events.iter().map(|event| Shot { frame: event.frame - hour, place: format!("line {}", event.line) }).collect())
}

/// Reads the line of an event; nothing when it has no picture.
fn event(words: &[&str], line: usize, fps: Fps, drop_frame: bool) -> Result<Option<Event>> {
    let form = || {
        Error::order("it has not the form of an event")
            .mend(
            "an event is NUMBER REEL TRACKS TRANSITION and four timecodes: 001 AX V C 00:00:00:00 00:00:05:00 01:00:00:00 01:00:05:00",
        )
    };
    let [_, _, tracks, transition, ..] = words else { return Err(form()) };
    let times: Vec<&&str> = words.iter().skip(4).filter(|word| is_timecode(word)).collect();
    // Cut, dissolve, wipe, key.
    let known = transition.starts_with(['C', 'D', 'W', 'K', 'c', 'd', 'w', 'k']);
    let [_, _, record_in, record_out] = times[..] else { return Err(form()) };
    if !known {
        return Err(form());
    }
    let read = |text: &str| {
        let label = Label::read(text)?;
        let label = Label { drop_frame: drop_frame || label.drop_frame, ..label };
        Ok::<_, Error>((label, label.frame(fps)?))
    };
    let ((record_in, frame), (record_out, end)) = (read(record_in)?, read(record_out)?);
    if end < frame {
        return Err(Error::order(format!("it ends at {record_out}, before it begins at {record_in}"))
            .mend("correct its record timecodes"));
    }
    let tracks = tracks.to_ascii_uppercase();
    // V, V2, AA/V; B is both sound and picture.
    let picture = tracks.contains('V') || tracks == "B";
    Ok(picture.then_some(Event { line, record_in, frame }))
}

fn is_timecode(word: &str) -> bool {
    word.split([':', ';', ',', '.']).count() == 4 && word.bytes().all(|b| b.is_ascii_digit() || b":;,.".contains(&b))
}
