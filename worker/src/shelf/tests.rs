use std::sync::atomic::{AtomicUsize, Ordering};

use shared::{
    Bundle, Fps, Portrait,
    error::Cause,
    job::Settings,
    ports::{AudioEncoder, ModelShape, Renderer},
};

use super::*;

/// A model that only has a name.
struct Named(String, Arc<AtomicUsize>);

impl Model for Named {
    fn name(&self) -> &str {
        &self.0
    }

    fn digest(&self) -> &'static str {
        "v2"
    }

    fn shape(&self) -> ModelShape {
        let (clip_frames, motion_frames, audio_margin, feature_width, image_size, latent) = (1, 1, 1, 1, 64, [1, 1, 1]);
        ModelShape { clip_frames, motion_frames, audio_margin, feature_width, image_size, latent }
    }

    fn audio_encoder(&self, _: Fps) -> Box<dyn AudioEncoder> {
        unreachable!()
    }

    fn prepare(&self, _: &Portrait, _: &Settings) -> Result<Bundle> {
        unreachable!()
    }

    fn renderer(&self, _: &Bundle, _: &Settings, _: u64) -> Result<Box<dyn Renderer>> {
        unreachable!()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Counts what is loaded: ever, and at once.
#[derive(Default)]
struct Counted {
    loads: AtomicUsize,
    alive: Arc<AtomicUsize>,
    most: AtomicUsize,
}

impl Packs for Counted {
    fn card(&self, name: &str) -> Result<PackCard> {
        let alive = Arc::new(AtomicUsize::new(1));
        Ok(PackCard::of(&Named(name.to_owned(), alive)))
    }

    fn load(&self, name: &str, _: &str) -> Result<Arc<dyn Model>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let alive = self.alive.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(alive, Ordering::SeqCst);
        Ok(Arc::new(Named(name.to_owned(), self.alive.clone())))
    }
}

#[test]
fn models_stay_until_others_need_their_place() {
    let packs = Arc::new(Counted::default());
    let shelf = Shelf::new(packs.clone(), 2);
    for name in ["a", "b", "a", "c", "a", "b"] {
        assert_eq!(shelf.load(name, "v2").unwrap().name(), name);
    }
    assert_eq!(packs.loads.load(Ordering::SeqCst), 4, "a, b, c, and b again, which was used longest ago");
    assert_eq!(packs.most.load(Ordering::SeqCst), 2, "the old one goes before the new one comes");
    assert_eq!(shelf.names(), ["a", "b"]);
}

#[test]
fn two_workers_load_one_model_once() {
    let packs = Arc::new(Counted::default());
    let shelf = Shelf::new(packs.clone(), 1);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| shelf.load("a", "v2").unwrap());
        }
    });
    assert_eq!(packs.loads.load(Ordering::SeqCst), 1);
}

#[test]
fn what_is_loaded_answers_instead_of_being_loaded_again() {
    let packs = Arc::new(Counted::default());
    let shelf = Shelf::new(packs.clone(), 1);
    let card = shelf.card("a").unwrap();
    assert_eq!(packs.loads.load(Ordering::SeqCst), 0, "a card costs no weights");
    shelf.load("a", "v2").unwrap();
    // Those who keep these packs load a model for each question; the shelf has it already.
    let picture = Picture::black(8, 8);
    for _ in 0..3 {
        shelf.check(&card, &Settings::default()).unwrap();
        shelf.find_faces(&card, &picture).unwrap();
    }
    assert_eq!(packs.loads.load(Ordering::SeqCst), 1);
    let other = PackCard { name: "b".into(), ..card };
    shelf.check(&other, &Settings::default()).unwrap();
    assert_eq!(shelf.names(), ["a"], "a question drops nothing");
}

#[test]
fn another_version_is_refused_by_both_digests_and_costs_nothing() {
    let packs = Arc::new(Counted::default());
    let shelf = Shelf::new(packs, 1);
    shelf.load("a", "v2").unwrap();
    let error = shelf.load("b", "v1").err().unwrap();
    assert_eq!(error.cause(), Cause::World, "another worker may have it");
    assert!(error.to_string().contains("v1") && error.to_string().contains("v2"), "{error}");
    assert_eq!(shelf.names(), ["a"], "what works stays");
}

#[test]
fn the_only_model_is_given_to_whoever_asks_for_it_and_nobody_else() {
    let only = Shelf::of(Arc::new(Named("a".into(), Arc::new(AtomicUsize::new(1)))));
    assert_eq!(only.load("a", "v2").unwrap().name(), "a");
    assert!(only.load("b", "v2").err().unwrap().to_string().contains('b'));
    assert!(only.card("b").is_err());
    assert_eq!(only.card("a").unwrap().digest, "v2");
}
