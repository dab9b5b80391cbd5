//! Each exact saving against the plain form, on the published toy weights. Rows are those of the table in `docs/network.md`.

use candle_core::Tensor;

use super::{TOY, error, film, numbers, pack, speech};
use crate::{
    hallo::{
        denoiser::{ClipLayer, Denoiser, Steady, SteadyLayer},
        plain,
        reading::{self, Side, Tokens},
        reference::ReferenceNet,
        region::Masks,
    },
    kernels::meter::{Counts, measure},
    net::face_locator,
    pack::hallo::{Branches, HalloConfig},
};
use shared::job::{MotionHandoff, ReferenceReading};

/// Rounding of single precision, and nothing else, lies between both forms.
const LIMIT: f64 = 1e-5;

/// Both forms of the denoiser, and what they are told.
struct Both {
    config: HalloConfig,
    ours: Denoiser,
    plain: plain::Denoiser,
    given: plain::Conditions,
    /// Pixels and channels of each attention.
    sizes: Vec<(usize, usize)>,
}

impl Both {
    fn load() -> Self {
        let pack = pack();
        let config = pack.config.clone();
        let ours = Denoiser::load(&pack.network().unwrap().root().at("denoising_unet"), &config).unwrap();
        let plain = plain::Denoiser::load(&pack.network().unwrap().root().at("denoising_unet"), &config).unwrap();
        let latent = config.latent_size();
        let sizes: Vec<_> = ours.map_sizes(latent).collect();
        let maps = |n: usize, seed: u64| -> Vec<Tensor> {
            let map =
                |(i, (pixels, channels)): (usize, &(usize, usize))| numbers(&[n, *pixels, *channels], seed + i as u64);
            sizes.iter().enumerate().map(map).collect()
        };
        let mask =
            |level: usize| numbers(&[(latent >> level).pow(2), 3], level as u64).abs().unwrap().clamp(0f32, 1f32);
        let frames = config.clip.frames;
        let given = plain::Conditions {
            bank: maps(2, 100),
            motion: maps(config.clip.motion_frames, 200)
                .into_iter()
                .zip(maps(config.clip.motion_frames, 300))
                .map(|(a, b)| [a, b])
                .collect(),
            face: numbers(&[2, config.face.tokens, config.unet.cross_attention_dim], 1),
            audio: numbers(&[frames, config.audio.tokens, config.audio.token_dim], 2),
            masks: (0..config.unet.channels.len()).map(|level| mask(level).unwrap()).collect(),
            branches: Branches { pose: 0.7, face: 1.3, lip: 1.1 },
            locator: numbers(&[1, latent, latent, config.unet.channels[0]], 3).repeat((frames, 1, 1, 1)).unwrap(),
        };
        Self { config, ours, plain, given, sizes }
    }

    /// What both sides of our form are told.
    fn sides(&self) -> [(Steady, Vec<ClipLayer>); 2] {
        let (given, ours) = (&self.given, &self.ours);
        let regions = ours.regions(&Masks::of_levels(given.masks.clone()), given.branches).unwrap();
        let banks = ours.banks(&given.bank).unwrap();
        let audio = ours.audio(&given.audio).unwrap();
        [0, 1].map(|side| {
            let seeing = side == 1;
            let faces = ours.faces(&given.face.narrow(0, side, 1).unwrap()).unwrap();
            let motion: Vec<Tensor> = given.motion.iter().map(|sides| sides[side].clone()).collect();
            let layers = faces.into_iter().zip(&regions).zip(&banks);
            let layers = layers
                .map(|((face, region), bank)| SteadyLayer {
                    bank: seeing.then(|| bank.clone()),
                    face,
                    region: region.clone(),
                })
                .collect();
            let clip = ours.motion(&motion).unwrap().into_iter().zip(&audio);
            let clip = clip.map(|(motion, audio)| ClipLayer { audio: seeing.then(|| audio.clone()), motion }).collect();
            let locator = seeing.then(|| given.locator.narrow(0, 0, 1).unwrap());
            (Steady { locator, layers }, clip)
        })
    }

    /// Maps of an attention for `n` frames.
    fn maps(&self, place: usize, n: usize) -> Tensor {
        let (pixels, channels) = self.sizes[place];
        let edge = pixels.isqrt();
        numbers(&[n, edge, edge, channels], 40 + place as u64)
    }
}

