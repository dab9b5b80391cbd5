//! What the handlers work with.

use std::sync::Arc;

use shared::{
    Clock, Result, Timestamp,
    ports::{Books, Packs, Stores, records::Rate},
};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::{
    admission::Admission,
    code::Code,
    door::Door,
    overview::Overview,
    problem::{Answer, Problem},
    settings::Settings,
};

/// The ports of the API.
#[derive(Clone)]
pub struct Ports {
    /// Ledger, queue and blobs.
    pub stores: Stores,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The model packs that orders may name.
    pub packs: Arc<dyn Packs>,
    /// What the operator decided.
    pub settings: Settings,
}

/// The farm as the handlers see it; one for each API, shared by all requests.
pub(crate) struct Farm {
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) packs: Arc<dyn Packs>,
    pub(crate) settings: Settings,
    /// Who is answered while there is no token.
    pub(crate) door: Arc<Door>,
    pub(crate) gates: Gates,
    rates: Mutex<Option<(Timestamp, Arc<Vec<Rate>>)>>,
    overview: Mutex<Option<Arc<Overview>>>,
}

/// Rates change slowly and cost the ledger a look at many attempts: for so long they are not asked for again.
const RATES_LAST: std::time::Duration = std::time::Duration::from_secs(5);

/// What handlers share.
pub(crate) type Shared = axum::extract::State<Arc<Farm>>;

impl Farm {
    pub(crate) fn new(ports: Ports, door: Door) -> Self {
        let Ports { stores, clock, packs, settings } = ports;
        let gates = Gates::new(&settings.limits);
        let (rates, overview, door) = (Mutex::new(None), Mutex::new(None), Arc::new(door));
        Self { stores, clock, packs, settings, door, gates, rates, overview }
    }

    pub(crate) fn ledger(&self) -> &dyn Books {
        self.stores.ledger.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How fast tasks were done lately, at most five seconds old.
    pub(crate) async fn rates(&self) -> Result<Arc<Vec<Rate>>> {
        let mut kept = self.rates.lock().await;
        if let Some((_, rates)) = kept.as_ref().filter(|(at, _)| self.now().since(*at) < RATES_LAST) {
            return Ok(rates.clone());
        }
        let rates = Arc::new(self.ledger().rates().await?);
        *kept = Some((self.now(), rates.clone()));
        Ok(rates)
    }

    /// What the farm looks like, counted at most once in [`Limits::overview`](super::settings::Limits::overview) however many ask:
    /// counting costs more the more tasks wait.
    pub(crate) async fn overview(&self) -> Result<Arc<Overview>> {
        let mut kept = self.overview.lock().await;
        let young = |overview: &&Arc<Overview>| self.now().since(overview.at) < self.settings.limits.overview;
        if let Some(overview) = kept.as_ref().filter(young) {
            return Ok(overview.clone());
        }
        let overview = Arc::new(Overview::take(self).await?);
        *kept = Some(overview.clone());
        Ok(overview)
    }

    /// A directory for files in the making; it goes when it is dropped.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir> {
        let unusable = |e| shared::Error::world("scratch space cannot be used").from_source(e);
        std::fs::create_dir_all(&self.settings.scratch).map_err(unusable)?;
        tempfile::tempdir_in(&self.settings.scratch).map_err(unusable)
    }

    /// Tells the coordinators that something changed. The ledger knows it already, so a bell that is down only costs time.
    pub(crate) async fn wake(&self) {
        if let Err(error) = self.stores.queue.wake().await {
            tracing::warn!(%error, "the coordinators could not be woken and will look by themselves");
        }
    }
}

/// How many may do costly things at once.
pub(crate) struct Gates {
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) admission: Admission,
}

impl Gates {
    fn new(limits: &super::settings::Limits) -> Self {
        let gate = |n| Arc::new(Semaphore::new(n));
        Self {
            requests: gate(limits.requests),
            uploads: gate(limits.uploads),
            streams: gate(limits.streams),
            admission: Admission::default(),
        }
    }

    /// A place, or the refusal to wait for one.
    pub(crate) fn pass(gate: &Arc<Semaphore>, what: &str) -> Answer<OwnedSemaphorePermit> {
        Arc::clone(gate)
            .try_acquire_owned()
            .map_err(|_| Problem::new(Code::Busy, format!("too many {what} at once")).retry_after(1))
    }
}
