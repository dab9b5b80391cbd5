//! Every golden tensor of the published modules, both clips drawn from our own outputs.

use shared::job::Compute;

use super::pack;
use crate::hallo::verify::{VerifyOptions, VerifyReport, verify};

/// Largest relative error of any tensor; two clips of four steps are eight evaluations deep.
const LIMIT: f64 = 1e-4;
/// The same where factors are sums of two short numbers.
const FAST_LIMIT: f64 = 1e-3;

fn report(golden: &str, compute: Compute) -> VerifyReport {
    let golden = Some(super::folder().join(golden));
    let options = VerifyOptions {
        golden,
        tolerance: if compute == Compute::Exact { LIMIT } else { FAST_LIMIT },
        reference: None,
        compute,
        device: crate::Device::Cpu,
    };
    verify(&pack(), &options, &mut |row| {
        println!("{:32} {:24} {:?}", row.tensor, format!("{:?}", row.shape), row.error);
    })
    .unwrap()
}

#[test]
fn the_published_network() {
    for compute in [Compute::Exact, Compute::F32] {
        let report = report("golden.safetensors", compute);
        assert!(report.passes());
        assert_eq!(report.rows.len(), 29);
    }
}

#[test]
#[ignore = "many minutes: every thread of every kernel is played by one thread"]
fn the_published_network_on_a_played_card() {
    // In single precision: the kernels' own sums, and the way of every tensor through the network.
    let report = crate::cuda::within(|| report("golden.safetensors", Compute::F32));
    assert!(report.passes());
    assert_eq!(report.rows.len(), 29);
}

#[test]
fn the_corrected_network() {
    let report = report("golden_corrected.safetensors", Compute::Exact);
    assert!(report.passes());
    assert_eq!(report.rows.len(), 29);
}