#[test]
fn rows_1_to_7_a_whole_step_is_the_plain_one() {
    let both = Both::load();
    let latent = both.config.latent_size();
    let noisy = numbers(&[both.config.clip.frames, latent, latent, both.config.vae.latent_channels], 9);
    let plain = both.plain.forward(&noisy, 749, &both.given).unwrap();
    let ours = both.sides().map(|(steady, clip)| both.ours.forward(&noisy, 749, &steady, &clip).unwrap());
    let found = error(&Tensor::cat(&ours, 0).unwrap(), &plain);
    println!("a whole step: {found:.1e}");
    assert!(found < LIMIT);
}

#[test]
fn rows_1_2_and_6_spatial_transformers() {
    let both = Both::load();
    let frames = both.config.clip.frames;
    let [(blind, _), (seeing, _)] = both.sides();
    for (place, (ours, plain)) in both.ours.attentions().zip(both.plain.attentions()).enumerate() {
        let x = both.maps(place, 2 * frames);
        let expected = plain.spatial.forward(&x, &both.given.bank[place], &both.given.face).unwrap();
        let half = |side: usize| x.narrow(0, side * frames, frames).unwrap();
        let (blind, seeing) = (&blind.layers[place], &seeing.layers[place]);
        // Row 1: the blind rows attend once, to themselves. Row 2: keys and values of the bank were made beforehand.
        // Row 6: so were the products with the face tokens.
        let found = [
            ours.spatial.forward(&half(0), None, &blind.face).unwrap(),
            ours.spatial.forward(&half(1), seeing.bank.as_ref(), &seeing.face).unwrap(),
        ];
        let found = error(&Tensor::cat(&found, 0).unwrap(), &expected);
        assert!(found < LIMIT, "attention {place}: {found:.1e}");
        // The limit would find a bank read the other way round.
        let swapped = Tensor::cat(
            &[&both.given.bank[place].narrow(0, 1, 1).unwrap(), &both.given.bank[place].narrow(0, 0, 1).unwrap()],
            0,
        );
        let other = plain.spatial.forward(&x, &swapped.unwrap(), &both.given.face).unwrap();
        assert!(error(&other, &expected) > 100.0 * LIMIT);
    }
}

#[test]
fn rows_3_4_and_5_audio_layers() {
    let both = Both::load();
    let frames = both.config.clip.frames;
    let [(steady, blind), (_, seeing)] = both.sides();
    let silence = both.given.audio.zeros_like().unwrap();
    for (place, (ours, plain)) in both.ours.attentions().zip(both.plain.attentions()).enumerate() {
        let x = both.maps(place, frames);
        let masks = &both.given.masks[plain.level];
        let region = &steady.layers[place].region;
        // Row 3: attention to tokens of zeros is a constant.
        let expected = plain.audio.forward(&x, &silence, masks, both.given.branches).unwrap();
        let found = ours.audio.forward(&x, blind[place].audio.as_ref(), region).unwrap();
        assert!(error(&found, &expected) < LIMIT, "attention {place}, blind: {:.1e}", error(&found, &expected));
        // Row 4: output layer and 1x1 convolution are one matrix. Row 5: keys and values were made beforehand.
        let expected = plain.audio.forward(&x, &both.given.audio, masks, both.given.branches).unwrap();
        let found = ours.audio.forward(&x, seeing[place].audio.as_ref(), region).unwrap();
        assert!(error(&found, &expected) < LIMIT, "attention {place}: {:.1e}", error(&found, &expected));
    }
}

#[test]
fn row_7_motion_modules() {
    let both = Both::load();
    for (place, (ours, plain)) in both.ours.attentions().zip(both.plain.attentions()).enumerate() {
        let x = both.maps(place, both.config.clip.frames);
        let maps = &both.given.motion[place][0];
        let expected = plain.motion.forward(&x, maps).unwrap();
        let rows = ours.motion.rows(maps).unwrap();
        // The same rows serve every step of a clip.
        for _ in 0..2 {
            let found = error(&ours.motion.forward(&x, &rows).unwrap(), &expected);
            assert!(found < LIMIT, "attention {place}: {found:.1e}");
        }
    }
}

