//! `POST /v1/estimate`: how much work a film would be.

use axum::{Json, extract::State};
use shared::{
    Name, Plan, Shape,
    seams::{self, Score},
};

use crate::{
    api::{
        accept::card,
        caller::Caller,
        extract::Strict,
        farm::Shared,
        problem::{Answer, Problem},
        wire::{
            estimate::{EstimateAsk, EstimateBody},
            order::OrderBody,
        },
    },
    estimate::{Rates, estimate},
};

/// The longest track that is estimated: a day.
const LONGEST: f64 = 86_400.0;

/// Estimates a film by the length of its track; nothing is kept. A submission answers with the same for the real track.
#[utoipa::path(
    post, path = "/v1/estimate", tag = "jobs", request_body = EstimateAsk,
    responses((status = 200, description = "The work", body = EstimateBody))
)]
pub(crate) async fn ask(
    State(farm): Shared,
    caller: Caller,
    Strict(ask): Strict<EstimateAsk>,
) -> Answer<Json<EstimateBody>> {
    if !(ask.seconds > 0.0 && ask.seconds <= LONGEST) {
        return Err(Problem::field("seconds", format!("a track of {} s", ask.seconds))
            .mend("give more than 0 and at most 86400"));
    }
    let EstimateAsk { seconds, model, fps, segment_clips, part_segments, continuity, chain_seconds, join, pool } = ask;
    let order = OrderBody {
        model,
        fps,
        segment_clips,
        part_segments,
        continuity,
        chain_seconds,
        join,
        pool,
        ..OrderBody::default()
    };
    let ordered = order.read(&farm.settings, &caller.tenant)?;
    let card = card(&farm, &ordered.model).await?;
    // Milliseconds are finer than any track's end matters.
    let shape = Shape {
        frames: ordered.wishes.fps.frames_covering((seconds * 1000.0).ceil() as u64, 1000),
        clip_frames: card.shape.clip_frames,
        segment_clips: ordered.wishes.segment_clips,
        part_segments: ordered.wishes.part_segments,
    };
    // Without a track there are no pauses: seams are laid at even distances, as many as there will be.
    let (fps, cutting) = (ordered.wishes.fps, ordered.wishes.cutting);
    let seams = seams::lay(cutting, &Score { shape, fps, pauses: None, shots: &[] });
    let seams = seams.map_err(|error| Problem::from(error).said_of_fields())?;
    let plan = Plan::cut(shape, &seams::cuts(&seams, cutting, &shape))?;
    let pool: &Name = &ordered.terms.pool;
    let rates = Rates::of(&farm.rates().await?, &card.name, pool);
    Ok(Json(EstimateBody::new(&estimate(&plan, &rates), fps, Some(cutting.continuity))))
}
