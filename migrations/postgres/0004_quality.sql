-- What was measured of the clips and pictures of films. The twin for SQLite has the same table.

CREATE TABLE quality (
    job         TEXT   NOT NULL,
    first_frame BIGINT NOT NULL,
    task        TEXT   NOT NULL,
    attempt     BIGINT NOT NULL,
    end_frame   BIGINT NOT NULL,
    measured    TEXT   NOT NULL, -- JSON
    PRIMARY KEY (job, first_frame, task)
);

CREATE INDEX quality_of_task ON quality (job, task);
