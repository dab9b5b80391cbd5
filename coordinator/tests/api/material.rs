//! Files to order films from, and a pack that has only sizes.

use std::{path::Path, sync::Arc};

use shared::{
    Picture, Result,
    face::FaceSearch,
    job::Settings,
    ports::{Model, ModelShape, PackCard, Packs},
};

/// One pack, called `sizes`.
pub(crate) struct OnePack;

impl Packs for OnePack {
    fn card(&self, name: &str) -> Result<PackCard> {
        assert_ne!(name, "panics", "asked to");
        if name == "slow" {
            std::thread::sleep(std::time::Duration::from_millis(400));
        }
        if !matches!(name, "sizes" | "slow") {
            return Err(shared::Error::order(format!("no pack {name} in /private/packs")));
        }
        let shape = ModelShape {
            clip_frames: 4,
            motion_frames: 2,
            audio_margin: 1,
            feature_width: 1,
            image_size: 64,
            latent: [1, 1, 1],
        };
        Ok(PackCard { name: name.into(), digest: "22".repeat(32), shape })
    }

    fn load(&self, name: &str, _: &str) -> Result<Arc<dyn Model>> {
        Err(shared::Error::world(format!("{name} has no weights: the coordinator must not load any")))
    }

    fn check(&self, _: &PackCard, settings: &Settings) -> Result<()> {
        settings.refuse_masks("sizes")
    }

    fn find_faces(&self, _: &PackCard, _: &Picture) -> Result<FaceSearch> {
        Ok(FaceSearch::NoDetector)
    }
}

/// A portrait of 80 x 96 pixels as PNG; other tints are other portraits.
pub(crate) fn portrait(tint: u8) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::from_fn(80, 96, |x, y| image::Rgb([x as u8, y as u8, tint]));
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// A track of so many samples at 8000 a second as WAV.
pub(crate) fn track(samples: u32) -> Vec<u8> {
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
    header.concat().into_iter().chain(data).collect()
}

/// A part of three frames, red, green and blue, 64 pixels wide.
pub(crate) fn part(path: &Path) {
    let spec = media::film::PartSpec::new(64, 64, shared::Fps::PAL);
    let mut writer = media::film::PartWriter::create(path, spec).unwrap();
    for channel in 0..3 {
        let mut picture = shared::Picture::black(64, 64);
        picture.data_mut().iter_mut().skip(channel).step_by(3).for_each(|byte| *byte = 200);
        writer.write(&picture).unwrap();
    }
    writer.finish().unwrap();
}
