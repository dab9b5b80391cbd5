//! Whole pickles, and those that are not what they should be.

mod bounds;

use std::{
    io::{Seek as _, Write as _},
    path::Path,
};

use safetensors::Dtype;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{index, opcode};
use crate::pack::{hallo::HalloPack, weights::Weights};
use shared::{Verdict, digest::Digest};

/// Writes pickles instruction by instruction, and archives around them.
pub(crate) struct Saved {
    pickle: Vec<u8>,
    storages: Vec<(String, Vec<u8>)>,
}

impl Saved {
    /// An empty dictionary, still open.
    pub(crate) fn new() -> Self {
        Self { pickle: vec![opcode::PROTO, 2, opcode::EMPTY_DICT, opcode::MARK], storages: Vec::new() }
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.pickle.extend(bytes);
        self
    }

    fn text(&mut self, text: &str) {
        self.pickle.push(opcode::BINUNICODE);
        self.pickle.extend((text.len() as u32).to_le_bytes());
        self.pickle.extend(text.as_bytes());
    }

    fn int(&mut self, number: i64) {
        self.pickle.extend([opcode::LONG1, 8]);
        self.pickle.extend(number.to_le_bytes());
    }

    fn row(&mut self, numbers: &[i64]) {
        self.pickle.push(opcode::MARK);
        for number in numbers {
            self.int(*number);
        }
        self.pickle.push(opcode::TUPLE);
    }

    /// A tensor over a storage of its own.
    pub(crate) fn tensor(self, name: &str, kind: &str, shape: &[i64], strides: &[i64], bytes: &[u8]) -> Self {
        let size = if kind == "FloatStorage" { 4 } else { 2 };
        let key = self.storages.len().to_string();
        self.tensor_at(name, kind, &key, (bytes.len() / size) as i64, 0, shape, strides).storage(&key, bytes)
    }

    fn storage(mut self, key: &str, bytes: &[u8]) -> Self {
        self.storages.push((key.into(), bytes.to_vec()));
        self
    }

