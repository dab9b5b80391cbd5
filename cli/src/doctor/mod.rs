//! `emofarm doctor`: what is there, what is missing, and how to mend it.

mod farm;

use std::path::Path;

use shared::Result;

use crate::{exit, runtime, settings::Settings};

/// One thing that was looked at.
#[derive(serde::Serialize)]
struct Finding {
    /// What.
    name: String,
    /// Whether it is as it should be.
    ok: bool,
    /// Whether it is a service that cannot be reached.
    unreachable: bool,
    /// What was found.
    found: String,
    /// What to do, where something is wrong.
    mend: Option<String>,
}

/// Looks at everything; exit code 0 when all is well, 3 when a service cannot be reached, 1 for anything else.
pub(crate) fn run(settings: &Settings, json: bool) -> u8 {
    let mut findings = versions(settings);
    findings.extend(codecs());
    findings.push(stores(&settings.data_dir));
    findings.extend(packs(settings));
    findings.extend(services(settings));
    let ok = findings.iter().all(|finding| finding.ok);
    if json {
        say!("{:#}", serde_json::json!({ "ok": ok, "findings": findings }));
    } else {
        for finding in &findings {
            say!("{} {:<24} {}", if finding.ok { "ok  " } else { "FAIL" }, finding.name, finding.found);
            if let Some(mend) = &finding.mend {
                say!("     {:<24} -> {mend}", "");
            }
        }
    }
    match ok {
        true => exit::DONE,
        false if findings.iter().any(|finding| finding.unreachable) => exit::UNREACHABLE,
        false => exit::FAILED,
    }
}

fn services(settings: &Settings) -> Vec<Finding> {
    match runtime::client(async { Ok(Box::pin(farm::services(settings)).await) }) {
        Ok(findings) => findings,
        Err(error) => vec![bad("services", error.message(), "free some memory and threads of this machine")],
    }
}

fn good(name: impl Into<String>, found: impl Into<String>) -> Finding {
    Finding { name: name.into(), ok: true, unreachable: false, found: found.into(), mend: None }
}

fn bad(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { name: name.into(), ok: false, unreachable: false, found: found.into(), mend: Some(mend.into()) }
}

fn versions(settings: &Settings) -> Vec<Finding> {
    vec![
        good("emofarm", env!("CARGO_PKG_VERSION")),
        good("FFmpeg libraries", media::codecs::ffmpeg_version()),
        match settings.device() {
            Ok(device) => good("device", device.describe()),
            Err(error) => bad("device", error.message(), error.mending().unwrap_or("set device to auto")),
        },
    ]
}

fn codecs() -> Vec<Finding> {
    let one = |(name, there): (String, bool)| {
        if there {
            good(format!("codec {name}"), "available")
        } else {
            bad(format!("codec {name}"), "missing", "install an FFmpeg that was built with it (Debian's is)")
        }
    };
    media::codecs::codecs().into_iter().map(one).collect()
}

/// Opens real stores in a throw-away directory where renders keep their work, and writes and reads back a blob.
fn stores(data: &Path) -> Finding {
    let name = "data directory";
    let mend = "choose a directory that can be written: --data-dir, EMOFARM_DATA_DIR or data_dir in emofarm.toml";
    let attempt = || -> std::result::Result<(), String> {
        std::fs::create_dir_all(data).map_err(|e| format!("{}: {e}", data.display()))?;
        let dir = tempfile::Builder::new().prefix("doctor-").tempdir_in(data).map_err(|e| e.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        runtime.block_on(round_trip(dir.path())).map_err(|e| e.to_string())
    };
    match attempt() {
        Ok(()) => good(name, format!("{} (ledger, queue and blobs work)", data.display())),
        Err(error) => bad(name, error, mend),
    }
}

async fn round_trip(dir: &Path) -> Result<()> {
    let stores = stores::open(&stores::Urls {
        ledger: format!("sqlite://{}", dir.join("ledger.db").display()),
        queue: "memory:".into(),
        blobs: format!("file://{}", dir.join("blobs").display()),
    })
    .await?;
    let key = shared::ports::BlobKey::from_text("doctor/probe")?;
    stores.blobs.put(&key, b"probe").await?;
    if stores.blobs.get(&key).await? == b"probe" {
        Ok(())
    } else {
        Err(shared::Error::world("a blob came back changed"))
    }
}

/// Every pack on the search path, its checksums included; and the pack that a render would use.
fn packs(settings: &Settings) -> Vec<Finding> {
    let search = settings.search_path();
    let mut findings: Vec<Finding> = diffusion::packs(&search)
        .into_iter()
        // By directory where there is one: two packs may have the same name.
        .map(|pack| (pack.dir.as_ref().map_or(pack.name.clone(), |dir| dir.to_string_lossy().into_owned()), pack))
        .map(|(place, pack)| match diffusion::inspect(&place, &search) {
            Ok(_) => good(format!("model {}", pack.name), "complete, checksums agree"),
            Err(error) => bad(
                format!("model {}", pack.name),
                error.message(),
                error.mending().unwrap_or("fetch the pack again, or remove it"),
            ),
        })
        .collect();
    if let Err(error) = diffusion::open(&settings.model, &search) {
        findings.push(bad("default model", error.message(), error.mending().unwrap_or("set model to another pack")));
    }
    findings
}
