//! Every golden tensor of the published modules, both clips drawn from our own outputs.

use super::pack;
use crate::hallo::verify::{VerifyOptions, VerifyReport, verify};

/// Largest relative error of any tensor; two clips of four steps are eight evaluations deep.
const LIMIT: f64 = 1e-4;

fn report(golden: &str) -> VerifyReport {
    let golden = Some(super::folder().join(golden));
    let options = VerifyOptions { golden, tolerance: LIMIT, reference: None };
    verify(&pack(), &options, &mut |row| {
        println!("{:32} {:24} {:?}", row.tensor, format!("{:?}", row.shape), row.error);
    })
    .unwrap()
}

#[test]
fn the_published_network() {
    let report = report("golden.safetensors");
    assert!(report.passes());
    assert_eq!(report.rows.len(), 29);
}

#[test]
fn the_corrected_network() {
    let report = report("golden_corrected.safetensors");
    assert!(report.passes());
    assert_eq!(report.rows.len(), 29);
}
