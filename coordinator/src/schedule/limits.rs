//! How many tasks of a job and of a tenant may be under way.

use std::collections::BTreeMap;

use shared::{
    JobId, Name,
    ports::schedule::{Candidate, View},
};

/// Tasks under way, against what is allowed.
pub(crate) struct Limits {
    of_tenants: BTreeMap<Name, u32>,
    tenants: BTreeMap<Name, u32>,
    jobs: BTreeMap<JobId, u32>,
}

impl Limits {
    pub(crate) fn of(view: &View) -> Self {
        let limited = |tenant: &shared::ports::schedule::Tenant| Some((tenant.name.clone(), tenant.most_at_once?));
        let of_tenants = view.tenants.iter().filter_map(limited).collect();
        let mut limits = Self { of_tenants, tenants: BTreeMap::new(), jobs: BTreeMap::new() };
        for alike in &view.under_way {
            limits.add(&alike.job, &alike.tenant, alike.tasks);
        }
        limits
    }

    /// Whether one more task may be under way.
    pub(crate) fn allow(&self, candidate: &Candidate) -> bool {
        let below = |count: Option<&u32>, most: Option<u32>| most.is_none_or(|most| count.copied().unwrap_or(0) < most);
        below(self.jobs.get(&candidate.key.job), candidate.most_of_job)
            && below(self.tenants.get(&candidate.tenant), self.of_tenants.get(&candidate.tenant).copied())
    }

    /// Counts a release at once.
    pub(crate) fn count(&mut self, candidate: &Candidate) {
        self.add(&candidate.key.job, &candidate.tenant, 1);
    }

    fn add(&mut self, job: &JobId, tenant: &Name, tasks: u32) {
        *self.jobs.entry(job.clone()).or_default() += tasks;
        *self.tenants.entry(tenant.clone()).or_default() += tasks;
    }
}
