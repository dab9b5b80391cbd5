//! Lists of jobs, and what the farm looks like.

use std::collections::BTreeMap;

use shared::{
    Demand, Hold, JobId, JobState, Priority, Route,
    TaskState::{Leased, Ready},
    Terms, Timestamp,
    ports::records::{JobFilter, Standing},
    task::Lane,
};

use super::farm::{Farm, NOW, frames, name};

fn page(limit: u32) -> JobFilter {
    JobFilter { limit, ..JobFilter::default() }
}

async fn listed(farm: &impl Farm, filter: &JobFilter) -> Vec<JobId> {
    farm.ledger().jobs(filter).await.unwrap().into_iter().map(|listed| listed.job.id).collect()
}

pub(crate) async fn jobs_are_listed_page_by_page(farm: &impl Farm) {
    let mut jobs = Vec::new();
    for (frames, at) in [(1, 5), (2, 5), (3, 7), (4, 6), (5, 5)] {
        jobs.push((at, farm.submit(frames, at).await));
    }
    jobs.sort_by(|a, b| b.cmp(a));
    let expected: Vec<_> = jobs.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(listed(farm, &page(500)).await, expected);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let found = farm.ledger().jobs(&JobFilter { after, ..page(2) }).await.unwrap();
        let Some(last) = found.last() else { break };
        after = Some((last.job.submitted, last.job.id.clone()));
        seen.extend(found.into_iter().map(|listed| listed.job.id));
    }
    assert_eq!(seen, expected);
    assert_eq!(listed(farm, &page(0)).await.len(), 1, "a page has 1 to 500 jobs");
}

