//! The tiny network, its inputs and its golden outputs.

use std::{collections::BTreeMap, path::PathBuf};

use candle_core::{Device, Tensor};
use shared::Bundle;

use crate::{
    kernels::Form,
    net::Network,
    pack::{manifest::Manifest, weights::Weights},
};

/// Largest relative error (norm of the difference over norm of the golden values) that passes, and where numbers have 8 bits.
const LIMITS: [f64; 2] = [1e-4, 2e-2];

pub(crate) struct Fixtures {
    tensors: BTreeMap<String, shared::Tensor>,
    pub(crate) manifest: Manifest,
    pub(crate) network: Network,
    limit: f64,
}

/// The folder of this test.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity")
}

/// The manifest of the tiny network, with `[pack]` and checksums.
pub(crate) fn manifest_text(checksum: &str) -> String {
    let sizes = std::fs::read_to_string(folder().join("model.toml")).unwrap();
    format!(
        "[pack]\nname = \"tiny\"\nversion = \"1\"\nfamily = \"emo\"\nlicence = \"Apache-2.0\"\n\
         description = \"random weights\"\n\n[checksums]\n\"model.safetensors\" = \"{checksum}\"\n\n{sizes}"
    )
}

/// The tensors whose names begin with `weights.`, as a safetensors file of a pack.
pub(crate) fn weights_file() -> Vec<u8> {
    let bytes = std::fs::read(folder().join("fixtures.safetensors")).unwrap();
    let all = Bundle::from_bytes(&bytes).unwrap();
    let weights = all.tensors.into_iter().filter_map(|(name, t)| Some((name.strip_prefix("weights.")?.to_owned(), t)));
    let weights = Bundle { tensors: weights.collect(), ..Bundle::default() };
    weights.to_bytes(shared::tensor::Precision::Single).unwrap()
}

impl Fixtures {
    pub(crate) fn load() -> Self {
        Self::load_in(Form::Exact)
    }

    /// The tiny network in every form that this machine has.
    pub(crate) fn in_every_form() -> impl Iterator<Item = Self> {
        Form::all().into_iter().map(Self::load_in)
    }

    fn load_in(form: Form) -> Self {
        println!("{}:", form.name());
        let limit = LIMITS[usize::from(form.is_short())];
        let bytes = std::fs::read(folder().join("fixtures.safetensors")).unwrap();
        let manifest = Manifest::parse(&manifest_text(&"0".repeat(64)), "model.toml").unwrap();
        let file = tempfile::Builder::new().suffix(".safetensors").tempfile().unwrap();
        std::fs::write(file.path(), weights_file()).unwrap();
        let network = Network::load(&manifest, Weights::open(file.path()).unwrap().computed(form)).unwrap();
        Self { tensors: Bundle::from_bytes(&bytes).unwrap().tensors, manifest, network, limit }
    }

    /// The tensor `name`, as stored.
    pub(crate) fn raw(&self, name: &str) -> &shared::Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("no fixture {name}"))
    }

    /// The tensor `name` in candle, as stored.
    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        let raw = self.raw(name);
        Tensor::from_slice(raw.data(), raw.shape(), &Device::Cpu).unwrap()
    }

    /// The maps `name`, stored `[n, c, h, w]`, as `[n, h, w, c]`.
    pub(crate) fn maps(&self, name: &str) -> Tensor {
        last(&self.tensor(name))
    }

    /// Names of all golden tensors.
    pub(crate) fn golden(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().filter_map(|name| name.strip_prefix("golden."))
    }

    /// Compares `found` (in `PyTorch`'s layout) with `golden.case`; prints a line of the table.
    pub(crate) fn compare(&self, case: &str, found: &Tensor) {
        let golden = self.raw(&format!("golden.{case}"));
        assert_eq!(found.elem_count(), golden.data().len(), "{case}: {:?} for {:?}", found.dims(), golden.shape());
        let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
        let distance = norm(&mut found.iter().zip(golden.data()).map(|(a, b)| f64::from(a - b)));
        let size = norm(&mut golden.data().iter().map(|x| f64::from(*x)));
        println!("{case:24} {:24} relative error {:.2e}", format!("{:?}", golden.shape()), distance / size);
        assert!(distance <= self.limit * size, "{case}: relative error {:.2e}", distance / size);
    }

    /// As [`Self::compare`], for maps `[n, h, w, c]`.
    pub(crate) fn compare_maps(&self, case: &str, found: &Tensor) {
        self.compare(case, &found.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap());
    }
}

/// `[n, c, h, w]` to `[n, h, w, c]`.
pub(crate) fn last(x: &Tensor) -> Tensor {
    x.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap()
}

/// Rows `[f, width]` with `margin` copies of the first and last row before and after.
pub(crate) fn with_margin(rows: &Tensor, margin: usize) -> Tensor {
    let count = rows.dim(0).unwrap();
    let (first, end) = (rows.narrow(0, 0, 1).unwrap(), rows.narrow(0, count - 1, 1).unwrap());
    let mut parts = vec![first; margin];
    parts.push(rows.clone());
    parts.extend(vec![end; margin]);
    Tensor::cat(&parts, 0).unwrap()
}
