//! `emofarm model import`: a published layout becomes a pack of our own.

use diffusion::{ImportProgress, pack::hallo::HalloPack};
use shared::{Error, Result, ports::Control};

use crate::{args::model::ImportArgs, exit, model::meter::Meter, output, settings::Settings};

/// Imports the layout and says what came of it.
pub(super) fn run(args: &ImportArgs, settings: &Settings, json: bool) -> Result<u8> {
    let pack = HalloPack::open(&args.dir)?;
    let named = args.output.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or(named).unwrap_or_else(|| pack.about.name.clone());
    let to = args.output.clone().unwrap_or_else(|| settings.packs_dir().join(&name));
    let meter = Meter::new(json);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::world("the async runtime does not start").from_source(e))?;
    let manifest = runtime.block_on(async {
        let cancel = crate::interrupt::token()?;
        let (from, to, name, shown) = (args.dir.clone(), to.clone(), name.clone(), meter.clone());
        let import = tokio::task::spawn_blocking(move || {
            diffusion::import(&from, &to, &name, &mut |ImportProgress { done, total }| {
                shown.show("importing", done, total);
                if cancel.is_cancelled() { Control::Stop } else { Control::Continue }
            })
        });
        import.await.map_err(|e| Error::world("the import broke").from_source(e))?
    });
    meter.clear();
    let manifest = manifest?;
    if json {
        let files: Vec<_> = manifest.files.iter().map(|file| (&file.name, &file.licence, &file.sha256)).collect();
        say!("{:#}", serde_json::json!({ "ok": true, "name": name, "dir": to.to_string_lossy(), "files": files }));
        return Ok(exit::DONE);
    }
    say!("{} holds the pack \"{name}\":", to.display());
    for file in &manifest.files {
        let bytes = std::fs::metadata(to.join(&file.name)).map_or(0, |data| data.len());
        say!("  {:<24} {:>10}  {}", file.name, output::bytes(bytes), file.licence);
    }
    Ok(exit::DONE)
}
