//! Whether a tenant may have another running job.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, Weak},
};

use shared::{Name, ports::schedule::Tenant};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    code::Code,
    farm::Farm,
    problem::{Answer, Problem},
};

/// One at a time for each tenant, and no tenant waits for another.
#[derive(Default)]
pub(crate) struct Admission {
    tenants: std::sync::Mutex<BTreeMap<Name, Weak<Mutex<()>>>>,
}

/// Held while the number of a tenant's running jobs is checked and grows.
pub(crate) type Place = OwnedMutexGuard<()>;

impl Admission {
    async fn alone(&self, tenant: &Name) -> Place {
        let lock = {
            let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
            tenants.retain(|_, lock| lock.strong_count() > 0);
            let known = tenants.get(tenant).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::new(Mutex::new(()));
                tenants.insert(tenant.clone(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

impl Farm {
    /// A place for another running job of the tenant, to be held until the job runs. Within one coordinator the count is exact; two may
    /// each let one job too many in at the same moment.
    pub(crate) async fn admit(&self, tenant: &Tenant) -> Answer<Option<Place>> {
        let Some(most) = tenant.most_jobs else { return Ok(None) };
        let place = self.gates.admission.alone(&tenant.name).await;
        if self.ledger().running(&tenant.name).await? >= u64::from(most) {
            let detail = format!("the tenant {} may have {most} running jobs and has them", tenant.name);
            return Err(Problem::new(Code::TooManyJobs, detail).retry_after(60));
        }
        Ok(Some(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_tenant_waits_for_itself_and_for_nobody_else() {
        let (admission, soon) = (Admission::default(), Duration::from_millis(50));
        let [anna, bert] = ["anna", "bert"].map(|name| name.parse::<Name>().unwrap());
        let first = admission.alone(&anna).await;
        assert!(timeout(soon, admission.alone(&anna)).await.is_err(), "one at a time");
        drop(timeout(soon, admission.alone(&bert)).await.expect("another tenant"));
        drop(first);
        drop(timeout(soon, admission.alone(&anna)).await.expect("the place is free again"));
        drop(admission.alone(&bert).await);
        assert_eq!(admission.tenants.lock().unwrap().len(), 1, "only what is held is remembered");
    }
}