    #[allow(clippy::too_many_arguments)] // A tensor has as many parts.
    pub(crate) fn tensor_at(
        mut self,
        name: &str,
        kind: &str,
        key: &str,
        numbers: i64,
        offset: i64,
        shape: &[i64],
        strides: &[i64],
    ) -> Self {
        self.text(name);
        self.pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n(");
        self.pickle.push(opcode::MARK);
        self.text("storage");
        self.pickle.extend(format!("ctorch\n{kind}\n").as_bytes());
        self.text(key);
        self.text("cpu");
        self.int(numbers);
        self.pickle.extend([opcode::TUPLE, opcode::BINPERSID]);
        self.int(offset);
        self.row(shape);
        self.row(strides);
        self.pickle.push(opcode::NEWFALSE);
        self.raw(b"ccollections\nOrderedDict\n)RtR")
    }

    /// Ends the dictionary.
    pub(crate) fn close(self) -> Self {
        self.raw(&[opcode::SETITEMS, opcode::STOP])
    }

    /// The pickle alone, for whoever writes the storages.
    pub(crate) fn pickle(self) -> Vec<u8> {
        self.pickle
    }

    /// The archive as PyTorch lays it out.
    pub(crate) fn write(self, path: &Path) {
        let entries: Vec<_> = [("data.pkl".to_owned(), self.pickle), ("byteorder".into(), b"little".to_vec())]
            .into_iter()
            .chain(self.storages.into_iter().map(|(key, bytes)| (format!("data/{key}"), bytes)))
            .collect();
        archive(path, CompressionMethod::Stored, &entries);
    }
}

fn archive(path: &Path, method: CompressionMethod, entries: &[(String, Vec<u8>)]) {
    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in entries {
        zip.start_file(format!("net/{name}"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// What is said of a file that is not taken.
fn complaint(saved: Saved) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    saved.write(&path);
    complaint_of(&path)
}

fn complaint_of(path: &Path) -> String {
    let error = Weights::open(path).err().expect("it must be refused");
    assert_eq!(error.verdict(), Verdict::Fail);
    assert!(error.mending().is_some());
    let error = error.to_string();
    assert!(error.contains("net.pth"), "{error}");
    error
}

#[test]
fn tensors_come_as_they_were_saved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    let numbers = [1.0f32, -2.0, 3.5, 0.25, 8.0, 6.0];
    let bf16: Vec<u8> = numbers.iter().flat_map(|x| half::bf16::from_f32(*x).to_le_bytes()).collect();
    let half: Vec<u8> = numbers.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect();
    Saved::new()
        .tensor("rows", "FloatStorage", &[2, 3], &[3, 1], &floats(&numbers))
        .tensor("columns", "BFloat16Storage", &[3, 2], &[1, 3], &bf16)
        .tensor("half", "HalfStorage", &[6], &[1], &half)
        .tensor("one", "HalfStorage", &[], &[], &half[..2])
        .tensor("none", "HalfStorage", &[0, 3], &[3, 1], &[])
        // Two tensors over one storage, as tied weights are saved.
        .tensor_at("tail", "FloatStorage", "0", 6, 4, &[2], &[1])
        .close()
        .write(&path);
    let weights = Weights::open(&path).unwrap();
    let take = |name: &str, shape: &[usize]| weights.root().take(name, shape).unwrap();
    assert_eq!(take("rows", &[2, 3]), numbers);
    assert_eq!(take("columns", &[3, 2]), [1.0, 0.25, -2.0, 8.0, 3.5, 6.0]);
    assert_eq!(take("half", &[6]), numbers);
    assert_eq!(take("one", &[]), [1.0]);
    assert_eq!(take("tail", &[2]), [8.0, 6.0]);
    assert_eq!(take("none", &[0, 3]), [0.0f32; 0]);
    weights.finish().unwrap();
}

#[test]
fn a_dictionary_with_attributes_is_a_dictionary() {
    // What torch.save(module.state_dict()) makes: an OrderedDict whose attribute _metadata holds versions.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    let mut saved = Saved { pickle: b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec(), storages: Vec::new() };
    saved = saved.tensor("x", "HalfStorage", &[1], &[1], &[0, 0x3c]);
    saved = saved.raw(&[opcode::SETITEMS, opcode::EMPTY_DICT]);
    saved.text("_metadata");
    saved = saved.raw(b"ccollections\nOrderedDict\n)R");
    saved.raw(&[opcode::SETITEM, opcode::BUILD, opcode::STOP]).write(&path);
    assert_eq!(Weights::open(&path).unwrap().root().take("x", &[1]).unwrap(), [1.0]);
}

#[test]
fn nothing_of_a_pickle_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("executed");
    let command = format!("touch {}", trace.display());
    let mut call = Saved { pickle: b"\x80\x02cos\nsystem\n".to_vec(), storages: Vec::new() };
    call.text(&command);
    let error = complaint(call.raw(&[opcode::TUPLE1, opcode::REDUCE, opcode::STOP]));
    assert!(error.contains("names os.system") && error.contains("byte 2 of the pickle"), "{error}");
    let mut by_stack = Saved { pickle: vec![opcode::PROTO, 4], storages: Vec::new() };
    by_stack.text("builtins");
    by_stack.text("eval");
    let error = complaint(by_stack.raw(&[opcode::STACK_GLOBAL, opcode::STOP]));
    assert!(error.contains("names builtins.eval"), "{error}");
    let error = complaint(Saved { pickle: b"\x80\x02(S'x'\nios\nsystem\n.".to_vec(), storages: Vec::new() });
    assert!(error.contains("instruction STRING"), "{error}");
    let error = complaint(Saved { pickle: b"\x80\x02)\x81.".to_vec(), storages: Vec::new() });
    assert!(error.contains("instruction NEWOBJ"), "{error}");
    assert!(!trace.exists());
}

#[test]
fn what_is_no_dictionary_of_tensors_is_refused() {
    let broken = |pickle: &[u8]| complaint(Saved { pickle: pickle.to_vec(), storages: Vec::new() });
    for (pickle, says) in [
        (&b"\x80\x02N."[..], "no dictionary of tensors"),
        (b"\x80\x02}(X\x01\0\0\0aK\x01u.", "\"a\" is no tensor"),
        (b"\x80\x02}(K\x01K\x01u.", "a tensor without a name"),
        (b"\x80\x07N.", "protocol 7"),
        (b"\x80\x02}(K\x01u.", "a key without a value"),
        (b"\x80\x02t.", "a row without a beginning"),
        (b"\x80\x02}(s.", "what was never made"),
        (b"\x80\x02h\x05.", "never kept"),
        (b"\x80\x02NNR.", "cannot be called"),
        (b"\x80\x02K\x01Q.", "no storage"),
        (b"\x80\x02X\xff\xff\xff\x7fa.", "cut short"),
        (b"\x80\x02ccollections\nOrder", "cut short"),
        (b"\x80\x02}", "cut short"),
        (b"", "cut short"),
        (b"\x80\x02\xff.", "instruction 0xff"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "OrderedDict with 1 arguments"),
    ] {
        let error = broken(pickle);
        assert!(error.contains(says), "{pickle:?}: {error}");
    }
}

#[test]
fn tensors_that_do_not_lie_in_their_storage_are_named() {
    let bytes = floats(&[0.0; 6]);
    let tensor = |shape: &[i64], strides: &[i64], offset: i64, numbers: i64| {
        let saved = Saved::new().tensor_at("a.b", "FloatStorage", "0", numbers, offset, shape, strides);
        complaint(saved.storage("0", &bytes).close())
    };
    for error in [
        tensor(&[7], &[1], 0, 6),
        tensor(&[6], &[1], 1, 6),
        tensor(&[2, 3], &[4, 1], 0, 6),
        tensor(&[i64::MAX, 4], &[1, 1], 0, 6),
        tensor(&[2], &[i64::MAX], 0, 6),
        // Numbers that are used again and again: a small file would become a huge tensor.
        tensor(&[1 << 40], &[0], 0, 6),
    ] {
        assert!(error.contains("tensor a.b: it does not lie inside of its storage 0"), "{error}");
    }
    assert!(tensor(&[6], &[1], 0, 7).contains("storage 0 has 24 bytes where 7 numbers belong"));
    assert!(tensor(&[-1], &[1], 0, 6).contains("a size of -1"));
    assert!(tensor(&[2], &[1, 1], 0, 6).contains("1 extents and 2 strides"));
    let nowhere = Saved::new().tensor_at("a.b", "FloatStorage", "9", 1, 0, &[1], &[1]).close();
    assert!(complaint(nowhere).contains("tensor a.b: the archive holds no storage 9"));
    let twice = Saved::new().tensor("x", "FloatStorage", &[1], &[1], &bytes[..4]);
    let twice = twice.tensor("x", "FloatStorage", &[1], &[1], &bytes[..4]).close();
    assert!(complaint(twice).contains("tensor x is saved twice"));
}

#[test]
fn damaged_archives_are_refused_with_the_tensor_or_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    let marker = [1.25f32, 77.5, -3.0];
    let write = || {
        Saved::new().tensor("conv.weight", "FloatStorage", &[3], &[1], &floats(&marker)).close().write(&path);
        std::fs::read(&path).unwrap()
    };
    let whole = write();
    let at = whole.windows(12).position(|window| window == floats(&marker)).unwrap();
    let mut altered = whole.clone();
    altered[at + 5] ^= 0x10;
    std::fs::write(&path, &altered).unwrap();
    let error = complaint_of(&path);
    assert!(error.contains("tensor conv.weight: storage 0 is damaged"), "{error}");
    for cut in [whole.len() - 1, whole.len() / 2, 10, 0] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let error = complaint_of(&path);
        assert!(error.contains("cut short"), "{error}");
    }
    // The file behind the map may be cut after it was opened.
    write();
    let weights = Weights::open(&path).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(at as u64 + 4).unwrap();
    let error = weights.root().take("conv.weight", &[3]).unwrap_err().to_string();
    assert!(error.contains("shorter than its own index"), "{error}");
}

