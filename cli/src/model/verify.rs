//! `emofarm model verify`: a row for each golden tensor.

use std::path::PathBuf;

use diffusion::{VerifyOptions, VerifyRow};
use shared::Result;

use crate::{args::model::VerifyArgs, exit, output};

/// Compares a pack with a golden file; the exit code says whether everything is within the tolerance.
pub(crate) fn run(args: &VerifyArgs, (search, device): (&[PathBuf], diffusion::Device), json: bool) -> Result<u8> {
    let options = VerifyOptions {
        golden: args.golden.clone(),
        tolerance: args.tolerance,
        reference: args.reference.map(Into::into),
        compute: args.compute.map_or_else(Default::default, Into::into),
        device,
    };
    let mut show = |row: &VerifyRow| {
        if !json {
            say!("{}", line(row));
        }
    };
    let report = diffusion::verify(&args.name, search, &options, &mut show)?;
    let passes = report.passes();
    let failed = report.rows.iter().filter(|row| !row.passes).count();
    if json {
        say!("{:#}", serde_json::json!({ "ok": passes, "verify": report }));
    } else if passes {
        let all = output::count(report.rows.len() as u64, "tensor");
        say!("\nall {all} agree with {} within {:e}", report.golden.display(), report.tolerance);
    } else if report.rows.is_empty() {
        say!("{} holds no golden tensors: nothing was compared", report.golden.display());
    } else {
        let file = report.golden.display();
        let who = if failed == 1 { "1 tensor does".into() } else { format!("{failed} tensors do") };
        say!("\n{who} not agree with {file} within {:e}", report.tolerance);
    }
    Ok(if passes { exit::DONE } else { exit::FAILED })
}

fn line(row: &VerifyRow) -> String {
    let shape = row.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
    let error = row.error.map_or_else(|| "not computed".into(), |error| format!("{error:.2e}"));
    let verdict = if row.passes { "ok" } else { "FAILED" };
    format!("{:<28} {shape:<24} {error:>12}  {verdict}", row.tensor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_found() {
        let row = VerifyRow { tensor: "face_locator".into(), shape: vec![32, 16], error: Some(2.5e-7), passes: true };
        let text = line(&row);
        assert!(
            text.starts_with("face_locator ") && text.contains("32 x 16 ") && text.ends_with("2.50e-7  ok"),
            "{text}"
        );
        let text = line(&VerifyRow { error: None, passes: false, ..row });
        assert!(text.ends_with("not computed  FAILED"), "{text}");
    }
}
