//! Pickles that would take more memory than they are long.

use super::*;

/// A pickle that keeps `kept` under number 0 and then uses it again and again, as long as pickles may be.
fn repeated(kept: impl FnOnce(&mut Saved), again: &[u8]) -> Saved {
    let mut saved = Saved { pickle: vec![opcode::PROTO, 2], storages: Vec::new() };
    kept(&mut saved);
    let times = ((8 << 20) - saved.pickle.len() - 1) / again.len();
    saved.pickle.extend(again.repeat(times));
    saved.raw(&[opcode::STOP])
}

#[test]
fn a_pickle_cannot_repeat_itself_into_more_memory_than_it_is_long() {
    // A text of 4 MiB that is a parameter, and again a parameter: each would be another copy.
    let error = complaint(repeated(
        |saved| {
            saved.pickle.extend(b"ctorch._utils\n_rebuild_parameter\nq\x01");
            saved.text(&"x".repeat(4 << 20));
            saved.pickle.extend(b"q\0");
        },
        b"h\x01h\0\x85R",
    ));
    assert!(error.contains("a parameter that is no tensor"), "{error}");
    // A shape of a hundred thousand axes that belongs to tensor after tensor.
    let error = complaint(repeated(
        |saved| {
            saved.pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\nq\x01");
            saved.pickle.extend(b"(X\x07\0\0\0storagectorch\nHalfStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQq\x02");
            saved.row(&vec![1; 100_000]);
            saved.pickle.extend(b"q\0");
        },
        b"h\x01(h\x02K\0h\0h\0NNtR",
    ));
    assert!(error.contains("a tensor with 100000 axes"), "{error}");
    // A long name of a storage would be copied into each tensor.
    let mut saved =
        Saved { pickle: b"\x80\x02(X\x07\0\0\0storagectorch\nHalfStorage\n".to_vec(), storages: Vec::new() };
    saved.text(&"0".repeat(65));
    let error = complaint(saved.raw(b"X\x03\0\0\0cpuK\x01tQ."));
    assert!(error.contains("a storage whose name has 65 letters"), "{error}");
    // A long name of a tensor would be copied for each time that it is there.
    let saved = Saved::new().tensor_at(&"x".repeat(1025), "HalfStorage", "0", 1, 0, &[1], &[1]);
    assert!(complaint(saved.close()).contains("a tensor whose name has 1025 letters"));
    // Values and memory that cost one byte each.
    for (pickle, says) in [(&b")"[..], "makes more than 262144 values"), (b"\x94", "keeps more than 262144")] {
        let error = complaint(repeated(|saved| saved.pickle.push(opcode::NONE), pickle));
        assert!(error.contains(says), "{error}");
    }
}
