//! A queue that knows what waits in it rings once for each task.

use super::{Bells, comes, heard, key, listen, render, ring};

pub(crate) async fn a_waiting_task_rings_once(bells: &impl Bells) {
    let mut listener = listen(bells, &[render()]).await;
    ring(bells, &render(), [1, 1]).await;
    assert_eq!(comes(bells, listener.as_mut()).await, Some(key(1)));
    assert_eq!(heard(bells, listener.as_mut()).await, None);
    ring(bells, &render(), [1]).await;
    assert_eq!(comes(bells, listener.as_mut()).await, Some(key(1)), "a task that was heard may ring again");
}
