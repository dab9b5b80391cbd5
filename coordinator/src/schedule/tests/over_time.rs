//! What comes of many rounds: a farm in numbers, whose workers finish tasks and take the next.

use std::collections::{BTreeMap, BTreeSet};

use shared::{
    Name, Priority, TaskKey, Timestamp,
    ports::schedule::{Candidate, Tenant, UnderWay, View},
};

use super::{
    super::choose,
    views::{candidate, crowd, released, tenant},
};

/// Candidates shown of each tenant: as many as ten workers can have waiting.
const SHOWN: usize = 20;

/// A farm whose every task takes `steps` rounds.
struct Farm {
    workers: usize,
    steps: u32,
    tenants: Vec<Tenant>,
    queued: Vec<Candidate>,
    /// Released, in this order.
    waiting: Vec<Candidate>,
    /// Taken, and the rounds left.
    taken: Vec<(Candidate, u32)>,
    done: Vec<Candidate>,
    now: i64,
}

impl Farm {
    fn new(workers: usize, steps: u32, tenants: Vec<Tenant>) -> Self {
        let (queued, waiting, taken, done) = (vec![], vec![], vec![], vec![]);
        Self { workers, steps, tenants, queued, waiting, taken, done, now: 0 }
    }

    fn submit(&mut self, tenant: &str, job: u32, tasks: u32, priority: Priority) {
        self.queued.extend((0..tasks).map(|n| Candidate { priority, ..candidate(tenant, job, n) }));
    }

    fn view(&self) -> View {
        let leased = |(task, _): &(Candidate, u32)| UnderWay { leased: true, ..released(task) };
        View {
            now: Timestamp(self.now),
            crowds: vec![crowd(self.workers as u32)],
            tenants: self.tenants.clone(),
            under_way: self.waiting.iter().map(released).chain(self.taken.iter().map(leased)).collect(),
            candidates: self.candidates(),
        }
    }

    /// The first of every tenant, as the ledger shows them.
    fn candidates(&self) -> Vec<Candidate> {
        let mut shown: BTreeMap<&Name, usize> = BTreeMap::new();
        let first = |task: &&Candidate| {
            let shown = shown.entry(&task.tenant).or_default();
            *shown += 1;
            *shown <= SHOWN
        };
        self.queued.iter().filter(first).cloned().collect()
    }

    /// A moment passes: work is finished, a round released, and free workers take what is most urgent and was released first.
    fn step(&mut self) {
        self.now += 10;
        for (_, left) in &mut self.taken {
            *left -= 1;
        }
        let (done, taken) = std::mem::take(&mut self.taken).into_iter().partition(|(_, left)| *left == 0);
        self.taken = taken;
        self.done.extend(Vec::<(Candidate, u32)>::into_iter(done).map(|(task, _)| task));
        let chosen: Vec<TaskKey> = choose(&self.view());
        let set: BTreeSet<&TaskKey> = chosen.iter().collect();
        let mut by_key: BTreeMap<TaskKey, Candidate> =
            self.queued.extract_if(.., |task| set.contains(&task.key)).map(|task| (task.key.clone(), task)).collect();
        self.waiting.extend(chosen.iter().map(|key| by_key.remove(key).unwrap()));
        while self.taken.len() < self.workers && !self.waiting.is_empty() {
            let best = (0..self.waiting.len()).min_by_key(|at| std::cmp::Reverse(self.waiting[*at].priority)).unwrap();
            self.taken.push((self.waiting.remove(best), self.steps));
        }
    }

    fn done_of(&self, tenant: &Name) -> usize {
        self.done.iter().filter(|task| task.tenant == *tenant).count()
    }
}

#[test]
fn shares_converge_to_the_weights() {
    let weights = [("anna", 5), ("bert", 3), ("cora", 2)];
    let mut farm = Farm::new(10, 7, weights.iter().map(|(name, weight)| tenant(name, *weight, None)).collect());
    for (job, (name, _)) in weights.iter().enumerate() {
        farm.submit(name, job as u32, 1500, Priority::NORMAL);
    }
    for _ in 0..1200 {
        farm.step();
    }
    let done = farm.done.len() as f64;
    for (name, weight) in weights {
        let share = farm.done_of(&name.parse().unwrap()) as f64 / done;
        assert!((share - f64::from(weight) / 10.0).abs() < 0.02, "{name} has {share} of the farm");
    }
}

#[test]
fn a_tenant_that_comes_later_gets_its_share_at_once_and_no_arrears() {
    let mut farm = Farm::new(10, 7, vec![]);
    farm.submit("anna", 0, 3000, Priority::NORMAL);
    (0..500).for_each(|_| farm.step());
    farm.submit("bert", 1, 3000, Priority::NORMAL);
    (0..20).for_each(|_| farm.step());
    let before = ["anna", "bert"].map(|name| farm.done_of(&name.parse().unwrap()));
    (0..300).for_each(|_| farm.step());
    let after = ["anna", "bert"].map(|name| farm.done_of(&name.parse().unwrap()));
    let [anna, bert] = [after[0] - before[0], after[1] - before[1]];
    assert!(anna.abs_diff(bert) * 10 < anna, "anna {anna}, bert {bert}");
}

#[test]
fn nobody_starves_where_there_are_more_tenants_than_workers() {
    let names: Vec<String> = (0..60).map(|n| format!("tenant-{n:02}")).collect();
    // One of them is far heavier than the others.
    let mut farm = Farm::new(4, 1, vec![tenant(&names[0], 1000, None)]);
    for (job, name) in names.iter().enumerate() {
        farm.submit(name, job as u32, 400, Priority::NORMAL);
    }
    (0..1000).for_each(|_| farm.step());
    for name in &names {
        let done = farm.done_of(&name.parse().unwrap());
        assert!(done >= 10, "{name} got {done} of 4000");
    }
}

#[test]
fn a_burst_of_one_tenant_does_not_delay_another() {
    let mut farm = Farm::new(8, 5, vec![]);
    farm.submit("anna", 0, 2000, Priority::NORMAL);
    (0..10).for_each(|_| farm.step());
    farm.submit("bert", 1, 4, Priority::NORMAL);
    let mut steps = 0;
    while farm.done_of(&"bert".parse().unwrap()) < 4 {
        farm.step();
        steps += 1;
    }
    // What waits already (two tasks for each worker), two tasks' time at eight workers, comes first.
    assert!(steps <= 5 * 4, "{steps}");
}

#[test]
fn an_urgent_job_starts_on_the_next_free_worker() {
    let mut farm = Farm::new(4, 6, vec![]);
    farm.submit("anna", 0, 5000, Priority::NORMAL);
    (0..20).for_each(|_| farm.step());
    farm.submit("bert", 1, 4, Priority::URGENT);
    for _ in 0..6 {
        farm.step();
    }
    let bert: Name = "bert".parse().unwrap();
    assert!(farm.taken.iter().filter(|(task, _)| task.tenant == bert).count() + farm.done_of(&bert) == 4);
}
