//! `emofarm all`: a whole farm in one process.

use shared::{Result, task::Lane};

use super::{Post, coordinator, crew, drain::Loops, health::bind};
use crate::{args::roles::AllArgs, output::note, roles, settings::Settings};

/// Runs a farm until it is asked to end.
pub(crate) fn run(args: &AllArgs, settings: &Settings) -> Result<u8> {
    let mut settings = settings.clone();
    if let Some(address) = args.listen {
        settings.listen = address.to_string();
    }
    let hands = [(Lane::Render, args.workers), (Lane::Stitch, args.stitchers)];
    roles::run(&settings, move |post| work(post, hands))
}

async fn work(post: Post, hands: [(Lane, u32); 2]) -> Result<()> {
    let listener = bind("listen", post.settings.listen()?).await?;
    post.migrated("farm").await?;
    let stores = post.stores("farm").await?;
    let shelf = crew::shelf(&post.settings);
    let mut loops = Loops::new(&post.cancel);
    let address = coordinator::start(&post, &stores, shelf.clone(), listener, &mut loops).await?;
    for (lane, number) in hands {
        for _ in 0..number {
            crew::start(&post, &stores, &shelf, lane, false, &mut loops)?;
        }
    }
    note(format_args!("the farm works: emofarm --api http://{address} submit PORTRAIT AUDIO --wait -o FILM.mp4"));
    loops.run().await
}
