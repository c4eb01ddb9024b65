-- Jobs, their attempts, and what these made.

-- What is asked to be computed. The lease is that of the attempt under way.
CREATE TABLE job (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    pool TEXT NOT NULL,
    priority BIGINT NOT NULL,
    spec TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'held', 'running', 'cancelling', 'succeeded',
        'failed', 'cancelled')),
    wanted TEXT CHECK (wanted IN ('cancel', 'hold')),
    attempt BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    most_attempts BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    worker_id TEXT,
    run_id TEXT,
    lease_hash TEXT,
    lease_until BIGINT,
    phase TEXT,
    progress TEXT,
    reason TEXT,
    message TEXT,
    trace TEXT,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id)
);
CREATE INDEX job_by_project ON job (org_id, project_id, id);
-- No other index may fit what claims ask for: before the database has counted a burst
-- of jobs it would take that one and sort them all.
CREATE INDEX job_waiting ON job (org_id, pool, priority DESC, id) WHERE state = 'queued';
CREATE INDEX job_held ON job (org_id) WHERE state = 'held';
CREATE INDEX job_leased ON job (org_id, lease_until) WHERE state IN ('running', 'cancelling');

-- The bytes that a job reads, as they were when it was submitted.
CREATE TABLE job_input (
    org_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    blob_id TEXT NOT NULL,
    PRIMARY KEY (org_id, job_id, number),
    FOREIGN KEY (org_id, job_id) REFERENCES job (org_id, id),
    FOREIGN KEY (org_id, blob_id) REFERENCES blob (org_id, id)
);
CREATE INDEX job_input_by_blob ON job_input (org_id, blob_id);

CREATE TABLE job_event (
    org_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (org_id, job_id, number),
    FOREIGN KEY (org_id, job_id) REFERENCES job (org_id, id)
);

-- What an attempt made; there is a row once the attempt has ended.
CREATE TABLE artifact (
    org_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    blob_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, run_id, name),
    FOREIGN KEY (org_id, run_id) REFERENCES run (org_id, id),
    FOREIGN KEY (org_id, blob_id) REFERENCES blob (org_id, id)
);
CREATE INDEX artifact_by_blob ON artifact (org_id, blob_id);

ALTER TABLE run ADD COLUMN job_id TEXT;
ALTER TABLE run ADD COLUMN attempt BIGINT;
ALTER TABLE run ADD COLUMN worker_id TEXT;
ALTER TABLE run ADD COLUMN lease_hash TEXT;
ALTER TABLE run ADD COLUMN verdict TEXT;
ALTER TABLE run ADD COLUMN row_counts TEXT;
ALTER TABLE run ADD COLUMN reason TEXT;
ALTER TABLE run ADD COLUMN message TEXT;
CREATE INDEX run_by_job ON run (org_id, job_id, attempt);
