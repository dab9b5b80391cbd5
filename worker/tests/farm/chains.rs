//! Films in several chains.

use shared::{Bundle, Cuts, Frames, JobState, Join, Layout, Order, TaskId, Tensor, ports::BlobKey, task::Lane};

use super::{
    crash::{dies, undisturbed_in},
    house::{House, order_of},
    lanes,
    model::CLIP,
};

/// A film in three chains: 0..18, 6..34 and 22..46 are rendered, 10..18 and 26..34 by two chains each.
fn order(join: Join) -> Order {
    order_of(46, Cuts::at(vec![14, 30], join, CLIP))
}

async fn done(join: Join) -> House {
    let house = House::of(&order(join)).await;
    house.work(&house.worker("only")).await;
    assert_eq!(house.ended().await, (JobState::Done, String::new()), "{join:?}");
    house
}

/// The latents that a task left.
async fn latents(house: &House, task: &TaskId) -> (u64, Tensor) {
    let attempt = house.task(task.as_str()).await.attempt;
    let key = BlobKey::made(&house.job, task, attempt, "latents.safetensors").unwrap();
    let bundle = Bundle::from_bytes(&house.stores.blobs.get(&key).await.unwrap()).unwrap();
    (bundle.notes["first"].parse().unwrap(), bundle.get("latents").unwrap().clone())
}

/// The latents of one chain, or of a bridge, in `frames`.
async fn side(house: &House, tasks: impl IntoIterator<Item = TaskId>, frames: Frames) -> Tensor {
    let mut rows = Vec::new();
    for task in tasks {
        let (first, latents) = latents(house, &task).await;
        let run = Frames::new(first, first + latents.rows() as u64).meet(frames);
        rows.push(latents.slice((run.start - first) as usize, (run.end - first) as usize).unwrap());
    }
    Tensor::join(&rows).unwrap()
}

/// The latents of chain `chain` in `frames`.
async fn of_chain(house: &House, order: &Order, chain: usize, frames: Frames) -> Tensor {
    let layout = Layout::of(order).unwrap();
    side(house, layout.segments_of(chain, frames).map(|kind| TaskId::of(&kind)), frames).await
}

async fn of_bridge(house: &House, seam: u32, frames: Frames) -> Tensor {
    side(house, [TaskId::from_text(format!("bridge-{seam:05}"))], frames).await
}

#[tokio::test]
async fn a_chain_starts_anywhere_and_every_frame_counts_once() {
    for join in Join::ALL {
        let house = done(join).await;
        let progress = house.stores.ledger.progress(&house.job).await.unwrap();
        assert_eq!(progress.frames_rendered, 46, "{join:?}");
        let rendered = house.script.rendered.lock().unwrap().clone();
        let starts = if join == Join::Cut { [0, 10, 26] } else { [0, 6, 22] };
        assert!(starts.iter().all(|start| rendered.contains(start)), "{join:?}: {rendered:?}");
        let film = house.task("film").await;
        let file = house.scratch_of("film.mp4");
        let key = BlobKey::made(&house.job, &film.id, film.attempt, "film.mp4").unwrap();
        house.stores.blobs.fetch(&key, &file).await.unwrap();
        assert_eq!(media::probe::film(&file).unwrap().frames, 46, "{join:?}");
    }
}

#[tokio::test]
async fn a_bridge_holds_its_pinned_frames_exactly() {
    let (house, order) = (done(Join::Bridge).await, order(Join::Bridge));
    for (seam, at) in [(0, 14), (1, 30)] {
        let frames = Frames::new(at - 4, at + 4);
        let (left, right) = (
            of_chain(&house, &order, seam as usize, frames).await,
            of_chain(&house, &order, seam as usize + 1, frames).await,
        );
        let bridge = of_bridge(&house, seam, frames).await;
        assert_eq!(bridge.rows(), 8, "all frames of the overlap");
        // Two frames of either chain outside of the middle clip, and one that is held at either end of it.
        assert_eq!(bridge.slice(0, 1).unwrap(), left.slice(0, 1).unwrap());
        assert_eq!(bridge.slice(7, 8).unwrap(), right.slice(7, 8).unwrap());
        assert_ne!(left, right);
        for frame in 3..5 {
            let made = bridge.slice(frame, frame + 1).unwrap();
            assert_ne!(made, left.slice(frame, frame + 1).unwrap(), "frame {frame} is made anew");
            assert_ne!(made, right.slice(frame, frame + 1).unwrap(), "frame {frame} is made anew");
        }
    }
}