#[test]
fn foreign_archives_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    archive(&path, CompressionMethod::Stored, &[("other".into(), vec![])]);
    assert!(complaint_of(&path).contains("holds no data.pkl"));
    archive(&path, CompressionMethod::Stored, &[("data.pkl".into(), vec![]), ("byteorder".into(), b"big".to_vec())]);
    assert!(complaint_of(&path).contains("order \"big\""));
    archive(&path, CompressionMethod::Stored, &[("data.pkl".into(), vec![0; (8 << 20) + 1])]);
    assert!(complaint_of(&path).contains("8388608 are read"));
    std::fs::write(&path, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").unwrap();
    assert!(complaint_of(&path).contains("since version 1.6"));
}

#[test]
fn compressed_entries_are_refused() {
    // The archive's writer has no compressor here, so the method is written into both of the entry's headers by hand.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    Saved::new().tensor("x", "HalfStorage", &[1], &[1], &[0, 0x3c]).close().write(&path);
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    file.seek(std::io::SeekFrom::Start(central as u64 + 10)).unwrap();
    file.write_all(&[8, 0]).unwrap();
    assert!(complaint_of(&path).contains("compressed"));
}

#[test]
fn the_published_network_is_read_to_the_last_number() {
    // Count, parameters and digest of all numbers as f32 in the order of names, found with Python's own unpickler.
    let pack = HalloPack::open(&crate::parity::hallo_dir()).unwrap();
    let weights = pack.network().unwrap();
    assert_eq!(weights.stored().len(), 2512);
    assert!(weights.stored().values().all(|stored| stored.dtype == Dtype::F16));
    let (mut digest, mut numbers) = (Digest::new(), 0);
    for (name, stored) in weights.stored() {
        let tensor = weights.root().take(name, &stored.shape).unwrap();
        numbers += tensor.len();
        digest.update(&floats(&tensor));
    }
    assert_eq!(numbers, 7_079_700);
    assert_eq!(digest.hex(), "acaf5ba3506eb40457e590fba032ba5fbe375ecb57d18a92a77f001bff58c8e8");
    weights.finish().unwrap();
}

