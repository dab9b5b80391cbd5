//! Several writers of one name.

use shared::ports::Put;

use super::{Shelf, key};

pub(crate) async fn of_many_writers_one_wins(shelf: &impl Shelf) {
    for round in 0..10 {
        let name = key(&format!("jobs/{round}/new/directory/blob"));
        let write = async |letter: u8| shelf.blobs().put(&name, &vec![letter; 100_000]).await.unwrap();
        let puts = tokio::join!(write(b'a'), write(b'b'), write(b'c'), write(b'd'));
        let puts = [puts.0, puts.1, puts.2, puts.3];
        assert_eq!(puts.iter().filter(|put| **put == Put::Written).count(), 1);
        let winner = puts.iter().position(|put| *put == Put::Written).unwrap();
        assert_eq!(shelf.blobs().get(&name).await.unwrap(), vec![b'a' + winner as u8; 100_000]);
    }
}