#[test]
fn row_8_and_9_the_reference_net_runs_on_four_motion_samples_and_stops_at_its_last_feature() {
    let pack = pack();
    let (config, root) = (&pack.config, pack.network().unwrap());
    let plain = plain::ReferenceNet::load(&root.root().at("reference_unet"), config).unwrap();
    let root = pack.network().unwrap();
    let ours = ReferenceNet::load(&root.root().at("reference_unet"), config).unwrap();
    let (latent, channels, motion) = (config.latent_size(), config.vae.latent_channels, config.clip.motion_frames);
    let images = numbers(&[motion + 1, latent, latent, channels], 5);
    let tokens = numbers(&[2, config.face.tokens, config.unet.cross_attention_dim], 6);
    // As published: every image twice, tokens in turn.
    let samples = Tensor::cat(&[&images, &images], 0).unwrap();
    let turns: Vec<Tensor> = (0..2 * (motion + 1)).map(|i| tokens.narrow(0, i % 2, 1).unwrap()).collect();
    let expected = plain.forward(&samples, &Tensor::cat(&turns, 0).unwrap()).unwrap();
    let faces = [0, 1].map(|side| ours.faces(&tokens.narrow(0, side, 1).unwrap()).unwrap());
    let portraits = [0, 1].map(|side| ours.forward(&images.narrow(0, 0, 1).unwrap(), &faces[side]).unwrap());
    let frames = [0, 1].map(|side| ours.forward(&images.narrow(0, 1, motion).unwrap(), &faces[side]).unwrap());
    let published = ReferenceReading::Published;
    assert_eq!(reading::portraits(published, config.clip.frames, motion), [Tokens::Blind, Tokens::Seeing]);
    for (place, expected) in expected.iter().enumerate() {
        let sample = |i: usize| expected.narrow(0, i, 1).unwrap();
        // The two portraits are those of the whole film.
        for (side, portrait) in portraits.iter().enumerate() {
            assert!(error(&portrait[place], &sample(side * (motion + 1))) < LIMIT, "portrait, attention {place}");
        }
        for (side, first) in [(Side::Blind, 1), (Side::Seeing, motion + 2)] {
            for (frame, tokens) in reading::motion(published, side, motion).into_iter().enumerate() {
                let found = frames[tokens as usize][place].narrow(0, frame, 1).unwrap();
                assert!(error(&found, &sample(first + frame)) < LIMIT, "{side:?} {frame}, attention {place}");
            }
        }
    }
    // Row 9: what follows the last feature costs nothing. Everything but the attentions is the same in both forms, so that the
    // cost of ours is that of the plain form with its attentions put in the place of the plain ones, and the last cut short.
    let one = images.narrow(0, 0, 1).unwrap();
    let token = tokens.narrow(0, 0, 1).unwrap();
    let cost = |run: &dyn Fn() -> candle_core::Result<()>| {
        let (done, counts) = measure(run);
        done.unwrap();
        counts.values().sum::<u64>()
    };
    let whole = cost(&|| plain.forward(&one, &token).map(drop));
    let short = cost(&|| ours.forward(&one, &faces[0]).map(drop));
    let maps: Vec<Tensor> = sizes(config)
        .iter()
        .map(|(pixels, channels)| {
            let edge = pixels.isqrt();
            numbers(&[1, edge, edge, *channels], 1)
        })
        .collect();
    let (layers, last) = ours.attentions();
    let of_plain: u64 =
        plain.attentions().zip(&maps).map(|(layer, x)| cost(&|| layer.with_feature(x, &token).map(drop))).sum();
    let of_ours: u64 = layers
        .iter()
        .zip(&maps)
        .zip(&faces[0])
        .map(|((layer, x), face)| cost(&|| layer.with_feature(x, face).map(drop)))
        .sum();
    assert_eq!(layers.len() + 1, maps.len());
    let end = cost(&|| last.forward(&maps[layers.len()]).map(drop));
    assert_eq!(short, whole - of_plain + of_ours + end);
}

/// Pixels and channels of each attention's maps.
fn sizes(config: &HalloConfig) -> Vec<(usize, usize)> {
    TOY.1.denoiser.map_sizes(config.latent_size()).collect()
}