#[test]
fn tensors_that_nobody_wants_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    Saved::new()
        .tensor("live", "FloatStorage", &[1], &[1], &floats(&[1.0]))
        .tensor("dead", "FloatStorage", &[1], &[1], &floats(&[13.5]))
        .close()
        .write(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|window| window == floats(&[13.5])).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(complaint_of(&path).contains("tensor dead"));
    let file = std::fs::File::open(&path).unwrap();
    let found = index(&file, "net.pth", |name| name != "dead").unwrap();
    assert_eq!(found.tensors.keys().collect::<Vec<_>>(), ["live"]);
    assert_eq!(found.passed.into_iter().collect::<Vec<_>>(), [("dead".to_owned(), vec![1])]);
}

#[test]
fn a_parameter_is_its_tensor() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.pth");
    let mut saved = Saved::new();
    saved.text("x");
    saved.pickle.extend(b"ctorch._utils\n_rebuild_parameter\n(");
    let tensor = Saved { pickle: Vec::new(), storages: Vec::new() };
    let tensor = tensor.tensor("", "HalfStorage", &[1], &[1], &[0, 0x3c]);
    // Without its name, an empty text of five bytes.
    saved.pickle.extend(&tensor.pickle[5..]);
    saved.storages = tensor.storages;
    saved.raw(b"\x88ccollections\nOrderedDict\n)RtR").close().write(&path);
    assert_eq!(Weights::open(&path).unwrap().root().take("x", &[1]).unwrap(), [1.0]);
}
