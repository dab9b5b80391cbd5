//! Cuts a stream of audio features into one object for each task that renders.

use std::collections::VecDeque;

use shared::{Bundle, Error, Frames, Layout, Result, TaskId, TaskKind, Tensor, ports::ModelShape, tensor::Precision};

const TENSOR: &str = "features";

/// Name of the blob with the features of a task.
pub(crate) fn name(task: &TaskId) -> String {
    format!("features-{task}.safetensors")
}

/// The bytes of one task's features. Half precision, like everything that later tasks read: the numbers are the same on every worker.
pub(crate) fn to_bytes(features: Tensor) -> Result<Vec<u8>> {
    Bundle::of(TENSOR, features).to_bytes(Precision::Half)
}

/// Reads one task's features.
pub(crate) fn from_bundle(bundle: &Bundle) -> Result<&Tensor> {
    bundle.get(TENSOR)
}

/// Features of one task, and whose they are.
pub(crate) type Cut = (TaskId, Tensor);

/// Takes features as the encoder gives them and returns those of whole tasks, in the order in which they begin.
///
/// A task's features cover its clips, the last one filled up, and the margin on either side; beyond the edges of the
/// film the first or last row is repeated. Neighbouring chains and the bridges between them read some rows again. Only the rows
/// from the first unfinished task on are held: as many as the longest of them has, and the margins.
pub(crate) struct Cutter {
    film: u64,
    margin: u64,
    width: usize,
    /// Tasks that are not complete, and the frames that they read, margins left out.
    open: VecDeque<(TaskId, Frames)>,
    /// Rows not needed any more before `first` are gone.
    rows: Vec<f32>,
    first: u64,
}

impl Cutter {
    /// A cutter for all tasks of a film that render from features.
    pub(crate) fn new(layout: &Layout<'_>, model: &ModelShape) -> Self {
        Self {
            film: layout.shape().frames,
            margin: u64::from(model.audio_margin),
            width: model.feature_width,
            open: windows(layout, u64::from(model.clip_frames)).into(),
            rows: Vec::new(),
            first: 0,
        }
    }

    /// Takes the next rows `[n, width]` and returns the tasks that are complete with them.
    pub(crate) fn push(&mut self, features: &Tensor) -> Result<Vec<Cut>> {
        if features.shape() != [features.rows(), self.width] {
            return Err(Error::world(format!(
                "the audio encoder gave features of shape {:?} where rows of {} numbers belong",
                features.shape(),
                self.width
            )));
        }
        let room = (self.film - self.end()) as usize;
        self.rows.extend_from_slice(&features.data()[..features.rows().min(room) * self.width]);
        let mut complete = Vec::new();
        while let Some((task, frames)) = self.open.pop_front() {
            if self.end() < (frames.end + self.margin).min(self.film) {
                self.open.push_front((task, frames));
                break;
            }
            complete.push((task, self.window(frames)?));
        }
        self.forget();
        Ok(complete)
    }

    /// Whether no task needs more rows: of a retake that is so long before the film ends.
    pub(crate) fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Says that all rows were pushed.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.open.front() {
            None => Ok(()),
            Some(_) => Err(Error::world(format!(
                "the audio encoder gave features of {} frames where the film has {}",
                self.end(),
                self.film
            ))),
        }
    }

    fn end(&self) -> u64 {
        self.first + (self.rows.len() / self.width.max(1)) as u64
    }

    fn window(&self, frames: Frames) -> Result<Tensor> {
        let rows = (frames.len() + 2 * self.margin) as usize;
        let mut data = Vec::with_capacity(rows * self.width);
        for place in 0..rows as u64 {
            let frame = (frames.start + place).saturating_sub(self.margin).min(self.film - 1);
            let at = (frame - self.first) as usize * self.width;
            data.extend_from_slice(&self.rows[at..at + self.width]);
        }
        Tensor::new([rows, self.width], data)
    }

    /// Drops the rows that no later task reads.
    fn forget(&mut self) {
        // The film's last row stays: the next task may repeat it. A retake may need no more long before the film ends.
        let start = self.open.front().map_or(self.film, |(_, frames)| frames.start);
        let keep = start.saturating_sub(self.margin).min(self.end().max(1) - 1).max(self.first);
        self.rows.drain(..(keep - self.first) as usize * self.width);
        self.first = keep;
    }
}

