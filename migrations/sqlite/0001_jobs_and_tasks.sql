-- The ledger's tables. The twin for PostgreSQL has the same tables and columns.
-- Times are milliseconds since the Unix epoch.

CREATE TABLE jobs (
    id        TEXT   NOT NULL PRIMARY KEY,
    ordered   TEXT   NOT NULL, -- the order, as JSON
    frames    BIGINT NOT NULL, -- frames of the film
    state     TEXT   NOT NULL CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    error     TEXT,
    submitted BIGINT NOT NULL,
    ended     BIGINT
);

CREATE TABLE tasks (
    job         TEXT   NOT NULL REFERENCES jobs (id),
    id          TEXT   NOT NULL,
    ordinal     BIGINT NOT NULL, -- place in the plan
    kind        TEXT   NOT NULL, -- what it makes, as JSON
    lane        TEXT   NOT NULL, -- who may take it
    frames      BIGINT NOT NULL, -- frames that count as progress: those of segments
    state       TEXT   NOT NULL CHECK (state IN ('waiting', 'ready', 'leased', 'done', 'failed', 'cancelled')),
    attempt     BIGINT NOT NULL DEFAULT 0,
    failures    BIGINT NOT NULL DEFAULT 0,
    worker      TEXT,
    lease_until BIGINT,
    not_before  BIGINT NOT NULL DEFAULT 0,
    frames_done BIGINT NOT NULL DEFAULT 0,
    error       TEXT,
    PRIMARY KEY (job, id)
);

-- For `ready` and `expire`, which look for few tasks among many that are done.
CREATE INDEX tasks_by_state ON tasks (state, lane);

CREATE TABLE needs (
    job  TEXT NOT NULL,
    task TEXT NOT NULL,
    need TEXT NOT NULL,
    PRIMARY KEY (job, task, need),
    FOREIGN KEY (job, task) REFERENCES tasks (job, id),
    FOREIGN KEY (job, need) REFERENCES tasks (job, id)
);

-- For `complete`, which asks who needs what was just made.
CREATE INDEX needs_by_need ON needs (job, need);
