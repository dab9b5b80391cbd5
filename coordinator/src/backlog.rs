//! How much work waits, for people and for autoscalers.

use shared::{
    Name, TaskState, Timestamp,
    ports::{
        crew::{GONE_AFTER, Hand},
        records::{Census, Rate},
    },
    task::Lane,
};

/// Seconds for one frame in lanes where nothing was measured yet: a guess on the high side, so that a new farm scales up.
const UNMEASURED: [(Lane, f64); 2] = [(Lane::Render, 1.0), (Lane::Stitch, 0.05)];

/// Work of one lane and pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Backlog {
    /// The lane.
    pub lane: Lane,
    /// The pool.
    pub pool: Name,
    /// Tasks that wait to be taken.
    pub waiting: u64,
    /// Tasks that workers have.
    pub leased: u64,
    /// Seconds of work for one worker in both.
    pub seconds: f64,
    /// When the one that waits longest became ready.
    pub oldest: Option<Timestamp>,
    /// Workers that take such tasks.
    pub workers: u64,
}

/// The work of every lane and pool with open tasks or workers, by lane and pool.
pub fn backlogs(census: &Census, rates: &[Rate], crew: &[Hand], now: Timestamp) -> Vec<Backlog> {
    let mut found: Vec<Backlog> = Vec::new();
    for (route, _, state, tasks, frames) in &census.tasks {
        let backlog = slot(&mut found, route.lane, &route.pool);
        match state {
            TaskState::Leased => backlog.leased += tasks,
            TaskState::Ready => backlog.waiting += tasks,
            _ => continue,
        }
        backlog.seconds += *frames as f64 * seconds_per_frame(rates, route.lane, &route.pool);
    }
    for (route, since) in &census.oldest {
        let backlog = slot(&mut found, route.lane, &route.pool);
        backlog.oldest = Some(backlog.oldest.map_or(*since, |oldest| oldest.min(*since)));
    }
    let alive = |hand: &&Hand| now.since(hand.seen) < GONE_AFTER && hand.state.takes_tasks();
    for hand in crew.iter().filter(alive) {
        for lane in &hand.card.reach.lanes {
            for pool in &hand.card.reach.pools {
                slot(&mut found, *lane, pool).workers += 1;
            }
        }
    }
    found.sort_by(|a, b| (a.lane, &a.pool).cmp(&(b.lane, &b.pool)));
    found
}

fn slot<'a>(found: &'a mut Vec<Backlog>, lane: Lane, pool: &Name) -> &'a mut Backlog {
    let at = found.iter().position(|one| one.lane == lane && one.pool == *pool);
    let at = at.unwrap_or_else(|| {
        let pool = pool.clone();
        found.push(Backlog { lane, pool, waiting: 0, leased: 0, seconds: 0.0, oldest: None, workers: 0 });
        found.len() - 1
    });
    &mut found[at]
}

/// What a frame takes in a lane: the mean over the models that were measured in the pool, or anywhere, by attempts.
fn seconds_per_frame(rates: &[Rate], lane: Lane, pool: &Name) -> f64 {
    let kind = if lane == Lane::Render { "segment" } else { "part" };
    let mean = |here: bool| {
        let fitting = rates.iter().filter(|rate| rate.kind == kind && (!here || rate.pool == *pool));
        let (sum, n) = fitting
            .fold((0.0, 0), |(sum, n), rate| (sum + rate.seconds_per_frame * rate.attempts as f64, n + rate.attempts));
        (n > 0).then(|| sum / n as f64)
    };
    let guess = UNMEASURED.iter().find(|(known, _)| *known == lane).map_or(1.0, |(_, seconds)| *seconds);
    mean(true).or_else(|| mean(false)).unwrap_or(guess)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Priority, Route};

    #[test]
    fn work_is_counted_in_seconds_of_its_own_pool() {
        let pool: Name = "a100".parse().unwrap();
        let route = Route::new(Lane::Render, pool.clone(), 24_000);
        let stitch = Route::plain(Lane::Stitch);
        let census = Census {
            tasks: vec![
                (route.clone(), Priority::NORMAL, TaskState::Ready, 3, 300),
                (route.clone(), Priority::URGENT, TaskState::Leased, 1, 100),
                (stitch, Priority::NORMAL, TaskState::Ready, 2, 100),
            ],
            oldest: vec![(route, Timestamp(5))],
            ..Census::default()
        };
        let rate = |pool: &Name, seconds_per_frame| Rate {
            kind: "segment".into(),
            model: "demo".into(),
            pool: pool.clone(),
            attempts: 4,
            seconds_per_frame,
        };
        let rates = [rate(&pool, 0.5), rate(&Name::house(), 9.0)];
        let found = backlogs(&census, &rates, &[], Timestamp(9));
        assert_eq!((found[0].waiting, found[0].leased, found[0].oldest), (3, 1, Some(Timestamp(5))));
        assert!((found[0].seconds - 200.0).abs() < 1e-9);
        assert!((found[1].seconds - 5.0).abs() < 1e-9, "never measured: {found:?}");
    }
}
