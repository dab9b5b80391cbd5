//! The models that a process holds loaded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{
    Error, Picture, Result,
    face::FaceSearch,
    job::Settings,
    ports::{
        Model,
        model::{PackCard, Packs},
    },
};

/// Keeps the models that were used last, a bounded number of them; several workers of a process share one shelf.
pub struct Shelf {
    packs: Option<Arc<dyn Packs>>,
    most: usize,
    /// The one used last stands last.
    loaded: Mutex<Vec<Arc<dyn Model>>>,
    /// Held while a model is loaded: two loads at once would need the memory of both.
    loading: Mutex<()>,
}

impl Shelf {
    /// Loads from `packs` what is asked for, and keeps at most `most` models (at least one).
    pub fn new(packs: Arc<dyn Packs>, most: usize) -> Self {
        Self { packs: Some(packs), most: most.max(1), loaded: Mutex::default(), loading: Mutex::default() }
    }

    /// The one model of a house that knows no other.
    pub fn of(model: Arc<dyn Model>) -> Self {
        Self { packs: None, most: 1, loaded: Mutex::new(vec![model]), loading: Mutex::default() }
    }

    /// Names of the models that are loaded.
    pub fn names(&self) -> Vec<String> {
        self.lock().iter().map(|model| model.name().to_owned()).collect()
    }

    /// The model when it is loaded.
    pub(crate) fn loaded(&self, name: &str, digest: &str) -> Option<Arc<dyn Model>> {
        let mut loaded = self.lock();
        let at = loaded.iter().position(|model| model.name() == name && model.digest() == digest)?;
        let model = loaded.remove(at);
        loaded.push(model.clone());
        Some(model)
    }

    /// Drops what must go before another model fits.
    fn make_room(&self) {
        let mut loaded = self.lock();
        let surplus = (loaded.len() + 1).saturating_sub(self.most);
        loaded.drain(..surplus);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<dyn Model>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Packs for Shelf {
    /// What is installed, and not what is loaded, says which version a name stands for now.
    fn card(&self, name: &str) -> Result<PackCard> {
        match &self.packs {
            Some(packs) => packs.card(name),
            None => self
                .lock()
                .iter()
                .find(|model| model.name() == name)
                .map(|model| PackCard::of(model.as_ref()))
                .ok_or_else(|| Error::order(format!("there is no model pack {name} here"))),
        }
    }

    fn check(&self, pack: &PackCard, settings: &Settings) -> Result<()> {
        match (self.loaded(&pack.name, &pack.digest), &self.packs) {
            (None, Some(packs)) => packs.check(pack, settings),
            (Some(model), _) => model.check(settings),
            (None, None) => self.load(&pack.name, &pack.digest)?.check(settings),
        }
    }

    fn find_faces(&self, pack: &PackCard, picture: &Picture) -> Result<FaceSearch> {
        match (self.loaded(&pack.name, &pack.digest), &self.packs) {
            (None, Some(packs)) => packs.find_faces(pack, picture),
            (Some(model), _) => model.find_faces(picture),
            (None, None) => self.load(&pack.name, &pack.digest)?.find_faces(picture),
        }
    }

    /// Blocks while the model is loaded, also for others who want one.
    fn load(&self, name: &str, digest: &str) -> Result<Arc<dyn Model>> {
        if let Some(model) = self.loaded(name, digest) {
            return Ok(model);
        }
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = self.loaded(name, digest) {
            return Ok(model);
        }
        let Some(packs) = &self.packs else {
            let here: Vec<String> =
                self.lock().iter().map(|model| format!("{} ({})", model.name(), model.digest())).collect();
            return Err(Error::world(format!(
                "the task needs the model pack {name} ({digest}), and {} is open here",
                here.join(", ")
            ))
            .mend("open the pack that the job was submitted with"));
        };
        // A wrong version is found out before anything that works is dropped.
        let card = packs.card(name)?;
        if card.digest != digest {
            let message = format!(
                "another version of the model pack {name} is installed here: {} instead of {digest}",
                card.digest
            );
            return Err(Error::world(message)
                .mend("install the version that the job was submitted with, or submit the job again"));
        }
        self.make_room();
        let model = packs.load(name, digest)?;
        self.lock().push(model.clone());
        Ok(model)
    }
}

#[cfg(test)]
mod tests;
