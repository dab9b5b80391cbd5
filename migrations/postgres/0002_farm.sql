-- What a farm needs beside jobs and tasks. The twin for SQLite has the same tables, columns and indexes.
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
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      BIGINT NOT NULL,
    who     TEXT   NOT NULL,
    tenant  TEXT   NOT NULL,
    act     TEXT   NOT NULL,
    subject TEXT   NOT NULL
);

CREATE INDEX audit_of_tenant ON audit (tenant, id);

-- Rows that change with every task are many and short-lived: their old versions are cleared early and beside the work.
ALTER TABLE tasks SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
ALTER TABLE workers SET (fillfactor = 50);
ALTER TABLE latest_event SET (fillfactor = 10, autovacuum_vacuum_threshold = 200);

-- Taking and completing a task. Between two statements of a transaction lies the way to the program and back, and whoever waits for a
-- row waits for that too: all workers on one job for the job's row. What these do is said step by step in stores/src/ledger/books, for
-- the database that has no functions. Each statement in them sees what was committed before it.

-- `best` and `claim`: the best released task that nobody else is taking at this moment, with all that is needed to work on it.
CREATE FUNCTION take_task(
    of_lanes TEXT, of_pools TEXT, of_memory BIGINT, by_worker TEXT, with_features TEXT, heard_since BIGINT,
    at_time BIGINT, until_time BIGINT, stuck_after BIGINT, state_when_claimed TEXT)
RETURNS TABLE (
    job TEXT, id TEXT, attempt BIGINT, kind TEXT, ordered TEXT, terms TEXT, priority BIGINT, first BOOLEAN, inputs TEXT)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    best RECORD;
    claimed RECORD;
    of_job RECORD;
BEGIN
    SELECT tasks.job, tasks.id INTO best FROM tasks
    WHERE tasks.state = 'ready' AND tasks.released > 0 AND tasks.lane = ANY (string_to_array(of_lanes, ','))
      AND tasks.pool = ANY (string_to_array(of_pools, ',')) AND tasks.gpu_memory <= of_memory
      AND tasks.not_before <= at_time AND tasks.held = FALSE
      AND (tasks.failures = 0
           OR NOT EXISTS (
               SELECT 1 FROM attempts
               WHERE attempts.job = tasks.job AND attempts.task = tasks.id AND attempts.attempt > tasks.forgiven
                 AND attempts.worker = by_worker AND attempts.outcome IN ('failed', 'lost', 'stuck'))
           OR NOT EXISTS (
               SELECT 1 FROM workers
               WHERE workers.id <> by_worker AND workers.seen >= heard_since AND workers.state IN ('idle', 'busy')
                 AND workers.gpu_memory >= tasks.gpu_memory
                 AND workers.lanes LIKE '%,' || tasks.lane || ',%' AND workers.pools LIKE '%,' || tasks.pool || ',%'
                 AND NOT EXISTS (
                     SELECT 1 FROM attempts
                     WHERE attempts.job = tasks.job AND attempts.task = tasks.id AND attempts.attempt > tasks.forgiven
                       AND attempts.worker = workers.id AND attempts.outcome IN ('failed', 'lost', 'stuck'))))
    ORDER BY tasks.priority DESC, CASE WHEN tasks.job = ANY (string_to_array(with_features, ',')) THEN 0 ELSE 1 END,
             tasks.released, tasks.place, tasks.job, tasks.ordinal
    LIMIT 1 FOR NO KEY UPDATE OF tasks SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE tasks SET state = state_when_claimed, attempt = tasks.attempt + 1, worker = by_worker, lease_until = until_time, frames_done = 0,
        released = 0, steps = 0, moved = at_time, stuck_ms = stuck_after
    WHERE tasks.job = best.job AND tasks.id = best.id
    RETURNING tasks.attempt, tasks.kind, tasks.pool, tasks.size INTO claimed;
    SELECT jobs.ordered, jobs.terms, jobs.priority, jobs.started, jobs.frames INTO of_job FROM jobs WHERE jobs.id = best.job;
    INSERT INTO attempts (job, task, attempt, worker, started, outcome, kind, model, pool, frames)
    VALUES (best.job, best.id, claimed.attempt, by_worker, at_time, 'running', claimed.kind ->> 'kind', of_job.ordered ->> 'model',
            claimed.pool, CASE WHEN claimed.size > 0 THEN claimed.size ELSE of_job.frames END);
    RETURN QUERY
    SELECT best.job, best.id, claimed.attempt, CAST(claimed.kind AS TEXT), CAST(of_job.ordered AS TEXT), of_job.terms,
           of_job.priority, of_job.started IS NULL,
           (SELECT CAST(json_agg(json_build_array(needed.id, needed.attempt) ORDER BY needed.ordinal) AS TEXT)
            FROM needs JOIN tasks AS needed ON needed.job = needs.job AND needed.id = needs.need
            WHERE needs.job = best.job AND needs.task = best.id);
END $$;

-- `complete`, of any task but the film: who needs the task and how many needs that lacks now, after a row with neither. Without any
-- row the lease does not hold any more, and nothing was changed.
CREATE FUNCTION complete_task(
    of_job TEXT, of_task TEXT, under_attempt BIGINT, by_worker TEXT, at_time BIGINT, state_when_made TEXT, state_when_met TEXT)
RETURNS TABLE (needing TEXT, lacking BIGINT)
LANGUAGE plpgsql AS $$
DECLARE
    now_of_job RECORD;
    made BIGINT;
BEGIN
    SELECT jobs.priority, jobs.hold INTO now_of_job FROM jobs WHERE jobs.id = of_job FOR NO KEY UPDATE OF jobs;
    UPDATE tasks SET state = state_when_made, not_before = at_time, worker = NULL, lease_until = NULL, released = 0
    WHERE tasks.job = of_job AND tasks.id = of_task AND tasks.attempt = under_attempt AND tasks.state = 'leased'
    RETURNING tasks.frames INTO made;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN NEXT;
    RETURN QUERY
    UPDATE tasks SET lacks = tasks.lacks - 1, state = CASE WHEN tasks.lacks = 1 THEN state_when_met ELSE tasks.state END,
        readied = CASE WHEN tasks.lacks = 1 THEN at_time ELSE tasks.readied END,
        priority = now_of_job.priority,
        held = now_of_job.hold <> 'none' AND NOT (now_of_job.hold = 'preview' AND tasks.preview) -- a column of the third migration
    FROM needs
    WHERE needs.job = of_job AND needs.need = of_task AND needs.direct = TRUE
      AND tasks.job = of_job AND tasks.id = needs.task AND tasks.state = 'waiting'
    RETURNING tasks.id, tasks.lacks;
    UPDATE attempts SET outcome = 'done', ended = at_time, error = NULL
    WHERE attempts.job = of_job AND attempts.task = of_task AND attempts.attempt = under_attempt AND attempts.outcome = 'running';
    UPDATE workers SET done = workers.done + 1 WHERE workers.id = by_worker;
    UPDATE jobs SET tasks_done = jobs.tasks_done + 1, frames_done = jobs.frames_done + made WHERE jobs.id = of_job;
END $$;
