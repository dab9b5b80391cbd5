//! Timelines of `OpenTimelineIO`, version 1 of its JSON (<https://opentimelineio.readthedocs.io>).

use serde_json::Value;

use super::{Shot, ShotList};
use crate::{Error, Fps, Result};

/// Rates that differ by less are the same, written with fewer digits: 23.976 for 24000/1001, but not 24.
const SAME_RATE: f64 = 5e-4;

/// The beginnings of all items of the first video track that holds a clip.
pub(super) fn read(list: &ShotList, text: &str, fps: Fps) -> Result<Vec<Shot>> {
    let document: Value = serde_json::from_str(text).map_err(|error| {
        list.wrong(&format!("line {}", error.line()), "is not JSON")
            .from_source(error)
            .mend("export the timeline again")
    })?;
    let reader = Reader { list, fps };
    let timeline = match (schema(&document), document["children"].as_array().map(Vec::as_slice)) {
        ("Timeline", _) => &document,
        ("SerializableCollection", Some([only])) if schema(only) == "Timeline" => only,
        (other, _) => {
            return Err(Error::order(format!("{} holds \"{other}\" and not one timeline", list.name))
                .mend("export one timeline as OTIO"));
        }
    };
    let stack = &timeline["tracks"];
    let track = children(stack).iter().find(|child| {
        schema(child) == "Track"
            && child["kind"] == "Video"
            && children(child).iter().any(|item| schema(item) == "Clip")
    });
    let Some(track) = track else {
        return Err(Error::order(format!("{} has no video track with a clip", list.name))
            .mend("export the timeline with its pictures"));
    };
    reader.shots(track, [stack, track])
}

struct Reader<'a> {
    list: &'a ShotList,
    fps: Fps,
}

impl Reader<'_> {
    /// The beginnings of a track's items; a range of the track or of the stack around it cuts off what comes before.
    fn shots(&self, track: &Value, trimmed: [&Value; 2]) -> Result<Vec<Shot>> {
        let mut start = 0.0;
        for around in trimmed {
            start -= match &around["source_range"] {
                Value::Null => 0.0,
                range => self.time(&range["start_time"], around)?,
            };
        }
        let mut shots = Vec::new();
        for (number, item) in children(track).iter().enumerate().filter(|(_, item)| schema(item) != "Transition") {
            if start > -0.5 {
                shots.push(Shot {
                    frame: start.max(0.0).round() as u64,
                    place: name(item).unwrap_or_else(|| format!("item {number} of the video track")),
                });
            }
            start += self.duration(item)?;
        }
        Ok(shots)
    }

    /// How long an item is, in frames of the film.
    fn duration(&self, item: &Value) -> Result<f64> {
        if !item["source_range"].is_null() {
            return self.time(&item["source_range"]["duration"], item);
        }
        match schema(item) {
            "Clip" => {
                let key = item["active_media_reference_key"].as_str().unwrap_or("DEFAULT_MEDIA");
                let references = [&item["media_reference"], &item["media_references"][key]];
                let range =
                    references.into_iter().map(|media| &media["available_range"]).find(|range| !range.is_null());
                self.time(&range.unwrap_or(&Value::Null)["duration"], item)
            }
            "Track" => children(item)
                .iter()
                .filter(|child| schema(child) != "Transition")
                .try_fold(0.0, |sum, child| Ok(sum + self.duration(child)?)),
            "Stack" => children(item).iter().try_fold(0.0_f64, |longest, child| Ok(longest.max(self.duration(child)?))),
            _ => self.time(&Value::Null, item),
        }
    }

    /// A `RationalTime` in frames of the film.
    fn time(&self, time: &Value, item: &Value) -> Result<f64> {
        let number = |name: &str| time[name].as_f64().filter(|number| number.is_finite() && *number >= 0.0);
        match (number("value"), number("rate").filter(|rate| *rate > 0.0)) {
            (Some(value), Some(rate)) => {
                let same = (rate / self.fps.as_f64() - 1.0).abs() < SAME_RATE;
                Ok(if same { value } else { value / rate * self.fps.as_f64() })
            }
            _ => Err(self
                .list
                .wrong(&name(item).unwrap_or_else(|| "an item".into()), "says not how long it is")
                .mend("give it a source_range whose times have a value and a rate")),
        }
    }
}

/// An item by its own name.
fn name(item: &Value) -> Option<String> {
    let name = item["name"].as_str().filter(|name| !name.is_empty())?;
    Some(format!("{} \"{name}\"", schema(item)))
}

/// The kind of an object without its version, such as `Clip`.
fn schema(object: &Value) -> &str {
    object["OTIO_SCHEMA"].as_str().and_then(|schema| schema.split('.').next()).unwrap_or("nothing")
}

fn children(object: &Value) -> &[Value] {
    object["children"].as_array().map_or(&[], Vec::as_slice)
}
