use serde_json::{Value, json};

use super::*;

fn boundaries(text: &str, fps: &str, frames: u64) -> Result<Vec<u64>> {
    ShotList { name: "reel.edl".into(), text: text.into() }.boundaries(fps.parse().unwrap(), frames)
}

const EDL: &str = "\u{feff}TITLE: REEL 5\r
FCM: NON-DROP FRAME\r
\r
001  AX       V     C        00:00:00:00 00:00:05:00 01:00:00:00 01:00:05:00\r
* FROM CLIP NAME: A001.MOV\r
002  AX       AA/V  C        00:01:00:00 00:01:04:12 01:00:05:00 01:00:09:12\r
003  AX       A2    C        00:01:00:00 00:01:04:12 01:00:07:00 01:00:09:12\r
004  AX       V     C        00:02:00:00 00:02:00:00 01:00:09:12 01:00:09:12\r
004  BX       V     D    024 00:03:00:00 00:03:10:00 01:00:09:12 01:00:19:12\r
M2   BX       025.0          00:03:00:00\r
005  CX       B     W001 012 00:00:00:00 00:00:01:00 01:00:19:12 01:00:20:12\r
>>> SOURCE AX C:\\reels\\5\r
";

#[test]
fn record_ins_of_pictures_are_boundaries() {
    assert_eq!(boundaries(EDL, "25", 1000).unwrap(), [125, 237, 487]);
    // The film begins at the hour, not at the first event.
    let later = EDL.replace("01:00:00:00 01:00:05:00", "01:00:00:10 01:00:05:00");
    assert_eq!(boundaries(&later, "25", 1000).unwrap(), [10, 125, 237, 487]);
    let at_zero = EDL.replace(" 01:", " 00:");
    assert_eq!(boundaries(&at_zero, "25", 1000).unwrap(), [125, 237, 487]);
}

#[test]
fn dropped_frame_numbers_are_counted_out() {
    let event = |at: &str| format!("001 AX V C 00:00:00:00 00:00:01:00 {at} {at}\n");
    let list = [event("01:00:00;00"), event("01:01:00;02"), event("01:10:00;00")].concat();
    assert_eq!(boundaries(&list, "29.97", 20_000).unwrap(), [1800, 17_982]);
    // Said once for all of them.
    let list = format!("FCM: DROP FRAME\n{}", list.replace(';', ":"));
    assert_eq!(boundaries(&list, "29.97", 20_000).unwrap(), [1800, 17_982]);
    assert_eq!(boundaries(&list, "59.94", 40_000).unwrap_err().message().split(" of ").next(), Some("line 3"));
    let plain = format!("{}FCM: NON-DROP FRAME\n{}", event("10:00:00:00"), event("10:01:00:02"));
    assert_eq!(boundaries(&plain, "29.97", 20_000).unwrap(), [1802]);
}

#[test]
fn lines_that_cannot_be_used_are_named_with_what_to_do() {
    let good = "001 AX V C 00:00:00:00 00:00:01:00 01:00:00:00 01:00:01:00\n";
    let wrong = [
        ("002 AX V C 00:00:00:00 00:00:01:00 01:00:01:00", "line 2"),
        ("002 AX V C", "line 2"),
        ("002 AX V Q 00:00:00:00 00:00:01:00 01:00:01:00 01:00:02:00", "line 2"),
        ("002 AX V C 00:00:00:00 00:00:01:00 01:00:01:25 01:00:02:00", "the frames 0 to 24"),
        ("002 AX V C 00:00:00:00 00:00:01:00 01:60:01:00 01:00:02:00", "is not a timecode"),
        ("002 AX V C 00:00:00:00 00:00:01:00 01:00:01;00 01:00:02;00", "drop frame numbers"),
        ("002 AX V C 00:00:00:00 00:00:01:00 01:00:02:00 01:00:01:00", "before it begins"),
        ("0O2 AX V C 00:00:00:00 00:00:01:00 01:00:01:00 01:00:02:00", "number of an event"),
        ("002 AX V C 00:00:00:00 00:00:01:00 01:00:40:00 01:00:41:00", "which ends at 00:00:40:00"),
        ("002 AX V C 00:00:00:00 00:00:01:00 02:00:01:00 02:00:02:00", "line 2 of reel.edl begins at 01:00:01:00"),
    ];
    for (line, part) in wrong {
        let error = boundaries(&format!("{good}{line}\n{good}"), "25", 1000).unwrap_err();
        assert!(error.to_string().contains(part) && error.to_string().contains("line 2 of reel.edl"), "{error}");
        assert!(error.mending().is_some(), "{error}");
    }
    let sound = good.replace(" V ", " A ");
    for (text, part) in [("", "no event"), ("TITLE: X\n* hello\n", "no event"), (&sound, "no event with a picture")] {
        let error = boundaries(text, "25", 1000).unwrap_err();
        assert!(error.to_string().contains(part) && error.mending().is_some(), "{error}");
    }
    assert!(boundaries(&"* \n".repeat(MOST_BYTES / 3 + 1), "25", 1000).unwrap_err().to_string().contains("bytes"));
}