pub(crate) async fn jobs_are_filtered(farm: &impl Farm) {
    let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let terms = |tenant, external: Option<&str>, pairs: &[(&str, &str)]| Terms {
        tenant: name(tenant),
        external_id: external.map(Into::into),
        labels: labels(pairs),
        ..Terms::default()
    };
    let a = farm.submit_as(1, 3, &terms("anna", Some("x-1"), &[("show", "crows"), ("reel", "2")])).await;
    let b = farm.submit_as(2, 2, &terms("anna", None, &[("show", "crows")])).await;
    let c = farm.submit_as(3, 1, &terms("bert", Some("x-1"), &[("reel", "2")])).await;
    farm.ledger().cancel(&b, None, Timestamp(NOW)).await.unwrap();
    let anna = JobFilter { tenant: Some(name("anna")), ..page(9) };
    let with = |pairs: &[(&str, &str)]| JobFilter { labels: labels(pairs), ..page(9) };
    let cases = [
        (anna.clone(), vec![&a, &b]),
        (JobFilter { states: vec![JobState::Cancelled], ..page(9) }, vec![&b]),
        (JobFilter { states: vec![JobState::Running, JobState::Done], ..anna.clone() }, vec![&a]),
        (JobFilter { external_id: Some("x-1".into()), ..page(9) }, vec![&a, &c]),
        (JobFilter { external_id: Some("x-1".into()), ..anna }, vec![&a]),
        (with(&[("show", "crows")]), vec![&a, &b]),
        (with(&[("show", "crows"), ("reel", "2")]), vec![&a]),
        (with(&[("show", "' OR 1 = 1 --")]), vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(listed(farm, &filter).await.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

pub(crate) async fn a_list_shows_jobs_as_they_are(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.make(&job, "prepare").await;
    let lease = farm.claim(&job, "segment-0-00000", NOW).await.unwrap();
    let until = lease.until;
    farm.ledger().renew(&lease, &frames(3), until, Timestamp(NOW)).await.unwrap();
    let listed = &farm.ledger().jobs(&page(9)).await.unwrap()[0];
    assert_eq!(Some(&listed.job), farm.ledger().job(&job).await.unwrap().as_ref());
    assert_eq!(listed.progress, farm.ledger().progress(&job).await.unwrap());
    assert_eq!((listed.progress.frames_rendered, listed.progress.tasks_done), (3, 1));
}

pub(crate) async fn a_census_counts_open_work(farm: &impl Farm) {
    let gold = Terms { pool: name("gold"), gpu_memory: 9000, priority: Priority::HIGH, ..Terms::default() };
    let a = farm.submit_as(10, 1, &gold).await;
    let b = farm.submit(20, 1).await;
    let held = farm.submit(30, 1).await;
    let over = farm.submit(40, 1).await;
    farm.ledger().hold(&held, Hold::Paused, Timestamp(NOW)).await.unwrap();
    farm.ledger().cancel(&over, None, Timestamp(NOW)).await.unwrap();
    for task in ["prepare", "segment-0-00000"] {
        farm.make_at(&a, task, NOW + 1).await;
        farm.make_at(&b, task, NOW + 2).await;
    }
    farm.make_at(&b, "segment-0-00001", NOW + 3).await;
    farm.release(NOW + 4).await;
    farm.claim(&b, "segment-0-00002", NOW + 5).await.unwrap();
    let census = farm.ledger().census(Timestamp(NOW + 9)).await.unwrap();
    let jobs: BTreeMap<_, _> = census.jobs.iter().map(|(s, h, n)| ((s.name(), h.name()), *n)).collect();
    let expected = [(("cancelled", "none"), 1), (("running", "none"), 2), (("running", "paused"), 1)];
    assert_eq!(jobs, expected.into());
    let render = Route::new(Lane::Render, name("gold"), 9000);
    let (plain, stitch) = (Route::plain(Lane::Render), Route::plain(Lane::Stitch));
    let mut tasks = census.tasks.clone();
    tasks.sort_by_key(|(route, ..)| route.clone());
    let expected = [
        (plain.clone(), Priority::NORMAL, Leased, 1, 4),
        (render.clone(), Priority::HIGH, Ready, 1, 4),
        (stitch.clone(), Priority::NORMAL, Ready, 1, 8),
    ];
    assert_eq!(tasks, expected);
    let mut oldest = census.oldest.clone();
    oldest.sort_by_key(|(route, _)| route.clone());
    assert_eq!(oldest, [(render, Timestamp(NOW + 1)), (stitch, Timestamp(NOW + 3))]);
}

pub(crate) async fn what_a_tenant_has_is_counted(farm: &impl Farm) {
    let of = |tenant: &str| Terms { tenant: name(tenant), ..Terms::default() };
    let first = farm.submit_as(10, 1, &of("anna")).await;
    let ended = farm.submit_as(11, 1, &of("anna")).await;
    farm.submit_as(12, 1, &of("anna")).await;
    farm.submit_as(13, 1, &of("bert")).await;
    let counts = async || {
        let counts = [name("anna"), name("bert"), name("cora")].map(|tenant| async move {
            (farm.ledger().running(&tenant).await.unwrap(), farm.ledger().under_way(&tenant).await.unwrap())
        });
        futures_util::future::join_all(counts).await
    };
    assert_eq!(counts().await, [(3, 0), (1, 0), (0, 0)], "ready is not under way");
    farm.release(NOW).await;
    farm.claim(&first, "prepare", NOW).await.unwrap();
    assert_eq!(counts().await, [(3, 3), (1, 1), (0, 0)], "released or leased");
    farm.ledger().cancel(&ended, None, Timestamp(NOW)).await.unwrap();
    assert_eq!(counts().await, [(2, 2), (1, 1), (0, 0)]);
}

pub(crate) async fn a_standing_tells_why_a_job_waits(farm: &impl Farm) {
    let ledger = farm.ledger();
    let first = farm.submit(20, 1).await;
    let job = farm.submit(10, 2).await;
    let urgent = farm.submit_as(1, 9, &Terms { priority: Priority::URGENT, ..Terms::default() }).await;
    let fresh = ledger.standing(&job, Timestamp(NOW)).await.unwrap();
    let render = Demand::plain(Lane::Render);
    let expected = Standing {
        waiting: 6,
        ready: 1,
        ahead: 2,
        demands: vec![render.clone()],
        frames_left: 10,
        longest_rest: 16,
        ..Standing::default()
    };
    assert_eq!(fresh, expected, "a longer job and a more urgent one are ahead");
    assert_eq!(ledger.standing(&urgent, Timestamp(NOW)).await.unwrap().ahead, 0);
    ledger.cancel(&first, None, Timestamp(NOW)).await.unwrap();
    farm.make(&job, "prepare").await;
    farm.make(&job, "segment-0-00000").await;
    farm.make(&job, "segment-0-00001").await;
    let lease = farm.claim(&job, "segment-0-00002", NOW).await.unwrap();
    farm.fail(&lease, NOW).await;
    let until = NOW + 1000;
    let standing = ledger.standing(&job, Timestamp(NOW)).await.unwrap();
    assert_eq!((standing.waiting, standing.ready, standing.leased), (2, 1, 0));
    assert_eq!(standing.backing_off, Some((1, Timestamp(until))));
    assert_eq!(standing.demands, [render, Demand::plain(Lane::Stitch)]);
    assert_eq!(standing.frames_left, 2);
    farm.release(NOW).await;
    let part = farm.claim(&job, "part-00000", NOW).await.unwrap();
    farm.release(until).await;
    let standing = ledger.standing(&job, Timestamp(until)).await.unwrap();
    assert_eq!((standing.ready, standing.released, standing.leased, standing.backing_off), (0, 1, 1, None));
    ledger.complete(&part, Timestamp(NOW)).await.unwrap();
    assert_eq!(ledger.standing(&super::farm::order(99).job_id(), Timestamp(NOW)).await.unwrap(), Standing::default());
}

pub(crate) async fn tasks_are_listed_page_by_page(farm: &impl Farm) {
    let (job, ledger) = (farm.submit(40, 1).await, farm.ledger());
    let all = ledger.tasks(&job).await.unwrap();
    let mut pages = Vec::new();
    for skip in (0..all.len()).step_by(3) {
        let page = ledger.some_tasks(&job, None, skip as u32, 3).await.unwrap();
        assert!(page.len() <= 3);
        pages.extend(page);
    }
    assert_eq!(pages, all);
    assert_eq!(ledger.some_tasks(&job, None, all.len() as u32, 3).await.unwrap(), []);
    let one = ledger.some_tasks(&job, Some(&all[2].id), 0, 9).await.unwrap();
    assert_eq!(one, all[2..3]);
    assert_eq!(ledger.some_tasks(&job, Some(&all[2].id), 1, 9).await.unwrap(), []);
    let made: Vec<_> = all.iter().filter(|task| !task.kind.renders()).cloned().collect();
    assert_eq!(ledger.stitched(&job).await.unwrap(), made);
}
