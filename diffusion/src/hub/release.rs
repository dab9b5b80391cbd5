//! The releases that can be pulled, each file by name: what the network does not need is not fetched.

use std::fmt::Write as _;

use crate::pack::hallo::{OPENRAIL, RESEARCH};

/// A release on the hub.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// Its name here, and of the pack that it becomes.
    pub name: &'static str,
    /// Its repository on the hub, `owner/name`.
    pub repository: &'static str,
    /// One line.
    pub description: &'static str,
    /// What is fetched.
    pub files: &'static [ReleaseFile],
}

/// A file of a release.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseFile {
    /// Its path in the repository, which is its path below `pretrained_models` too.
    pub path: &'static str,
    /// SPDX expression.
    pub licence: &'static str,
    /// Whose work it is.
    pub author: &'static str,
}

const UNET: ReleaseFile = ReleaseFile {
    path: "stable-diffusion-v1-5/unet/config.json",
    licence: OPENRAIL,
    author: "Stable Diffusion 1.5 (sizes only; its weights are not fetched)",
};
const VAE_SIZES: ReleaseFile =
    ReleaseFile { path: "sd-vae-ft-mse/config.json", licence: "MIT", author: "stabilityai/sd-vae-ft-mse" };
const VAE: ReleaseFile = ReleaseFile { path: "sd-vae-ft-mse/diffusion_pytorch_model.safetensors", ..VAE_SIZES };
const SPEECH_SIZES: ReleaseFile = ReleaseFile {
    path: "wav2vec/wav2vec2-base-960h/config.json",
    licence: "Apache-2.0",
    author: "facebook/wav2vec2-base-960h",
};
const SPEECH: ReleaseFile = ReleaseFile { path: "wav2vec/wav2vec2-base-960h/model.safetensors", ..SPEECH_SIZES };
const DETECTOR: ReleaseFile = ReleaseFile {
    path: "face_analysis/models/scrfd_10g_bnkps.onnx",
    licence: RESEARCH,
    author: "insightface (non-commercial research only)",
};
const EMBEDDING: ReleaseFile = ReleaseFile { path: "face_analysis/models/glintr100.onnx", ..DETECTOR };

const HALLO: Release = Release {
    name: "hallo",
    repository: "fudan-generative-ai/hallo",
    description: "Hallo v1 (arXiv 2406.08801): a photograph talks; 512 x 512, 25 fps",
    files: &[
        UNET,
        VAE_SIZES,
        SPEECH_SIZES,
        ReleaseFile { path: "hallo/net.pth", licence: "MIT", author: "fudan-generative-ai/hallo" },
        VAE,
        SPEECH,
        DETECTOR,
        EMBEDDING,
    ],
};

const HALLO2: Release = Release {
    name: "hallo2",
    repository: "fudan-generative-ai/hallo2",
    description: "Hallo2 (arXiv 2410.07718): the same network, its motion modules trained again for long films",
    files: &[
        UNET,
        VAE_SIZES,
        SPEECH_SIZES,
        ReleaseFile { path: "hallo2/net.pth", licence: "MIT", author: "fudan-generative-ai/hallo2" },
        VAE,
        SPEECH,
        DETECTOR,
        EMBEDDING,
    ],
};

/// All of them.
pub fn releases() -> &'static [Release] {
    &[HALLO, HALLO2]
}

/// The release called `name`.
pub fn release(name: &str) -> Option<&'static Release> {
    releases().iter().find(|release| release.name == name)
}

impl Release {
    /// The release without the files that are for research only: the face models, without which it works too.
    #[must_use]
    pub fn without_face_models(self) -> Self {
        // They stand behind all others.
        let end = self.files.iter().position(|file| file.licence == RESEARCH).unwrap_or(self.files.len());
        Self { files: &self.files[..end], ..self }
    }

    /// What one agrees to by using it: each licence with the files under it.
    pub fn licence_text(&self) -> String {
        let mut licences: Vec<&str> = self.files.iter().map(|file| file.licence).collect();
        licences.sort_unstable();
        licences.dedup();
        let mut text = format!("{} from {}:\n", self.description, self.repository);
        for licence in licences {
            let _ = writeln!(text, "\n  {licence}: {}", terms(licence));
            for file in self.files.iter().filter(|file| file.licence == licence) {
                let _ = writeln!(text, "    {}  ({})", file.path, file.author);
            }
        }
        text
    }
}

/// What a licence asks for, in a line, and where its text stands.
fn terms(licence: &str) -> &'static str {
    match licence {
        "MIT" => "use and change it freely, keep its notice (https://spdx.org/licenses/MIT)",
        "Apache-2.0" => "use and change it freely, keep its notices (https://www.apache.org/licenses/LICENSE-2.0)",
        OPENRAIL => {
            "free use with restrictions on purpose: no harm, no deception (https://huggingface.co/spaces/CompVis/stable-diffusion-license)"
        }
        _ => {
            "for non-commercial research only (https://github.com/deepinsight/insightface#license); --without-face-models \
             leaves these two files out: a face box is then given by hand, or a permissively licensed detector put in their place"
        }
    }
}
