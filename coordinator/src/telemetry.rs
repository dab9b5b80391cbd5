//! Metrics: what this process counts, and what the whole farm looks like.

use std::{collections::BTreeMap, fmt::Write as _, sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use shared::{
    Hold, JobState, Timestamp,
    ports::crew::{GONE_AFTER, Hand},
};

use crate::{api::Overview, backlog::Backlog};

/// The recorder of this process.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Upper ends of the buckets of all durations, in seconds: requests take milliseconds, segments an hour.
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0];

/// Begins to count what happens in this process. May be called any number of times; whoever installed another recorder
/// before keeps it.
pub fn install() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        let installed =
            builder.map_err(|e| e.to_string()).and_then(|b| b.install_recorder().map_err(|e| e.to_string()));
        installed.inspect_err(|error| tracing::warn!(error, "metrics of this process are not counted")).ok()
    });
}

/// What this process counted, in the text format of Prometheus; empty before [`install`].
pub fn render() -> String {
    let Some(Some(handle)) = RECORDER.get() else { return String::new() };
    // Without a listener of its own nobody else empties what histograms collected.
    handle.run_upkeep();
    handle.render()
}

/// What the whole farm looks like, in the text format of Prometheus. It is written anew each time, so that what is gone
/// leaves no number behind.
pub(crate) fn farm(overview: &Overview) -> String {
    let Overview { at: now, census, backlogs, crew, dead_letters } = overview;
    let mut text = String::new();
    // Running jobs are told also when there are none: an alert must tell a farm without work from a farm without a voice.
    let mut jobs = BTreeMap::from([((JobState::Running.name(), Hold::None.name()), 0)]);
    for (state, hold, n) in &census.jobs {
        *jobs.entry((state.name(), hold.name())).or_default() += n;
    }
    let jobs = jobs.into_iter().map(|((state, hold), n)| (labels(&[("state", state), ("hold", hold)]), n as f64));
    gauge(&mut text, "emofarm_jobs", "Jobs by state and hold.", jobs);
    let tasks = census.tasks.iter().map(|(route, priority, state, n, _)| {
        let (memory, priority) = (route.memory.to_string(), priority.to_string());
        let labels = labels(&[
            ("state", state.name()),
            ("lane", route.lane.name()),
            ("pool", route.pool.as_str()),
            ("memory", &memory),
            ("priority", &priority),
        ]);
        (labels, *n as f64)
    });
    gauge(
        &mut text,
        "emofarm_tasks",
        "Open tasks that need nothing more, by state, lane, pool, memory class and priority.",
        tasks,
    );
    let of = |backlog: &Backlog| labels(&[("pool", backlog.pool.as_str()), ("lane", backlog.lane.name())]);
    let seconds = backlogs.iter().map(|backlog| (of(backlog), backlog.seconds));
    gauge(
        &mut text,
        "emofarm_runnable_backlog_seconds",
        "Seconds of work for one worker that is ready or under way.",
        seconds,
    );
    let ages = backlogs.iter().filter_map(|backlog| Some((of(backlog), now.since(backlog.oldest?).as_secs_f64())));
    gauge(
        &mut text,
        "emofarm_oldest_runnable_age_seconds",
        "How long the task that waits longest has been ready.",
        ages,
    );
    let leases = backlogs.iter().map(|backlog| (of(backlog), backlog.leased as f64));
    gauge(&mut text, "emofarm_leases_active", "Tasks that workers have.", leases);
    let letters = dead_letters.iter().map(|letters| (String::new(), *letters as f64));
    gauge(&mut text, "emofarm_dead_letters", "Messages of the queue that nobody understood.", letters);
    workers(&mut text, crew, *now);
    text
}

fn workers(text: &mut String, crew: &[Hand], now: Timestamp) {
    let alive: Vec<&Hand> = crew.iter().filter(|hand| now.since(hand.seen) < GONE_AFTER).collect();
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut infos: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for hand in &alive {
        for pool in &hand.card.reach.pools {
            *counts.entry((hand.state.name(), pool.as_str())).or_default() += 1;
        }
        *infos.entry((&hand.card.version, &hand.card.device)).or_default() += 1;
    }
    let counts = counts.into_iter().map(|((state, pool), n)| (labels(&[("state", state), ("pool", pool)]), n as f64));
    gauge(text, "emofarm_workers", "Workers heard of lately, by state and pool.", counts);
    let infos =
        infos.into_iter().map(|((version, device), n)| (labels(&[("version", version), ("device", device)]), n as f64));
    gauge(text, "emofarm_worker_info", "Workers heard of lately, by version and device.", infos);
    let heard = alive.iter().map(|hand| now.since(hand.seen)).max().unwrap_or(Duration::ZERO);
    gauge(
        text,
        "emofarm_worker_silence_seconds",
        "How long the quietest living worker has said nothing.",
        [(String::new(), heard.as_secs_f64())],
    );
}

fn gauge(text: &mut String, name: &str, help: &str, samples: impl IntoIterator<Item = (String, f64)>) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Priority, Route, TaskState, ports::records::Census, task::Lane};

    #[test]
    fn the_farm_is_told_in_the_format_of_prometheus() {
        let route = Route::plain(Lane::Render);
        let census = Census {
            jobs: vec![(JobState::Running, Hold::Paused, 2)],
            tasks: vec![(route.clone(), Priority::URGENT, TaskState::Ready, 3, 30)],
            oldest: vec![(route, Timestamp(1000))],
        };
        let backlogs = crate::backlog::backlogs(&census, &[], &[], Timestamp(3000));
        let overview = Overview { at: Timestamp(3000), census, backlogs, crew: Vec::new(), dead_letters: Some(7) };
        let text = farm(&overview);
        for line in [
            "emofarm_jobs{state=\"running\",hold=\"paused\"} 2",
            "emofarm_tasks{state=\"ready\",lane=\"render\",pool=\"default\",memory=\"0\",priority=\"100\"} 3",
            "emofarm_runnable_backlog_seconds{pool=\"default\",lane=\"render\"} 30",
            "emofarm_oldest_runnable_age_seconds{pool=\"default\",lane=\"render\"} 2",
            "emofarm_jobs{state=\"running\",hold=\"none\"} 0",
            "emofarm_dead_letters 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(labels(&[("device", "a \"b\" \\ \n")]), "{device=\"a \\\"b\\\" \\\\ \\n\"}");
    }
}
