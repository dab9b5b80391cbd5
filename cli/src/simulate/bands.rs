//! How many workers were at what, in every column of a chart.

use coordinator::simulate::{Record, Spell};
use shared::{TaskKind, Timestamp};

/// What a worker can be at, from the bottom of the chart upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Band {
    Prepare,
    Segment,
    Bridge,
    Part,
    Film,
    Lost,
}

impl Band {
    pub(super) const ALL: [Self; 6] = [Self::Prepare, Self::Segment, Self::Bridge, Self::Part, Self::Film, Self::Lost];

    /// What a spell was.
    pub(super) fn of(record: &Record, spell: &Spell) -> Self {
        match record.kind(spell) {
            _ if !spell.done => Self::Lost,
            None | Some(TaskKind::Prepare) => Self::Prepare,
            Some(TaskKind::Segment { .. }) => Self::Segment,
            Some(TaskKind::Bridge { .. }) => Self::Bridge,
            Some(TaskKind::Part { .. }) => Self::Part,
            Some(TaskKind::Film) => Self::Film,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Segment => "segments",
            Self::Bridge => "bridges",
            Self::Part => "parts",
            Self::Film => "film",
            Self::Lost => "lost",
        }
    }

    /// What frames are once a task of this kind has made them.
    pub(super) fn made(self) -> Option<[u8; 3]> {
        match self {
            Self::Segment | Self::Bridge => Some(RENDERED),
            Self::Part => Some(ENCODED),
            Self::Prepare | Self::Film | Self::Lost => None,
        }
    }

    pub(super) fn colour(self) -> [u8; 3] {
        match self {
            Self::Prepare => [128, 90, 170],
            Self::Segment => [58, 118, 186],
            Self::Bridge => [240, 150, 30],
            Self::Part => [72, 160, 96],
            Self::Film => [30, 60, 50],
            Self::Lost => [208, 52, 52],
        }
    }
}

/// Frames that are rendered and not encoded yet.
pub(super) const RENDERED: [u8; 3] = [205, 221, 240];

/// Frames that are encoded.
pub(super) const ENCODED: [u8; 3] = [206, 233, 213];

/// Mean numbers of workers in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Column {
    /// By [`Band::ALL`].
    pub(super) busy: [f64; 6],
    pub(super) live: f64,
}

/// The mean numbers in `count` columns of equal time from the first order to the last film.
pub(super) fn columns(record: &Record, count: usize) -> Vec<Column> {
    let mut columns = vec![Column::default(); count];
    let axis =
        Axis { from: record.began.0 as f64, each: (record.ended.0 - record.began.0).max(1) as f64 / count as f64 };
    for spell in &record.spells {
        let band = Band::of(record, spell) as usize;
        axis.spread(&mut columns, spell.taken, spell.ended, |column, share| column.busy[band] += share);
    }
    for life in &record.lives {
        axis.spread(&mut columns, life.from, life.to, |column, share| column.live += share);
    }
    columns
}

struct Axis {
    from: f64,
    each: f64,
}

impl Axis {
    /// Adds to every column the share of it that lies between two moments.
    fn spread(&self, columns: &mut [Column], from: Timestamp, to: Timestamp, add: impl Fn(&mut Column, f64)) {
        let place = |at: Timestamp| ((at.0 as f64 - self.from) / self.each).clamp(0.0, columns.len() as f64);
        let (from, to) = (place(from), place(to));
        let last = (to.ceil() as usize).min(columns.len());
        for (at, column) in columns.iter_mut().enumerate().take(last).skip(from as usize) {
            add(column, (to.min(at as f64 + 1.0) - from.max(at as f64)).max(0.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_spread_over_the_columns_that_it_touches() {
        let mut columns = vec![Column::default(); 4];
        let axis = Axis { from: 1000.0, each: 10.0 };
        axis.spread(&mut columns, Timestamp(1005), Timestamp(1022), |column, share| column.live += share);
        axis.spread(&mut columns, Timestamp(0), Timestamp(1001), |column, share| column.live += share);
        axis.spread(&mut columns, Timestamp(1039), Timestamp(2000), |column, share| column.live += share);
        let live: Vec<f64> = columns.iter().map(|column| (column.live * 100.0).round() / 100.0).collect();
        assert_eq!(live, [0.6, 1.0, 0.2, 0.1]);
    }
}
