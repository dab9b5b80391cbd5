//! `emofarm all`: a whole farm in one process.

use std::net::{Ipv4Addr, SocketAddr};

use shared::{Result, task::Lane};

use super::{Post, coordinator, crew, drain::Loops};
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
    let listeners = coordinator::listeners(&post.settings).await?;
    post.migrated("farm").await?;
    let stores = post.stores("farm").await?;
    let shelf = crew::shelf(&post.settings)?;
    let mut loops = Loops::new(&post.cancel);
    let address = coordinator::start(&post, &stores, shelf.clone(), listeners, &mut loops).await?;
    for (lane, number) in hands {
        for _ in 0..number {
            crew::start(&post, &stores, &shelf, lane, false, &mut loops)?;
        }
    }
    let address = from_here(address);
    note(format_args!("the farm works: emofarm --api http://{address} submit PORTRAIT AUDIO --wait -o FILM.mp4"));
    loops.run().await
}

/// The address under which this machine asks: one that stands for all of its addresses is asked under the loopback one.
fn from_here(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address }
}
