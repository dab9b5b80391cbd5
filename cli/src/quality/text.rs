//! A film's quality for people.

use shared::{
    Frames, Timecode,
    quality::{Follows, Summary},
};

use super::Film;
use crate::output::{Table, count};

/// Things that happened, in words, at most; JSON has all.
const TOLD: usize = 40;

/// What there is to say of the film, line by line.
pub(super) fn lines(film: &Film, summary: &Summary) -> Vec<String> {
    let mut lines = vec![format!("job     {}", film.job)];
    if film.records.is_empty() {
        lines
            .push("nothing was measured yet: clips are when their segment is done, pictures when their part is".into());
        return lines;
    }
    lines.push(format!(
        "clips   {}: {} rendered again, {} anchored on the portrait again, {} not good enough",
        summary.clips, summary.rendered_again, summary.anchored_again, summary.below
    ));
    if let Some((sharpness, colour)) = summary.sharpness_drift.zip(summary.colour_drift) {
        lines.push(format!(
            "drift   from the first minute to the last: sharpness {:+.1} %, colour {:+.1} %",
            100.0 * (sharpness - 1.0),
            100.0 * colour
        ));
    }
    if let Some(follows) = summary.follows {
        lines.push(format!("mouth   follows the speech {}", following(follows)));
    }
    if let Some(p95) = summary.seams_p95 {
        let inner = summary.inner_p95.map(|inner| format!("; clips within chains {inner:.2}")).unwrap_or_default();
        let seams = count(summary.seams.len() as u64, "seam");
        lines.push(format!("seams   {seams} between chains, 95 of 100 score at most {p95:.2}{inner}"));
    } else if let Some(inner) = summary.inner_p95 {
        lines.push(format!("seams   none between chains; of those between clips 95 of 100 score at most {inner:.2}"));
    }
    for event in summary.events.iter().take(TOLD) {
        let mark = if event.warning { "look at" } else { "mended " };
        lines.push(format!("{mark} {}: {}", span(film, event.frames), event.what));
    }
    if summary.events.len() > TOLD {
        lines.push(format!("… and {} more; --json tells all", summary.events.len() - TOLD));
    }
    let high: Vec<String> =
        worst_seams(summary).iter().map(|(frame, score)| format!("{} ({score:.2})", at(film, *frame))).collect();
    if !high.is_empty() {
        lines.push(format!("highest seams          {}", high.join(", ")));
    }
    if !summary.worst.is_empty() {
        let worst: Vec<String> = summary.worst.iter().map(|frames| at(film, frames.start)).collect();
        lines.push(format!("least like the portrait {}", worst.join(", ")));
    }
    lines
}

/// The seams between chains that stand out most, at most five.
fn worst_seams(summary: &Summary) -> Vec<(u64, f32)> {
    let mut seams: Vec<(u64, f32)> = summary.seams.iter().map(|seam| (seam.frame, seam.score)).collect();
    seams.sort_by(|a, b| b.1.total_cmp(&a.1));
    seams.truncate(5);
    seams
}

fn following(Follows { correlation, lag }: Follows) -> String {
    let when = match lag {
        0 => "in time".to_owned(),
        1.. => format!("{} late", count(lag.unsigned_abs().into(), "frame")),
        _ => format!("{} early", count(lag.unsigned_abs().into(), "frame")),
    };
    format!("with a correlation of {correlation:.2}, {when}")
}

fn at(film: &Film, frame: u64) -> String {
    Timecode { frame, fps: film.fps }.to_string()
}

fn span(film: &Film, frames: Frames) -> String {
    format!("{}-{}", at(film, frames.start), at(film, frames.end))
}

/// Prints the table of minutes.
pub(super) fn minutes(film: &Film, summary: &Summary) {
    if summary.stretches.is_empty() {
        return;
    }
    let mut table = Table::new(&["from", "sharpness", "colour", "flicker", "seam", "mouth", "lag", "black", "frozen"]);
    let share = |x: Option<f32>, digits: usize| x.map_or_else(|| "-".into(), |x| format!("{x:.digits$}"));
    for stretch in &summary.stretches {
        table.row([
            at(film, stretch.frames.start),
            share(stretch.sharpness, 3),
            share(stretch.colour, 4),
            format!("{:.4}", stretch.flicker),
            share(stretch.seam, 2),
            share(stretch.follows.map(|follows| follows.correlation), 2),
            stretch.follows.map_or_else(|| "-".into(), |follows| format!("{:+}", follows.lag)),
            stretch.black.to_string(),
            stretch.frozen.to_string(),
        ]);
    }
    table.say();
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        Fps, TaskId,
        quality::{ClipQuality, Fault, Measured, PartQuality, Quality, Refused},
    };

    fn film() -> Film {
        let record = |start, end, quality| Measured {
            task: TaskId::from_text("segment-0-00000"),
            frames: Frames::new(start, end),
            quality,
        };
        let refused = vec![Refused { take: 0, anchored: false, faults: vec![Fault::Blurred] }];
        let anchored = ClipQuality { anchored: true, refused, ..ClipQuality::default() };
        let part = |seam: Option<u32>, moved| PartQuality {
            seam,
            sharpness: Some(0.97),
            colour: Some(0.01),
            moved,
            ..PartQuality::default()
        };
        let records = vec![
            record(0, 12, Quality::Clip(ClipQuality::default())),
            record(12, 24, Quality::Clip(anchored)),
            record(0, 12, Quality::Part(part(None, vec![Some(0.01); 12]))),
            record(12, 24, Quality::Part(part(Some(0), vec![Some(0.013); 12]))),
        ];
        Film { job: "0".repeat(32).parse().unwrap(), fps: Fps::PAL, records }
    }

    #[test]
    fn a_report_reads_well() {
        let film = film();
        let text = lines(&film, &Summary::of(&film.records, film.fps)).join("\n");
        for part in [
            "clips   2: 1 rendered again, 1 anchored on the portrait again, 0 not good enough",
            "look at 00:00:00:12-00:00:00:24: the chain was anchored on the portrait again: the face is blurred",
            "sharpness +0.0 %",
            "1 seam between chains",
            "highest seams          00:00:00:12",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn nothing_measured_is_said_and_lags_have_words() {
        let film = Film { records: Vec::new(), ..film() };
        assert!(lines(&film, &Summary::of(&[], film.fps))[1].contains("nothing was measured yet"));
        let words = |lag| following(Follows { correlation: 0.5, lag });
        assert_eq!(words(0), "with a correlation of 0.50, in time");
        assert!(words(1).ends_with("1 frame late") && words(-2).ends_with("2 frames early"));
    }
}
