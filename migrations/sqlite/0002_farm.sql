-- What a farm needs beside jobs and tasks. The twin for PostgreSQL has the same tables, columns and indexes.
-- Times are milliseconds since the Unix epoch. What is said of state in an index is said in literals, so that both
-- databases see that a query asks for no more than the index holds.

ALTER TABLE jobs ADD COLUMN terms TEXT NOT NULL DEFAULT '{}'; -- the terms as submitted, as JSON
ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 50; -- as it is now
ALTER TABLE jobs ADD COLUMN hold TEXT NOT NULL DEFAULT 'none' CHECK (hold IN ('none', 'paused', 'draining'));
ALTER TABLE jobs ADD COLUMN most_at_once BIGINT; -- tasks under way at once
ALTER TABLE jobs ADD COLUMN external_id TEXT;
ALTER TABLE jobs ADD COLUMN started BIGINT; -- when the first of its tasks was claimed
ALTER TABLE jobs ADD COLUMN tasks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN tasks_done BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN frames_done BIGINT NOT NULL DEFAULT 0; -- frames of segments that are done

ALTER TABLE tasks ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE tasks ADD COLUMN pool TEXT NOT NULL DEFAULT 'default';
ALTER TABLE tasks ADD COLUMN gpu_memory BIGINT NOT NULL DEFAULT 0; -- that it needs, in MiB
ALTER TABLE tasks ADD COLUMN memory_class BIGINT NOT NULL DEFAULT 0; -- the class that this is in, for what is looked at together
ALTER TABLE tasks ADD COLUMN submitted BIGINT NOT NULL DEFAULT 0; -- when its job was
ALTER TABLE tasks ADD COLUMN rest BIGINT NOT NULL DEFAULT 0; -- frames on the longest path to the film
ALTER TABLE tasks ADD COLUMN size BIGINT NOT NULL DEFAULT 0; -- frames that it works on
ALTER TABLE tasks ADD COLUMN priority BIGINT NOT NULL DEFAULT 50; -- its job's, from when it is ready
ALTER TABLE tasks ADD COLUMN lacks BIGINT NOT NULL DEFAULT 0; -- needs that are not done yet
ALTER TABLE tasks ADD COLUMN held BOOLEAN NOT NULL DEFAULT FALSE; -- whether its job is held, from when it is ready
ALTER TABLE tasks ADD COLUMN readied BIGINT NOT NULL DEFAULT 0; -- when it became ready
ALTER TABLE tasks ADD COLUMN released BIGINT NOT NULL DEFAULT 0; -- when it was released to the workers, or 0
ALTER TABLE tasks ADD COLUMN rung BIGINT NOT NULL DEFAULT 0; -- when it was last rung for
ALTER TABLE tasks ADD COLUMN place BIGINT NOT NULL DEFAULT 0; -- its place among those released with it
ALTER TABLE tasks ADD COLUMN forgiven BIGINT NOT NULL DEFAULT 0; -- failures of attempts up to this one count no more
ALTER TABLE tasks ADD COLUMN steps BIGINT NOT NULL DEFAULT 0; -- steps that the current attempt made
ALTER TABLE tasks ADD COLUMN moved BIGINT NOT NULL DEFAULT 0; -- when it made the last of them
ALTER TABLE tasks ADD COLUMN stuck_ms BIGINT NOT NULL DEFAULT 120000; -- how long it may make none

UPDATE tasks SET submitted = (SELECT jobs.submitted FROM jobs WHERE jobs.id = tasks.job), size = frames;
UPDATE jobs SET tasks = (SELECT COUNT(*) FROM tasks WHERE tasks.job = jobs.id),
    tasks_done = (SELECT COUNT(*) FROM tasks WHERE tasks.job = jobs.id AND tasks.state = 'done'),
    frames_done = COALESCE((SELECT SUM(tasks.frames) FROM tasks WHERE tasks.job = jobs.id AND tasks.state = 'done'), 0);

-- Made anew without foreign keys: needs are written once, with their tasks, and a job may have a million of them. Only direct needs are
-- counted: one that another need of the same task needs itself is done before that.
CREATE TABLE needs_of_tasks (
    job    TEXT    NOT NULL,
    task   TEXT    NOT NULL,
    need   TEXT    NOT NULL,
    direct BOOLEAN NOT NULL,
    PRIMARY KEY (job, task, need)
);

INSERT INTO needs_of_tasks (job, task, need, direct) SELECT job, task, need, TRUE FROM needs;
DROP TABLE needs;
ALTER TABLE needs_of_tasks RENAME TO needs;

-- For `complete`, which asks who needs what was just made.
CREATE INDEX needs_by_need ON needs (job, need) WHERE direct = TRUE;

UPDATE tasks SET lacks = (
    SELECT COUNT(*) FROM needs JOIN tasks AS needed ON needed.job = needs.job AND needed.id = needs.need
    WHERE needs.job = tasks.job AND needs.task = tasks.id AND needed.state <> 'done');

DROP INDEX tasks_by_state;

