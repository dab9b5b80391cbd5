//! `emofarm bench quality`: films of held-out portraits and speech, measured.

mod set;

use shared::Result;

use crate::{args::bench::BenchQualityArgs, exit, output::Table, settings::Settings};
use set::Case;

/// Reads the cases and lists them.
pub(super) fn run(args: &BenchQualityArgs, _: &Settings, json: bool) -> Result<u8> {
    let mut cases = match (&args.truth, &args.set) {
        (Some(truth), _) => vec![Case::read(truth)?],
        (None, Some(dir)) => set::read(dir)?,
        (None, None) => Vec::new(),
    };
    cases.truncate(args.cases.map_or(usize::MAX, |cases| cases as usize));
    if json {
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        say!("{:#}", serde_json::json!({ "ok": true, "cases": names }));
        return Ok(exit::DONE);
    }
    let mut table = Table::new(&["case", "portrait", "speech"]);
    for case in &cases {
        table.row([case.name.clone(), case.portrait.display().to_string(), case.speech.display().to_string()]);
    }
    table.say();
    Ok(exit::DONE)
}