#[tokio::test]
async fn a_bridge_whose_sides_disagree_grows_over_the_whole_overlap() {
    // Checksums of neighbouring chains have nothing to do with one another.
    let house = done(Join::Bridge).await;
    let rendered = house.script.rendered.lock().unwrap().clone();
    let bridges: Vec<u64> = rendered.iter().copied().filter(|first| [12, 10, 14].contains(first)).collect();
    // The middle, then both clips of the overlap; 14 is a clip of chain 1 too.
    assert!(bridges.windows(3).any(|three| three == [12, 10, 14]), "{rendered:?}");
    let log = house.blobs().await;
    assert!(log.contains(&"prepare/1/features-bridge-00000.safetensors".to_owned()), "{log:?}");
}

#[tokio::test]
async fn a_blend_goes_from_one_chain_to_the_other() {
    let (house, order) = (done(Join::Blend).await, order(Join::Blend));
    let frames = Frames::new(10, 18);
    let (left, right) = (of_chain(&house, &order, 0, frames).await, of_chain(&house, &order, 1, frames).await);
    let blend = of_bridge(&house, 0, frames).await;
    assert_eq!(blend.slice(0, 2).unwrap(), left.slice(0, 2).unwrap());
    assert_eq!(blend.slice(6, 8).unwrap(), right.slice(6, 8).unwrap());
    for (row, weight) in [(2, 0.2), (3, 0.4), (4, 0.6), (5, 0.8)] {
        let [a, b, c] = [&left, &right, &blend].map(|latents| f64::from(latents.data()[2 * row + 1]));
        assert!((c - (a + weight * (b - a))).abs() < 1.0, "row {row}: {a} {c} {b}");
    }
    let names = house.blobs().await;
    assert!(!names.iter().any(|name| name.contains("features-bridge")), "{names:?}");
}

#[tokio::test]
async fn a_cut_takes_each_frame_from_its_own_chain() {
    let house = done(Join::Cut).await;
    let names = house.blobs().await;
    assert!(!names.iter().any(|name| name.contains("bridge")), "{names:?}");
    assert_eq!(house.tasks().await.iter().filter(|task| task.id.as_str().starts_with("segment")).count(), 2 + 3 + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latents_are_the_same_for_one_worker_and_for_many() {
    for join in Join::ALL {
        let expected = done(join).await.results().await;
        for workers in [3, 8] {
            let house = House::of(&order(join)).await;
            lanes::run(&house, &vec![&Lane::ALL[..]; workers]).await;
            assert!(house.results().await == expected, "{join:?}, {workers} workers");
        }
    }
}

#[tokio::test]
async fn the_film_is_the_same_wherever_a_worker_dies_at_a_seam() {
    let order = order(Join::Bridge);
    let (points, expected) = undisturbed_in(&House::of(&order).await).await;
    let bridges: Vec<_> = points.iter().filter(|(task, ..)| task == "bridge-00000").collect();
    // Claimed; four clips and the latents kept; before and after the commit.
    assert_eq!(bridges.len(), 1 + 5 + 2);
    let more = points.iter().filter(|(task, _, nth)| *nth == 0 && ["segment-1-00000"].contains(&task.as_str()));
    for point in bridges.into_iter().chain(more) {
        dies(House::of(&order).await, point, &expected).await;
    }
}

#[tokio::test]
async fn clips_of_a_bridge_that_were_kept_are_not_rendered_again() {
    let house = done(Join::Bridge).await;
    let whole = house.script.rendered.lock().unwrap().len();
    let order = order(Join::Bridge);
    let house = House::of(&order).await;
    let (points, _) = undisturbed_in(&House::of(&order).await).await;
    let second = points.iter().filter(|(task, what, _)| task == "bridge-00001" && *what == worker::Moment::Kept).nth(1);
    let trap = super::crash::Trap::set_at(second.cloned());
    let first = house.worker("first").watched(trap.clone());
    tokio::select! {
        () = house.work(&first) => panic!("the second clip of the bridge was not kept"),
        () = trap.reached.notified() => {}
    }
    drop(first);
    house.expire().await;
    house.work(&house.worker("second")).await;
    assert_eq!(house.script.rendered.lock().unwrap().len(), whole, "each clip once");
    let left = house.blobs().await;
    assert!(!left.iter().any(|name| name.contains("clips/")), "{left:?}");
}
