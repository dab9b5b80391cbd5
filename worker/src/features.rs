//! Cuts a stream of audio features into one object for each segment.

use shared::{Bundle, Error, Frames, Result, Shape, Tensor, ports::ModelShape, tensor::Precision};

const TENSOR: &str = "features";

/// Name of the blob with the features of segment `index`.
pub(crate) fn name(index: u32) -> String {
    format!("features-{index:05}.safetensors")
}

/// The bytes of one segment's features. Half precision, like everything that later tasks read: the numbers are the same on every worker.
pub(crate) fn to_bytes(features: Tensor) -> Result<Vec<u8>> {
    Bundle::of(TENSOR, features).to_bytes(Precision::Half)
}

/// Reads one segment's features.
pub(crate) fn from_bundle(bundle: &Bundle) -> Result<&Tensor> {
    bundle.get(TENSOR)
}

/// Takes features as the encoder gives them and returns those of whole segments.
///
/// A segment's features cover its clips, the last one filled up, and the margin on either side; beyond the edges of the
/// film the first or last row is repeated. Only the rows of one segment and its margins are held.
pub(crate) struct Cutter {
    film: u64,
    clip: u64,
    margin: u64,
    width: usize,
    segments: std::iter::Enumerate<std::vec::IntoIter<Frames>>,
    next: Option<(usize, Frames)>,
    /// Rows not needed any more before `first` are gone.
    rows: Vec<f32>,
    first: u64,
}

impl Cutter {
    /// A cutter for the segments of a film.
    pub(crate) fn new(shape: Shape, model: &ModelShape) -> Self {
        let segments: Vec<_> = Frames::new(0, shape.frames).pieces(shape.segment_frames()).collect();
        let mut segments = segments.into_iter().enumerate();
        Self {
            film: shape.frames,
            clip: u64::from(shape.clip_frames),
            margin: u64::from(model.audio_margin),
            width: model.feature_width,
            next: segments.next(),
            segments,
            rows: Vec::new(),
            first: 0,
        }
    }

    /// Takes the next rows `[n, width]` and returns the segments that are complete with them.
    pub(crate) fn push(&mut self, features: &Tensor) -> Result<Vec<(u32, Tensor)>> {
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
        while let Some((index, frames)) = self.next.filter(|(_, frames)| self.end() >= self.last_needed(*frames)) {
            complete.push((index as u32, self.window(frames)?));
            self.next = self.segments.next();
            self.forget();
        }
        Ok(complete)
    }

    /// Says that all rows were pushed.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.next {
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

    /// The segment with its last clip filled up.
    fn whole_clips(&self, frames: Frames) -> Frames {
        Frames::new(frames.start, frames.start + frames.len().div_ceil(self.clip) * self.clip)
    }

    fn last_needed(&self, frames: Frames) -> u64 {
        (self.whole_clips(frames).end + self.margin).min(self.film)
    }

    fn window(&self, frames: Frames) -> Result<Tensor> {
        let clips = self.whole_clips(frames);
        let rows = (clips.len() + 2 * self.margin) as usize;
        let mut data = Vec::with_capacity(rows * self.width);
        for place in 0..rows as u64 {
            let frame = (clips.start + place).saturating_sub(self.margin).min(self.film - 1);
            let at = (frame - self.first) as usize * self.width;
            data.extend_from_slice(&self.rows[at..at + self.width]);
        }
        Tensor::new([rows, self.width], data)
    }

    /// Drops the rows that no later segment reads.
    fn forget(&mut self) {
        let Some((_, frames)) = self.next else { return };
        // The film's last row stays: the next segment may repeat it.
        let keep = frames.start.saturating_sub(self.margin).min(self.film - 1).max(self.first);
        self.rows.drain(..(keep - self.first) as usize * self.width);
        self.first = keep;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// The features of every segment, straight from the definition.
    fn expected(shape: Shape, margin: u64) -> Vec<(u32, Vec<f32>)> {
        let segments = Frames::new(0, shape.frames).pieces(shape.segment_frames());
        let window = |(index, frames): (usize, Frames)| {
            let clips = frames.len().div_ceil(4) * 4;
            let place = |i: u64| (frames.start + i).saturating_sub(margin).min(shape.frames - 1);
            (index as u32, (0..clips + 2 * margin).flat_map(|i| row(place(i))).collect())
        };
        segments.enumerate().map(window).collect()
    }

    #[test]
    fn any_stream_gives_the_same_windows_in_bounded_memory() {
        for (frames, clips, margin, piece) in
            [(1, 1, 0, 1), (1, 2, 3, 1), (50, 2, 2, 1), (50, 2, 2, 7), (50, 2, 2, 50), (49, 3, 5, 4), (8, 1, 9, 3)]
        {
            let shape = Shape { frames, clip_frames: 4, segment_clips: clips, part_segments: 1 };
            let mut cutter = Cutter::new(shape, &model(margin));
            let mut got = Vec::new();
            for run in Frames::new(0, frames).pieces(piece) {
                let data: Vec<f32> = (run.start..run.end).flat_map(row).collect();
                got.extend(cutter.push(&Tensor::new([run.len() as usize, WIDTH], data).unwrap()).unwrap());
                let held = cutter.rows.len() as u64 / WIDTH as u64;
                assert!(held <= shape.segment_frames() + 2 * u64::from(margin) + piece, "{held} rows are held");
            }
            cutter.finish().unwrap();
            let got: Vec<_> = got.iter().map(|(index, tensor)| (*index, tensor.data().to_vec())).collect();
            assert_eq!(got, expected(shape, u64::from(margin)), "{frames} frames, {clips} clips, margin {margin}");
        }
    }

    #[test]
    fn too_few_rows_are_found_out_and_too_many_do_no_harm() {
        let shape = Shape { frames: 9, clip_frames: 4, segment_clips: 1, part_segments: 1 };
        let rows = |n: u64| Tensor::new([n as usize, WIDTH], (0..n).flat_map(row).collect::<Vec<_>>()).unwrap();
        let mut short = Cutter::new(shape, &model(2));
        assert_eq!(short.push(&rows(8)).unwrap().len(), 1);
        assert!(short.finish().unwrap_err().to_string().contains("8 frames where the film has 9"));
        let mut long = Cutter::new(shape, &model(2));
        assert_eq!(long.push(&rows(20)).unwrap().len(), 3);
        assert!(long.push(&rows(1)).unwrap().is_empty());
        long.finish().unwrap();
        let mut narrow = Cutter::new(shape, &model(2));
        assert!(narrow.push(&Tensor::new([1, 1], vec![0.0]).unwrap()).is_err());
    }
}