/// The frames that each task reads features of, by their beginnings: segments in whole clips, bridges that denoise their overlaps.
fn windows(layout: &Layout<'_>, clip: u64) -> Vec<(TaskId, Frames)> {
    let whole = |frames: Frames| Frames::new(frames.start, frames.start + frames.len().div_ceil(clip) * clip);
    let segments = (0..layout.chains()).flat_map(|chain| layout.segments(chain));
    let bridges = (0..layout.chains() - 1).filter_map(|seam| layout.bridge(seam)).filter(|_| layout.denoises_bridges());
    let window = |kind: TaskKind| Some((TaskId::of(&kind), kind.frames()?, matches!(kind, TaskKind::Bridge { .. })));
    let all = segments.chain(bridges).filter_map(window);
    let mut windows: Vec<_> =
        all.map(|(task, frames, bridge)| (task, if bridge { frames } else { whole(frames) })).collect();
    windows.sort_by_key(|(_, frames)| frames.start);
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Cuts, Join, Shape};

    const WIDTH: usize = 2;

    fn model(margin: u32) -> ModelShape {
        ModelShape {
            clip_frames: 4,
            motion_frames: 1,
            audio_margin: margin,
            feature_width: WIDTH,
            image_size: 64,
            latent: [1, 1, 1],
        }
    }

    fn row(frame: u64) -> [f32; WIDTH] {
        [frame as f32, 0.5 - frame as f32]
    }

    /// The features of every task, straight from the definition.
    fn expected(layout: &Layout<'_>, margin: u64) -> Vec<(String, Vec<f32>)> {
        let last = layout.shape().frames - 1;
        let window = |kind: TaskKind| {
            let frames = kind.frames().unwrap();
            let clips = if let TaskKind::Bridge { .. } = kind { frames.len() } else { frames.len().div_ceil(4) * 4 };
            let place = |i: u64| (frames.start + i).saturating_sub(margin).min(last);
            let rows = (0..clips + 2 * margin).flat_map(|i| row(place(i))).collect();
            (frames.start, TaskId::of(&kind).to_string(), rows)
        };
        let segments = (0..layout.chains()).flat_map(|chain| layout.segments(chain));
        let bridges = (0..layout.chains() - 1).filter_map(|seam| layout.bridge(seam));
        let mut all: Vec<_> = segments.chain(bridges).map(window).collect();
        all.sort_by_key(|(start, ..)| *start);
        all.into_iter().map(|(_, task, rows)| (task, rows)).collect()
    }

    /// Pushes a film in pieces and compares everything that comes out.
    fn cut(shape: Shape, cuts: &Cuts, margin: u32, piece: u64) {
        let layout = Layout::new(shape, cuts).unwrap();
        let mut cutter = Cutter::new(&layout, &model(margin));
        let longest = shape.segment_frames().max(2 * u64::from(cuts.reach));
        let mut got = Vec::new();
        for run in Frames::new(0, shape.frames).pieces(piece) {
            let data: Vec<f32> = (run.start..run.end).flat_map(row).collect();
            got.extend(cutter.push(&Tensor::new([run.len() as usize, WIDTH], data).unwrap()).unwrap());
            let held = cutter.rows.len() as u64 / WIDTH as u64;
            assert!(held <= longest + 2 * u64::from(margin) + piece, "{held} rows are held");
        }
        cutter.finish().unwrap();
        let got: Vec<_> = got.into_iter().map(|(task, rows)| (task.to_string(), rows.data().to_vec())).collect();
        assert_eq!(got, expected(&layout, u64::from(margin)), "{shape:?}, {cuts:?}, margin {margin}");
    }

    #[test]
    fn any_stream_gives_the_same_windows_in_bounded_memory() {
        for (frames, clips, margin, piece) in
            [(1, 1, 0, 1), (1, 2, 3, 1), (50, 2, 2, 1), (50, 2, 2, 7), (50, 2, 2, 50), (49, 3, 5, 4), (8, 1, 9, 3)]
        {
            let shape = Shape { frames, clip_frames: 4, segment_clips: clips, part_segments: 1 };
            cut(shape, &Cuts::default(), margin, piece);
        }
    }

    #[test]
    fn chains_and_bridges_read_some_rows_again_in_bounded_memory() {
        for (frames, clips, margin, piece) in [(50, 2, 2, 1), (50, 1, 0, 7), (400, 5, 3, 3), (400, 5, 3, 400)] {
            let shape = Shape { frames, clip_frames: 4, segment_clips: clips, part_segments: 1 };
            let seams: Vec<u64> = (10..frames - 4).step_by(13).collect();
            cut(shape, &Cuts::at(seams.clone(), Join::Bridge, 4), margin, piece);
            cut(shape, &Cuts { reach: 9, ..Cuts::at(vec![15, 37], Join::Bridge, 4) }, margin, piece);
            cut(shape, &Cuts::at(seams, Join::Cut, 4), margin, piece);
        }
    }

    #[test]
    fn a_film_whose_sides_are_faded_needs_no_features_for_it() {
        let shape = Shape { frames: 50, clip_frames: 4, segment_clips: 2, part_segments: 1 };
        let cuts = Cuts::at(vec![20], Join::Blend, 4);
        let mut cutter = Cutter::new(&Layout::new(shape, &cuts).unwrap(), &model(1));
        let all = Tensor::new([50, WIDTH], (0..50).flat_map(row).collect::<Vec<_>>()).unwrap();
        let tasks: Vec<_> = cutter.push(&all).unwrap().into_iter().map(|(task, _)| task.to_string()).collect();
        assert!(tasks.len() == 8 && !tasks.iter().any(|task| task.starts_with("bridge")), "{tasks:?}");
    }

    #[test]
    fn too_few_rows_are_found_out_and_too_many_do_no_harm() {
        let shape = Shape { frames: 9, clip_frames: 4, segment_clips: 1, part_segments: 1 };
        let cuts = Cuts::default();
        let layout = Layout::new(shape, &cuts).unwrap();
        let rows = |n: u64| Tensor::new([n as usize, WIDTH], (0..n).flat_map(row).collect::<Vec<_>>()).unwrap();
        let mut short = Cutter::new(&layout, &model(2));
        assert_eq!(short.push(&rows(8)).unwrap().len(), 1);
        assert!(short.finish().unwrap_err().to_string().contains("8 frames where the film has 9"));
        let mut long = Cutter::new(&layout, &model(2));
        assert_eq!(long.push(&rows(20)).unwrap().len(), 3);
        assert!(long.push(&rows(1)).unwrap().is_empty());
        long.finish().unwrap();
        let mut narrow = Cutter::new(&layout, &model(2));
        assert!(narrow.push(&Tensor::new([1, 1], vec![0.0]).unwrap()).is_err());
    }
}