#[test]
fn row_10_and_11_copies_of_a_picture_are_encoded_and_located_alike() {
    let (config, network) = &*TOY;
    let size = config.picture.size;
    let picture = numbers(&[1, size, size, 3], 7);
    let motion = config.clip.motion_frames;
    let once = network.vae.encode(&picture).unwrap();
    let often = network.vae.encode(&picture.repeat((motion + 1, 1, 1, 1)).unwrap()).unwrap();
    for copy in 0..=motion {
        assert!(error(&once, &often.narrow(0, copy, 1).unwrap()) < LIMIT);
    }
    let region = numbers(&[1, size, size, 3], 8);
    let once = network.face_locator.forward(&region).unwrap();
    let often = network.face_locator.forward(&region.repeat((config.clip.frames, 1, 1, 1)).unwrap()).unwrap();
    assert!(error(&once.repeat((config.clip.frames, 1, 1, 1)).unwrap(), &often) < LIMIT);
}

#[test]
fn row_8_10_and_11_a_clip_pays_for_no_portrait_and_no_face_map() {
    let (config, network) = &*TOY;
    let film = film(config, network, MotionHandoff::Pixels, 3.5);
    let (n, edge, channels) = (config.clip.motion_frames, config.latent_size(), config.vae.latent_channels);
    let total = |counts: &Counts| counts.values().sum::<u64>();
    // Row 10: a first clip starts from the portrait's latent, which the film has; a later one decodes and encodes its motion
    // frames and nothing else.
    let (start, free) = measure(|| film.motion(network, None).unwrap());
    assert_eq!(total(&free), 0, "{free:?}");
    let before = numbers(&[n, edge, edge, channels], 2);
    let (_, handed) = measure(|| film.motion(network, Some(&before)).unwrap());
    let (_, round) = measure(|| network.vae.encode(&network.vae.decode(&before).unwrap()).unwrap());
    assert_eq!(handed, round);
    // Row 8: two passes of the ReferenceNet over the motion frames, one for each kind of face tokens. Their products with face
    // tokens were made with the film. Row 11: the Face Locator is not among the parts.
    let heard = speech(config, 5);
    let ((tokens, _), given) = measure(|| {
        let tokens = network.audio.forward(&heard).unwrap();
        (tokens.clone(), film.conditions(network, &tokens, &start).unwrap())
    });
    let (_, audio) = measure(|| network.audio.forward(&heard).unwrap());
    let (_, keys) = measure(|| network.denoiser.audio(&tokens).unwrap());
    let face = numbers(&[1, config.face.tokens, config.unet.cross_attention_dim], 6);
    let faces = network.reference.faces(&face).unwrap();
    let (features, pass) = measure(|| network.reference.forward(&start, &faces).unwrap());
    let (_, rows) = measure(|| network.denoiser.motion(&features).unwrap());
    assert!(total(&pass) > 0 && total(&keys) > 0 && total(&rows) > 0);
    assert_eq!(total(&given), total(&audio) + total(&keys) + 2 * total(&pass) + 2 * total(&rows));
    assert!(!given.contains_key(face_locator::PART), "{given:?}");
    // The measure sees a Face Locator where one runs.
    let (_, located) = measure(|| network.face_locator.forward(&numbers(&[1, 64, 64, 3], 3)).unwrap());
    assert!(located[face_locator::PART] > 0);
}

#[test]
fn residual_blocks_have_the_epsilon_of_the_sizes() {
    let pack = pack();
    let features = |eps: f64| {
        let mut config = pack.config.clone();
        config.unet.norm_eps = eps;
        let net = pack.network().unwrap();
        let reference = ReferenceNet::load(&net.root().at("reference_unet"), &config).unwrap();
        let tokens = numbers(&[1, config.face.tokens, config.unet.cross_attention_dim], 6);
        let (edge, channels) = (config.latent_size(), config.vae.latent_channels);
        let latents = numbers(&[1, edge, edge, channels], 5);
        reference.forward(&latents, &reference.faces(&tokens).unwrap()).unwrap()
    };
    let [usual, same, other] = [1e-5, 1e-5, 0.1].map(features);
    assert!(error(&same[0], &usual[0]) == 0.0);
    assert!(error(&other[0], &usual[0]) > 1e-3);
}
