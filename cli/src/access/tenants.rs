//! Tenants and what they are entitled to.

use serde_json::json;
use shared::{Clock as _, Result, clock::SystemClock, ports::schedule::Tenant};

use super::{ledger, who};
use crate::{
    args::access::{Limit, SetTenantArgs, TenantArgs, TenantCommand},
    exit,
    output::Table,
    runtime,
    settings::Settings,
};

/// Makes, changes or lists tenants.
pub(crate) fn run(args: &TenantArgs, settings: &Settings, json: bool) -> Result<u8> {
    runtime::client(async {
        let ledger = ledger(settings).await?;
        let tenants = match &args.command {
            TenantCommand::Set(args) => {
                let before = ledger.tenant(&args.name).await?;
                let tenant = changed(before.unwrap_or_else(|| Tenant::unlimited(args.name.clone())), args);
                ledger.set_tenant(&tenant, &who(), SystemClock.now()).await?;
                vec![tenant]
            }
            TenantCommand::List => ledger.tenants().await?,
        };
        if json {
            say!("{:#}", json!({ "ok": true, "tenants": tenants }));
        } else if tenants.is_empty() {
            say!("no tenants: everybody works as \"default\", without limits");
        } else {
            show(&tenants);
        }
        Ok(exit::DONE)
    })
}

/// What is not given stays as it was.
fn changed(mut tenant: Tenant, args: &SetTenantArgs) -> Tenant {
    tenant.weight = args.weight.unwrap_or(tenant.weight);
    tenant.highest_priority = args.highest_priority.unwrap_or(tenant.highest_priority);
    tenant.most_at_once = args.most_at_once.map_or(tenant.most_at_once, Limit::into_option);
    tenant.longest_film = args.longest_film.map_or(tenant.longest_film, Limit::into_option);
    tenant.most_jobs = args.most_jobs.map_or(tenant.most_jobs, Limit::into_option);
    tenant
}

fn show(tenants: &[Tenant]) {
    let mut table =
        Table::new(&["tenant", "weight", "tasks at once", "highest priority", "longest film", "jobs at once"]);
    let or_none = |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
    for tenant in tenants {
        table.row([
            tenant.name.to_string(),
            tenant.weight.to_string(),
            or_none(tenant.most_at_once.map(u64::from)),
            tenant.highest_priority.to_string(),
            tenant.longest_film.map_or_else(|| "no limit".to_owned(), |seconds| format!("{seconds} s")),
            or_none(tenant.most_jobs.map(u64::from)),
        ]);
    }
    table.say();
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Name;

    #[test]
    fn what_is_not_given_stays_and_none_takes_a_limit_away() {
        let name: Name = "studio".parse().unwrap();
        let before = Tenant { weight: 3, most_jobs: Some(5), most_at_once: Some(2), ..Tenant::unlimited(name.clone()) };
        let args = SetTenantArgs {
            name,
            weight: None,
            most_at_once: Some(Limit::None),
            highest_priority: None,
            longest_film: Some(Limit::Of(600)),
            most_jobs: None,
        };
        let after = changed(before, &args);
        assert_eq!(
            (after.weight, after.most_jobs, after.most_at_once, after.longest_film),
            (3, Some(5), None, Some(600))
        );
    }
}
