//! scratch
use media::{audio, film::{self, *}, portrait, probe};
use shared::*;
fn peak() -> String { std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM")).unwrap().to_owned() }
fn main() {
    let a: Vec<String> = std::env::args().collect();
    match a[1].as_str() {
        "measure" => for p in &a[2..] { match audio::measure(p.as_ref()) { Ok(t) => println!("{p}: {t:?}"), Err(e) => println!("{p}: ERR {e}") } },
        "load" => for p in &a[2..] { match portrait::load(p.as_ref()) { Ok(t) => println!("{p}: {t:?} {}", peak()), Err(e) => println!("{p}: ERR {e} {}", peak()) } },
        "film" => {
            // film PORTRAIT AUDIO OUT SIZE FPS
            let picture = portrait::load(a[2].as_ref()).unwrap();
            let track = audio::measure(a[3].as_ref()).unwrap();
            let fps: Fps = a[6].parse().unwrap();
            let size: u32 = a[5].parse().unwrap();
            let frames = fps.frames_covering(track.samples, track.rate);
            let (crop, face) = portrait::crop_square(&picture, None, size).unwrap();
            println!("{track:?} {frames} {face:?}");
            let dir = tempfile::tempdir().unwrap();
            let t = std::time::Instant::now();
            let mut parts = vec![];
            for (i, run) in Frames::new(0, frames).pieces(240).enumerate() {
                let p = dir.path().join(format!("{i}.mp4"));
                let mut w = PartWriter::create(&p, PartSpec::new(size, size, fps)).unwrap();
                for n in run.start..run.end {
                    let mut c = crop.clone();
                    let x = (n % u64::from(size)) as usize;
                    for y in 0..size as usize { let at = (y * size as usize + x) * 3; c.data_mut()[at..at+3].copy_from_slice(&[220, 20, 60]); }
                    w.write(&c).unwrap();
                }
                w.finish().unwrap();
                parts.push(p);
            }
            println!("encode {:?} {}", t.elapsed(), peak());
            let t = std::time::Instant::now();
            let r = film::join(&parts, a[3].as_ref(), a[4].as_ref(), &JoinSpec { fps, frames, metadata: vec![("title".into(), "x".into())], cancel: &|| false });
            println!("join {:?} {} {:?}", t.elapsed(), peak(), r.map_err(|e| e.to_string()));
        }
        "probe" => println!("{:?}", probe::film(a[2].as_ref())),
        _ => {}
    }
}
