-- Previews, approval, and how long work is kept. The twin for SQLite has the same tables, columns and indexes.

-- A constraint cannot be changed, so the column is made anew.
DROP INDEX jobs_by_state;
ALTER TABLE jobs ADD COLUMN held TEXT NOT NULL DEFAULT 'none' CHECK (held IN ('none', 'paused', 'draining', 'preview', 'approval'));
UPDATE jobs SET held = hold;
ALTER TABLE jobs DROP COLUMN hold;
ALTER TABLE jobs RENAME COLUMN held TO hold;
CREATE INDEX jobs_by_state ON jobs (state, hold);

-- How far the preview of a job is: there is none, it is being made, it is made and waits for approval, or the rest goes on.
ALTER TABLE jobs ADD COLUMN preview TEXT NOT NULL DEFAULT 'none' CHECK (preview IN ('none', 'rendering', 'waiting', 'over'));
ALTER TABLE jobs ADD COLUMN approve BOOLEAN NOT NULL DEFAULT FALSE; -- whether the rest waits for somebody to approve the preview
ALTER TABLE jobs ADD COLUMN keep_latents BIGINT; -- milliseconds that latents are kept after the end; for good when absent
ALTER TABLE jobs ADD COLUMN keep_film BIGINT; -- the same for inputs, parts and film
ALTER TABLE jobs ADD COLUMN latents_gone BIGINT; -- when they were removed
ALTER TABLE jobs ADD COLUMN film_gone BIGINT;
ALTER TABLE tasks ADD COLUMN preview BOOLEAN NOT NULL DEFAULT FALSE; -- whether the preview needs it

CREATE INDEX jobs_previewing ON jobs (id) WHERE preview = 'rendering';
CREATE INDEX tasks_of_previews ON tasks (job) WHERE preview = TRUE AND state <> 'done';

-- For the sweep, which looks for ended jobs whose time is up.
CREATE INDEX jobs_of_old_latents ON jobs (ended) WHERE keep_latents IS NOT NULL AND latents_gone IS NULL;
CREATE INDEX jobs_of_old_films ON jobs (ended) WHERE keep_film IS NOT NULL AND film_gone IS NULL;
