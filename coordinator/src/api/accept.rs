//! From an order that came in to a job in the ledger.

use std::sync::Arc;

use shared::{
    Error, Terms,
    ports::{Job, PackCard, Submitted, access::Role, schedule::Tenant},
};

use super::{
    caller::Caller,
    code::Code,
    farm::Farm,
    intake::{File, Part, fetch},
    problem::{Answer, Problem},
    routes::submit::Received,
    wire::{
        chains::SeamBody,
        estimate::EstimateBody,
        job::{AcceptedBody, JobBody},
        order::{OrderBody, Ordered},
    },
};
use crate::{
    Draft,
    draft::draft_for,
    estimate,
    remarks::for_the_api,
    submit::{keep_inputs, submit_kept},
};

/// Checks everything, then keeps the inputs and records the job.
pub(crate) async fn accept(
    farm: &Arc<Farm>,
    caller: &Caller,
    mut received: Received<OrderBody>,
) -> Answer<AcceptedBody> {
    let ordered = received.body.read(&farm.settings, &caller.tenant)?;
    let tenant = tenant_of(farm, caller, &ordered.terms).await?;
    let card = card(farm, &ordered.model).await?;
    for (part, source) in [(Part::Portrait, &received.body.portrait), (Part::Audio, &received.body.audio)] {
        let slot = received.files.slot(part);
        match (slot.is_some(), source) {
            (true, None) => {}
            (false, Some(source)) => {
                *slot = Some(fetch(source, part, &ordered.terms.tenant, &received.scratch, &farm.settings).await?);
            }
            (true, Some(_)) => return Err(Problem::field(part.name(), format!("the {} came twice", part.name()))),
            (false, None) => {
                return Err(Problem::field(part.name(), format!("the order has no {}", part.name()))
                    .mend("give its uri, or upload it in a form"));
            }
        }
    }
    let drafted = draft(farm, &received, &ordered, card).await?;
    let private = [Part::Portrait, Part::Audio].map(|part| received.scratch.private(part));
    let taken = take_in(farm, caller, &ordered.terms, &tenant, &drafted, "job.submit").await;
    taken.map_err(|problem| private.iter().fold(problem, |problem, dir| problem.without(dir)))
}

/// Keeps the inputs and records the job, for a caller who does `act`.
pub(crate) async fn take_in(
    farm: &Arc<Farm>,
    caller: &Caller,
    terms: &Terms,
    tenant: &Tenant,
    drafted: &Draft,
    act: &str,
) -> Answer<AcceptedBody> {
    if let Some(longest) = tenant.longest_film.filter(|longest| drafted.order.seconds() > *longest as f64) {
        let detail = format!("the film has {:.1} s, and the tenant may order {longest} s", drafted.order.seconds());
        return Err(Problem::new(Code::FilmTooLong, detail).mend("cut the track into several jobs"));
    }
    let new = record(farm, terms, tenant, drafted).await?;
    if new {
        farm.wake().await;
        caller.did(farm, &terms.tenant, act, drafted.id.as_str()).await;
        metrics::counter!("emofarm_jobs_submitted_total", "tenant" => terms.tenant.to_string()).increment(1);
    }
    answer(farm, drafted, new).await
}

/// The tenant that the order is for, if the caller may order for it and it may order so.
pub(crate) async fn tenant_of(farm: &Farm, caller: &Caller, terms: &Terms) -> Answer<Tenant> {
    if terms.tenant != caller.tenant && caller.role < Role::Operator {
        return Err(Problem::new(Code::Forbidden, "only operators order for other tenants"));
    }
    if farm.settings.consent_required && terms.consent.is_none() {
        return Err(Problem::new(Code::ConsentRequired, "the order does not say why the portrait may be used")
            .mend("add consent with kind and reference"));
    }
    let tenant = farm.ledger().tenant(&terms.tenant).await?;
    let tenant = tenant.unwrap_or_else(|| Tenant::unlimited(terms.tenant.clone()));
    if terms.priority > tenant.highest_priority {
        let detail =
            format!("the priority is {}, and the tenant may order up to {}", terms.priority, tenant.highest_priority);
        return Err(Problem::new(Code::PriorityTooHigh, detail));
    }
    Ok(tenant)
}

