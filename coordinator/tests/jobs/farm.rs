//! Files to order a film from, a model that only has sizes, and stores.

use std::path::PathBuf;

use coordinator::Wishes;
use shared::{
    Bundle, Fps, Portrait, Result,
    job::Settings,
    ports::{AudioEncoder, Model, ModelShape, Renderer, Stores},
    seams::Cutting,
};
use stores::Urls;

/// Sizes; the coordinator asks for nothing else.
pub(crate) struct Sizes;

impl Model for Sizes {
    fn name(&self) -> &'static str {
        "sizes"
    }

    fn digest(&self) -> &'static str {
        "digest of the pack"
    }

    fn shape(&self) -> ModelShape {
        ModelShape {
            clip_frames: 4,
            motion_frames: 2,
            audio_margin: 1,
            feature_width: 1,
            image_size: 64,
            latent: [1, 1, 1],
        }
    }

    fn audio_encoder(&self, _: Fps) -> Box<dyn AudioEncoder> {
        unreachable!("the coordinator encodes nothing")
    }

    fn prepare(&self, _: &Portrait, _: &Settings) -> Result<Bundle> {
        unreachable!("the coordinator prepares nothing")
    }

    fn renderer(&self, _: &Bundle, _: &Settings, _: u64) -> Result<Box<dyn Renderer>> {
        unreachable!("the coordinator renders nothing")
    }
}

/// Stores and files in a temporary directory.
pub(crate) struct Farm {
    pub(crate) stores: Stores,
    dir: tempfile::TempDir,
}

impl Farm {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let blobs = format!("file://{}", dir.path().join("blobs").display());
        let urls = Urls { ledger: "sqlite::memory:".into(), queue: "memory:".into(), blobs };
        Self { stores: stores::open(&urls).await.unwrap(), dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A portrait of 80 x 96 pixels.
    pub(crate) fn portrait(&self) -> PathBuf {
        let path = self.path("face.png");
        image::RgbImage::from_fn(80, 96, |x, y| image::Rgb([x as u8, y as u8, 9])).save(&path).unwrap();
        path
    }

    /// A track of so many samples at 8000 a second.
    pub(crate) fn track(&self, samples: u32) -> PathBuf {
        let path = self.path("speech.wav");
        let header: [&[u8]; 12] = [
            b"RIFF",
            &(36 + samples * 2).to_le_bytes(),
            b"WAVEfmt ",
            &16_u32.to_le_bytes(),
            &1_u16.to_le_bytes(),
            &1_u16.to_le_bytes(),
            &8000_u32.to_le_bytes(),
            &16_000_u32.to_le_bytes(),
            &2_u16.to_le_bytes(),
            &16_u16.to_le_bytes(),
            b"data",
            &(samples * 2).to_le_bytes(),
        ];
        let data = (0..samples).flat_map(|i| ((i % 100) as i16 * 100).to_le_bytes());
        std::fs::write(&path, header.concat().into_iter().chain(data).collect::<Vec<u8>>()).unwrap();
        path
    }
}

pub(crate) fn wishes() -> Wishes {
    Wishes {
        fps: Fps::PAL,
        seed: 7,
        segment_clips: 2,
        part_segments: 2,
        cutting: Cutting::default(),
        shots: None,
        settings: Settings::default(),
    }
}
