//! Who is answered while the farm has no token.
//!
//! Without a token everybody who can ask is an operator, so only this machine may ask. An address that others can reach is listened at
//! all the same, since the probes of an orchestrator come from elsewhere; it answers them and nothing else until there is a token.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::Extensions,
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{code::Code, problem::Problem};

/// What everybody is told, with or without a token in the ledger.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// The door of one API.
#[derive(Debug)]
pub(crate) struct Door {
    /// Whether nobody but this machine can reach the listener.
    loopback: bool,
    /// Whether others are answered: they are as soon as there is a token, and stay so.
    open: AtomicBool,
}

impl Door {
    /// The door of a listener that only this machine can reach.
    pub(crate) fn of_loopback() -> Self {
        Self { loopback: true, open: AtomicBool::new(true) }
    }

    /// The door of a listener that others can reach, open when there is a token.
    pub(crate) fn to_others(open: bool) -> Self {
        Self { loopback: false, open: AtomicBool::new(open) }
    }

    /// Whether others than this machine are answered, if they can reach it.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Lets others in.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Whether a request comes in over a way on which only this machine is answered. Of an open door to others that is never so: what
    /// stands in front of it on the same machine may speak for anybody.
    pub(crate) fn admits_this_machine_only(&self, extensions: &Extensions) -> bool {
        self.loopback || (!self.is_open() && comes_from_here(extensions))
    }
}

/// Whether the other end of the connection is on this machine.
fn comes_from_here(extensions: &Extensions) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback())
}

/// Turns everybody away whom a closed door keeps out.
pub(crate) async fn layer(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let answered =
        door.is_open() || PROBES.contains(&request.uri().path()) || door.admits_this_machine_only(request.extensions());
    if answered {
        return next.run(request).await;
    }
    Problem::new(Code::NoTokenYet, "the farm has no token yet and answers its own machine only")
        .mend("make one on the coordinator's machine with \"emofarm token create\"; the door opens within seconds")
        .retry_after(5)
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt as _;

    async fn status(door: &Arc<Door>, peer: &str, path: &str) -> u16 {
        let router = Router::new()
            .route("/{*path}", get(|| async { "in" }))
            .layer(middleware::from_fn_with_state(Arc::clone(door), layer));
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        router.oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn a_closed_door_answers_probes_and_its_own_machine() {
        let door = Arc::new(Door::to_others(false));
        let paths = ["/v1/jobs", "/metrics", "/v1/openapi.json", "/none", "/healthz/x"];
        for peer in ["10.0.0.7:5000", "[2001:db8::7]:5000", "[::ffff:10.0.0.7]:5000"] {
            for path in paths {
                assert_eq!(status(&door, peer, path).await, 503, "{peer} {path}");
            }
            for path in PROBES {
                assert_eq!(status(&door, peer, path).await, 200, "{peer} {path}");
            }
        }
        for peer in ["127.0.0.1:5000", "[::1]:5000", "[::ffff:127.0.0.1]:5000"] {
            assert_eq!(status(&door, peer, "/v1/jobs").await, 200, "{peer}");
        }
        door.open();
        assert_eq!(status(&door, "10.0.0.7:5000", "/v1/jobs").await, 200);
    }

    #[test]
    fn an_open_door_takes_nobody_for_this_machine() {
        let mut here = Extensions::new();
        here.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 5000))));
        assert!(Door::to_others(false).admits_this_machine_only(&here));
        assert!(
            !Door::to_others(true).admits_this_machine_only(&here),
            "a proxy on the same machine speaks for others"
        );
        assert!(Door::of_loopback().admits_this_machine_only(&Extensions::new()));
        assert!(!Door::to_others(false).admits_this_machine_only(&Extensions::new()));
    }
}
