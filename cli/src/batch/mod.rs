//! `emofarm batch`: hundreds of films from one table.

mod fields;
mod journal;
mod report;
mod row;
mod run;
pub(crate) mod table;

use std::path::{Path, PathBuf};

use shared::{Error, Result};

use self::{journal::Journal, report::Report, row::Row};
use crate::{
    args::orders::BatchArgs,
    client::Api,
    exit, interrupt,
    output::{self, note},
    runtime,
    settings::Settings,
};

/// Checks every row, then orders, follows and fetches them all.
pub(crate) fn run(args: &BatchArgs, settings: &Settings, json: bool) -> Result<u8> {
    let rows = rows(args, settings)?;
    if args.check {
        if json {
            say!("{:#}", serde_json::json!({ "ok": true, "rows": rows.len() }));
        } else {
            say!("{}: {} can be ordered", args.file.display(), output::count(rows.len() as u64, "row"));
        }
        return Ok(exit::DONE);
    }
    let place = report_place(args)?;
    let api = Api::new(settings)?;
    let journal = Journal::open(&args.file)?;
    let (report, stopped) = runtime::client(async {
        let cancel = interrupt::token()?;
        let report = run::all(&api, rows, &journal, args, json, &cancel).await?;
        Ok((report, cancel.is_cancelled()))
    })?;
    report.write(&place)?;
    tell(&report, &place, json);
    Ok(match (stopped, report.is_good()) {
        (true, _) => exit::INTERRUPTED,
        (false, true) => exit::DONE,
        (false, false) => exit::FAILED,
    })
}

/// The rows of the file, each checked; the first mistakes are told together.
fn rows(args: &BatchArgs, settings: &Settings) -> Result<Vec<Row>> {
    /// Mistakes that are told at once.
    const MOST: usize = 20;
    let base = args.file.parent().unwrap_or(Path::new("."));
    let read = table::read(&args.file)?;
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for (number, fields) in read {
        match Row::new(number, fields, base, args, settings.webhook_secret.get()) {
            Ok(row) => rows.push(row),
            Err(error) => wrong.push(format!("row {number}: {error}")),
        }
    }
    wrong.extend(row::twins(&rows));
    if wrong.is_empty() && rows.is_empty() {
        return Err(Error::order(format!("{} holds no rows", args.file.display())).mend("see emofarm batch --help"));
    }
    if wrong.is_empty() {
        return Ok(rows);
    }
    let more = wrong.len().saturating_sub(MOST);
    wrong.truncate(MOST);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    Err(Error::order(format!("{} cannot be ordered as it is:\n  {}", args.file.display(), wrong.join("\n  ")))
        .mend("nothing was submitted; correct these rows and give the same command again"))
}

/// Where the report goes; found out before the work whether it can.
fn report_place(args: &BatchArgs) -> Result<PathBuf> {
    let place = args.report.clone().unwrap_or_else(|| args.file.with_extension("report.csv"));
    let kind = place.extension().and_then(|extension| extension.to_str());
    if !matches!(kind, Some("csv" | "json")) {
        return Err(Error::order(format!("the report {} is neither .csv nor .json", place.display()))
            .mend("give --report a name that ends in .csv or .json"));
    }
    let dir = place.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".emofarm-").tempfile_in(dir).map_err(|e| {
        Error::order(format!("no report can be written into {}", dir.display()))
            .from_source(e)
            .mend("choose another place with --report")
    })?;
    Ok(place)
}

fn tell(report: &Report, place: &Path, json: bool) {
    if json {
        say!("{:#}", report.json(place));
        return;
    }
    report.say();
    note(format_args!("the report is in {}", place.display()));
}
