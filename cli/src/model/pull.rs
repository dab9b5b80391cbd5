//! `emofarm model pull`: a release from the hub into the search path, once its licences are accepted.

use std::io::{IsTerminal as _, Write as _};

use diffusion::hub::{self, HubSettings, PullProgress, Release};
use shared::{Error, Result};

use crate::{args::model::PullArgs, exit, model::meter::Meter, output::note, settings::Settings};

/// Shows the licences, asks, fetches.
pub(super) fn run(args: &PullArgs, settings: &Settings, json: bool) -> Result<u8> {
    let release = hub::release(&args.release).ok_or_else(|| {
        let known: Vec<&str> = hub::releases().iter().map(|release| release.name).collect();
        Error::order(format!("there is no release \"{}\"", args.release)).mend(format!("choose {}", known.join(" or ")))
    })?;
    let release = if args.without_face_models { release.without_face_models() } else { *release };
    let to = args.output.clone().unwrap_or_else(|| settings.packs_dir().join(release.name));
    accept(&release, args.accept_licence)?;
    let meter = Meter::new(json);
    let show = |progress: PullProgress<'_>| meter.show(progress.file, progress.done, progress.total);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Error::world("the async runtime does not start").from_source(e))?;
    let hub_settings = HubSettings::from_environment();
    let pulled = runtime.block_on(async {
        let cancel = crate::interrupt::token()?;
        tokio::select! {
            pulled = hub::pull(&release, &to, &hub_settings, &show) => pulled,
            // What came until now is kept; the next run goes on from there.
            () = cancel.cancelled() => Err(Error::stopped()),
        }
    });
    meter.clear();
    pulled?;
    if json {
        let document = serde_json::json!({ "ok": true, "name": release.name, "dir": to.to_string_lossy() });
        say!("{document:#}");
    } else {
        say!("{} is in {}; render with it by --model {}", release.description, to.display(), release.name);
    }
    Ok(exit::DONE)
}

/// Shows the licences and has them accepted: by the flag, or by a person at a terminal.
fn accept(release: &Release, accepted: bool) -> Result<()> {
    note(format_args!("{}", release.licence_text()));
    if accepted {
        return Ok(());
    }
    let refused = || {
        Error::order(format!("the licences of {} were not accepted", release.name))
            .mend("read them above, and give --accept-licence if you agree")
    };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(refused());
    }
    let _ = write!(std::io::stderr(), "Do you accept these licences? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|e| Error::world("no answer can be read").from_source(e))?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") { Ok(()) } else { Err(refused()) }
}
