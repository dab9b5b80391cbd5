//! Whose turn it is: max-min fairness over tasks under way, by weight.

use std::{cmp::Ordering, collections::BTreeMap};

use shared::{
    Name,
    ports::schedule::{Tenant, View},
    task::Lane,
};

/// What each tenant has under way in each lane.
pub(crate) struct Shares {
    weights: BTreeMap<Name, u32>,
    under_way: BTreeMap<(Lane, Name), u64>,
    moment: u64,
}

impl Shares {
    pub(crate) fn of(view: &View) -> Self {
        let weights = view.tenants.iter().map(|tenant| (tenant.name.clone(), tenant.weight.max(1))).collect();
        let mut shares = Self { weights, under_way: BTreeMap::new(), moment: view.now.0 as u64 };
        for alike in &view.under_way {
            shares.count(alike.demand.lane, &alike.tenant, alike.tasks);
        }
        shares
    }

    /// Counts tasks at once, so that the next turn sees them.
    pub(crate) fn count(&mut self, lane: Lane, tenant: &Name, tasks: u32) {
        *self.under_way.entry((lane, tenant.clone())).or_default() += u64::from(tasks);
    }

    /// Of `tenants` the one with the least under way for its weight. Among equals a lot is drawn, by weight and anew in every round: with
    /// more tenants than workers nobody is always last.
    pub(crate) fn next<'a>(&self, lane: Lane, tenants: impl Iterator<Item = &'a Name>) -> Option<Name> {
        let turn = |name: &'a Name| {
            let weight = self.weights.get(name).copied().unwrap_or_else(|| Tenant::unlimited(name.clone()).weight);
            let under_way = self.under_way.get(&(lane, name.clone())).copied().unwrap_or(0);
            Turn { under_way, weight, lot: self.lot(lane, name, under_way) / f64::from(weight), name }
        };
        tenants.map(turn).min_by(Turn::compare).map(|turn| turn.name.clone())
    }

    /// An exponential waiting time: of several, each divided by its weight, the shortest falls to a tenant with a
    /// chance proportional to its weight (Efraimidis and Spirakis, Information Processing Letters 97, 2006).
    fn lot(&self, lane: Lane, name: &Name, under_way: u64) -> f64 {
        let text = format!("{} {} {name} {under_way}", self.moment, lane.name());
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        // FNV-1a mixes its upper bits badly: the finaliser of SplitMix64 does it.
        let mut z = hash;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let share = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        -(1.0 - share).ln()
    }
}

/// One tenant's claim to be next.
struct Turn<'a> {
    under_way: u64,
    weight: u32,
    lot: f64,
    name: &'a Name,
}

impl Turn<'_> {
    /// Ratios are compared exactly, by cross multiplication.
    fn compare(&self, other: &Self) -> Ordering {
        let mine = u128::from(self.under_way) * u128::from(other.weight);
        let theirs = u128::from(other.under_way) * u128::from(self.weight);
        mine.cmp(&theirs).then(self.lot.total_cmp(&other.lot)).then_with(|| self.name.cmp(other.name))
    }
}