fn time(value: f64, rate: f64) -> Value {
    json!({ "OTIO_SCHEMA": "RationalTime.1", "value": value, "rate": rate })
}

fn clip(frames: f64, rate: f64) -> Value {
    let range = json!({ "OTIO_SCHEMA": "TimeRange.1", "start_time": time(7.0, rate), "duration": time(frames, rate) });
    json!({ "OTIO_SCHEMA": "Clip.2", "name": format!("shot {frames}"), "source_range": range })
}

fn timeline(items: Vec<Value>) -> Value {
    let track = |kind: &str, items| json!({ "OTIO_SCHEMA": "Track.1", "kind": kind, "children": items });
    let sound = track("Audio", vec![clip(3.0, 25.0)]);
    let tracks =
        json!({ "OTIO_SCHEMA": "Stack.1", "children": [sound, track("Video", vec![]), track("Video", items)] });
    json!({ "OTIO_SCHEMA": "Timeline.1", "global_start_time": time(90_000.0, 25.0), "tracks": tracks })
}

#[test]
fn items_of_the_first_video_track_are_boundaries() {
    let mut gap = clip(25.0, 25.0);
    gap["OTIO_SCHEMA"] = "Gap.1".into();
    let media = json!({ "OTIO_SCHEMA": "Clip.2", "source_range": null, "active_media_reference_key": "proxy",
        "media_references": { "proxy": { "available_range": { "duration": time(48.0, 24.0) } } } });
    let nested = json!({ "OTIO_SCHEMA": "Stack.1", "children": [clip(10.0, 25.0),
        { "OTIO_SCHEMA": "Track.1", "kind": "Video", "children": [clip(20.0, 25.0), clip(30.0, 25.0)] }] });
    let transition =
        json!({ "OTIO_SCHEMA": "Transition.1", "in_offset": time(5.0, 25.0), "out_offset": time(5.0, 25.0) });
    let items = vec![clip(100.0, 25.0), transition, gap, media, nested, clip(1.0, 25.0)];
    let mut whole = timeline(items);
    assert_eq!(boundaries(&whole.to_string(), "25", 1000).unwrap(), [100, 125, 175, 225]);
    let one = json!({ "OTIO_SCHEMA": "SerializableCollection.1", "children": [whole.clone()] });
    assert_eq!(boundaries(&one.to_string(), "25", 1000).unwrap(), [100, 125, 175, 225]);
    // What a range of the track cuts off is no part of the film.
    whole["tracks"]["children"][2]["source_range"] =
        json!({ "start_time": time(110.0, 25.0), "duration": time(100.0, 25.0) });
    assert_eq!(boundaries(&whole.to_string(), "25", 1000).unwrap(), [15, 65, 115]);
}

#[test]
fn rates_are_converted_and_those_with_few_digits_are_understood() {
    let at = |rate: f64, fps: &str| {
        boundaries(&timeline(vec![clip(86_000.0, rate), clip(1.0, rate)]).to_string(), fps, 200_000).unwrap()
    };
    assert_eq!(at(23.976, "23.976"), [86_000]);
    assert_eq!(at(23.98, "23.976"), [86_000]);
    assert_eq!(at(24.0, "23.976"), [85_914]);
    assert_eq!(at(50.0, "25"), [43_000]);
}

#[test]
fn timelines_that_cannot_be_used_are_told() {
    let mut lengthless = timeline(vec![clip(1.0, 25.0), clip(2.0, 25.0), clip(3.0, 25.0)]);
    lengthless["tracks"]["children"][2]["children"][1]["source_range"] = Value::Null;
    let mut backwards = lengthless.clone();
    backwards["tracks"]["children"][2]["children"][1] = clip(-2.0, 25.0);
    let long = timeline(vec![clip(1000.0, 25.0), clip(1.0, 25.0)]);
    let wrong = [
        ("{\n\"OTIO_SCHEMA\": \"Timeline.1\",\n oops".to_owned(), "line 3 of reel.edl is not JSON"),
        ("{}".into(), "not one timeline"),
        (json!({ "OTIO_SCHEMA": "Timeline.1" }).to_string(), "no video track"),
        (timeline(vec![]).to_string(), "no video track"),
        (lengthless.to_string(), "Clip \"shot 2\" of reel.edl says not how long it is"),
        (backwards.to_string(), "Clip \"shot -2\""),
        (long.to_string(), "Clip \"shot 1\" of reel.edl begins at 00:00:40:00"),
        (format!("{{\"a\":{}", "[".repeat(1000)), "line 1"),
    ];
    for (text, part) in wrong {
        let error = boundaries(&text, "25", 1000).unwrap_err();
        assert!(error.to_string().contains(part) && error.mending().is_some(), "{error}");
    }
}
