//! One contract for each port, held by every keeper. A new keeper joins with its lines in `keepers`.

mod blobs;
mod ledger;
mod queue;

/// Makes one test of each case in `crate::<port>::<part>`, run against a fresh keeper.
macro_rules! suite {
    ($port:ident on $keeper:path { $($part:ident: $($case:ident)*;)* }) => {
        $(mod $part {
            use crate::$port::$part as cases;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let keeper = <$keeper>::fresh().await;
                Box::pin(cases::$case(&keeper)).await;
            })*
        })*
    };
}
pub(crate) use suite;

mod keepers {
    mod sqlite {
        crate::ledger::contract!(crate::ledger::Sqlite);
        crate::ledger::lasting!(crate::ledger::Sqlite);
    }
    mod sqlite_in_memory {
        crate::ledger::contract!(crate::ledger::SqliteInMemory);
    }
    mod sqlite_scratch {
        crate::ledger::contract!(crate::ledger::SqliteScratch);
    }
    mod postgres {
        crate::ledger::contract!(crate::ledger::Postgres);
        crate::ledger::lasting!(crate::ledger::Postgres);
    }
    mod memory_queue {
        crate::queue::contract!(crate::queue::Memory);
        crate::queue::deduplicating!(crate::queue::Memory);
    }
    mod rabbit {
        crate::queue::contract!(crate::queue::Rabbit);
        crate::queue::shared_broker!(crate::queue::Rabbit);
    }
    mod rabbit_that_dies {
        crate::queue::own_broker!(crate::queue::OwnRabbit);
    }
    mod directory {
        crate::blobs::contract!(crate::blobs::Directory);
        crate::blobs::in_files!(crate::blobs::Directory);
    }
    mod bucket {
        crate::blobs::contract!(crate::blobs::Bucket);
        crate::blobs::bucket!(crate::blobs::Bucket);
    }
    mod bucket_that_stops {
        crate::blobs::own_bucket!(crate::blobs::OwnBucket);
    }
}