-- For `release`: the first tasks of every tenant in every class of memory, whatever else waits. The last columns spare counting a look at the table.
CREATE INDEX tasks_to_release ON tasks
    (lane, pool, tenant, memory_class, priority DESC, rest DESC, submitted, job, ordinal, size, readied)
    WHERE state = 'ready' AND released = 0 AND held = FALSE;

-- For `take`: a few more tasks than there are workers.
CREATE INDEX tasks_to_take ON tasks (lane, pool, priority DESC, released, place) WHERE state = 'ready' AND released > 0;

-- For `expire` and for what is under way; the end of the lease is not in it, so that renewing writes no index.
CREATE INDEX tasks_leased ON tasks (job) WHERE state = 'leased';

-- For progress within tasks.
CREATE INDEX tasks_begun ON tasks (job) WHERE frames_done > 0 AND state IN ('ready', 'leased');

CREATE INDEX jobs_latest ON jobs (submitted DESC, id DESC);
CREATE INDEX jobs_of_tenant ON jobs (tenant, submitted DESC, id DESC);
CREATE INDEX jobs_external ON jobs (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX jobs_by_state ON jobs (state, hold);
CREATE INDEX jobs_running ON jobs (tenant) WHERE state = 'running';

CREATE TABLE labels (
    job   TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (job, name)
);

CREATE INDEX labels_by_value ON labels (name, value, job);

-- Tables of what happened have no foreign keys: their rows are written in the transaction of the change they tell of.
CREATE TABLE attempts (
    job     TEXT   NOT NULL,
    task    TEXT   NOT NULL,
    attempt BIGINT NOT NULL,
    worker  TEXT   NOT NULL,
    started BIGINT NOT NULL,
    ended   BIGINT,
    outcome TEXT   NOT NULL,
    error   TEXT,
    kind    TEXT   NOT NULL,
    model   TEXT   NOT NULL,
    pool    TEXT   NOT NULL,
    frames  BIGINT NOT NULL, -- frames worked on, of the whole film where a task has none of its own
    PRIMARY KEY (job, task, attempt)
);

CREATE INDEX attempts_done ON attempts (kind, model, pool, ended DESC) WHERE outcome = 'done';

-- The id of the latest event. Whoever writes events holds this row until the end of the transaction, so that events
-- become visible in the order of their ids.
CREATE TABLE latest_event (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1), -- there is no other row
    id  BIGINT NOT NULL
);

INSERT INTO latest_event (one, id) VALUES (1, 0);

CREATE TABLE events (
    id     BIGINT NOT NULL PRIMARY KEY,
    job    TEXT   NOT NULL,
    tenant TEXT   NOT NULL,
    at     BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    data   TEXT   NOT NULL -- JSON
);

CREATE INDEX events_of_job ON events (job, id);
CREATE INDEX events_of_tenant ON events (tenant, id);

CREATE TABLE deliveries (
    event BIGINT NOT NULL PRIMARY KEY, -- what is delivered; a job has one webhook
    job   TEXT   NOT NULL,
    state TEXT   NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    tries BIGINT NOT NULL DEFAULT 0,
    due   BIGINT NOT NULL,
    last  TEXT -- what the last try ended in
);

CREATE INDEX deliveries_due ON deliveries (due) WHERE state = 'waiting';
CREATE INDEX deliveries_of_job ON deliveries (job, event);

CREATE TABLE workers (
    id         TEXT   NOT NULL PRIMARY KEY,
    card       TEXT   NOT NULL, -- what it says of itself, as JSON
    state      TEXT   NOT NULL, -- the name of its state
    doing      TEXT   NOT NULL, -- its state, as JSON
    lanes      TEXT   NOT NULL, -- ",render,stitch,"
    pools      TEXT   NOT NULL, -- ",default,"
    gpu_memory BIGINT NOT NULL,
    since      BIGINT NOT NULL,
    seen       BIGINT NOT NULL,
    done       BIGINT NOT NULL DEFAULT 0,
    failed     BIGINT NOT NULL DEFAULT 0,
    asked      TEXT -- what an operator asks of it
);

CREATE INDEX workers_seen ON workers (seen);

CREATE TABLE tenants (
    name             TEXT   NOT NULL PRIMARY KEY,
    weight           BIGINT NOT NULL,
    most_at_once     BIGINT,
    highest_priority BIGINT NOT NULL,
    longest_film     BIGINT,
    most_jobs        BIGINT
);

CREATE TABLE tokens (
    id      TEXT   NOT NULL PRIMARY KEY,
    sha256  TEXT   NOT NULL UNIQUE,
    tenant  TEXT   NOT NULL,
    role    TEXT   NOT NULL,
    note    TEXT   NOT NULL,
    made    BIGINT NOT NULL,
    expires BIGINT
);

CREATE TABLE answers (
    tenant  TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    request TEXT   NOT NULL, -- digest of the request
    status  BIGINT NOT NULL, -- 0 while it is being answered
    body    TEXT   NOT NULL,
    begun   BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE INDEX answers_begun ON answers (begun);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      BIGINT NOT NULL,
    who     TEXT   NOT NULL,
    tenant  TEXT   NOT NULL,
    act     TEXT   NOT NULL,
    subject TEXT   NOT NULL
);

CREATE INDEX audit_of_tenant ON audit (tenant, id);