/// The card of a pack; reading it blocks.
pub(crate) async fn card(farm: &Farm, model: &str) -> Answer<PackCard> {
    let (packs, name) = (farm.packs.clone(), model.to_owned());
    let card = tokio::task::spawn_blocking(move || packs.card(&name)).await;
    let card = card.map_err(|e| Error::world("reading a model pack broke").from_source(e))?;
    card.map_err(|error| {
        // Where packs are looked for is the operator's business.
        tracing::info!(%error, model, "an order names a pack that cannot be used");
        Problem::field("model", format!("there is no usable model pack \"{model}\" on this farm"))
    })
}

/// Measures and checks both files, off the runtime.
async fn draft(farm: &Farm, received: &Received<OrderBody>, ordered: &Ordered, card: PackCard) -> Answer<Draft> {
    let path = |file: &Option<File>| file.as_ref().map(|file| file.path.clone()).unwrap_or_default();
    let (portrait, audio) = (path(&received.files.portrait), path(&received.files.audio));
    let (wishes, tenant, packs) = (ordered.wishes.clone(), ordered.terms.tenant.clone(), farm.packs.clone());
    let work =
        tokio::task::spawn_blocking(move || draft_for([&portrait, &audio], &wishes, packs.as_ref(), &card, &tenant));
    let drafted = work.await.map_err(|e| Error::world("work on an order broke").from_source(e))?;
    drafted.map_err(|error| {
        let problem = Problem::from(error).said_of_fields();
        let private = [Part::Portrait, Part::Audio].map(|part| received.scratch.private(part));
        private.iter().fold(problem, |problem, dir| problem.without(dir))
    })
}

/// Keeps the inputs, then records the job unless the tenant has too many; whether it is new.
async fn record(farm: &Farm, terms: &Terms, tenant: &Tenant, draft: &Draft) -> Answer<bool> {
    // Not to copy gigabytes for nothing. The place is given back: copying them must keep nobody waiting.
    if farm.ledger().job(&draft.id).await?.is_none() {
        drop(farm.admit(tenant).await?);
    }
    keep_inputs(draft, farm.stores.blobs.as_ref()).await?;
    let _place = match farm.ledger().job(&draft.id).await? {
        None => farm.admit(tenant).await?,
        Some(_) => None,
    };
    let submission = submit_kept(draft, terms, farm.ledger(), farm.clock.as_ref()).await?;
    Ok(submission.submitted == Submitted::New)
}

async fn answer(farm: &Farm, draft: &Draft, new: bool) -> Answer<AcceptedBody> {
    let job = farm.ledger().job(&draft.id).await?;
    let job = job.ok_or_else(|| Error::world(format!("job {} is not in the ledger", draft.id)))?;
    let progress = farm.ledger().progress(&draft.id).await?;
    let estimate = estimate_of(farm, draft, &job).await?;
    let remarks = draft.remarks.iter().map(|remark| for_the_api(remark)).collect();
    let seams = draft.seams.iter().map(|seam| SeamBody::new(seam, draft.order.fps)).collect();
    Ok(AcceptedBody { new, job: JobBody::new(&job, &progress), estimate, seams, remarks })
}

async fn estimate_of(farm: &Farm, draft: &Draft, job: &Job) -> Answer<EstimateBody> {
    let Draft { order, plan, continuity, .. } = draft;
    let rates = estimate::Rates::of(&farm.rates().await?, &order.model, &job.terms.pool);
    Ok(EstimateBody::new(&estimate::estimate(plan, &rates), order.fps, *continuity))
}
