//! What happened in a simulation.

use std::{sync::Arc, time::Duration};

use shared::{TaskKind, Timestamp, ports::records::kind_name};

use super::graph::Graph;

/// An attempt at a task, from when its worker took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// Which film.
    pub film: u32,
    /// Place of the task in the film's plan.
    pub task: u32,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// The worker's place, from 0; stitchers come after the workers.
    pub place: u32,
    /// When the task became ready for this attempt.
    pub ready: Timestamp,
    /// When it was taken.
    pub taken: Timestamp,
    /// When it was done, or its worker was lost.
    pub ended: Timestamp,
    /// Milliseconds of it that were for nothing: all that a lost worker had not kept.
    pub wasted_ms: i64,
    /// Whether the task was done.
    pub done: bool,
}

/// A worker's time on the farm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its place.
    pub place: u32,
    /// When it began.
    pub from: Timestamp,
    /// When it was lost, or the simulation ended.
    pub to: Timestamp,
    /// Whether it was lost.
    pub lost: bool,
}

/// Worker-milliseconds of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Of workers that were there.
    pub live: i64,
    /// At work.
    pub busy: i64,
    /// Without work while a task of the lane was ready that no coordinator had released.
    pub unreleased: i64,
    /// Without work while a task of the lane was released that nobody had taken.
    pub unheard: i64,
}

/// A film as it was made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) graph: Arc<Graph>,
    pub(super) arrived: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) failed: bool,
}

/// What happened.
#[derive(Debug)]
pub struct Record {
    /// Every attempt, by its end.
    pub spells: Vec<Spell>,
    /// Every worker.
    pub lives: Vec<Life>,
    /// When the first film was ordered.
    pub began: Timestamp,
    /// When the last film was done.
    pub ended: Timestamp,
    /// Worker-time by lane: render, stitch.
    pub spent: [Spent; 2],
    /// Workers of each lane.
    pub workers: [u32; 2],
    /// Rounds of releases, those of sweeps among them.
    pub rounds: u64,
    /// Processor time of the coordinator: rounds and sweeps with the ledger's part of them, nothing else.
    pub scheduler: Duration,
    pub(super) films: Vec<Made>,
}

impl Record {
    /// How many films were ordered.
    pub fn films(&self) -> usize {
        self.films.len()
    }

    /// What the task of a spell makes.
    pub fn kind(&self, spell: &Spell) -> Option<&TaskKind> {
        Some(&self.films.get(spell.film as usize)?.graph.tasks.get(spell.task as usize)?.kind)
    }

    /// The name of the kind of a spell's task.
    pub fn kind_name(&self, spell: &Spell) -> &'static str {
        self.kind(spell).map_or("", kind_name)
    }

    /// How many frames a film has.
    pub fn frames(&self, film: usize) -> u64 {
        self.films.get(film).map_or(0, |made| made.graph.frames)
    }

    /// When a film was ordered and when it was done.
    pub fn film(&self, film: usize) -> Option<(Timestamp, Option<Timestamp>)> {
        self.films.get(film).map(|made| (made.arrived, made.ended))
    }
}
