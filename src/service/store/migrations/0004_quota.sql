-- Plans, what organisations may use, and what they used.

-- Of the deployment. A limit that is null is none. The price is of a core-hour,
-- in millionths of the currency.
CREATE TABLE plan (
    name TEXT PRIMARY KEY,
    weight BIGINT NOT NULL CHECK (weight > 0),
    running_jobs BIGINT,
    waiting_jobs BIGINT,
    core_seconds BIGINT,
    stored_bytes BIGINT,
    price BIGINT NOT NULL,
    currency TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The plan of an organisation, and what it may use instead of the plan's.
-- Without a row nothing is limited.
CREATE TABLE quota (
    org_id TEXT PRIMARY KEY REFERENCES org (id),
    plan TEXT NOT NULL REFERENCES plan (name),
    running_jobs BIGINT,
    waiting_jobs BIGINT,
    core_seconds BIGINT,
    stored_bytes BIGINT,
    updated_at BIGINT NOT NULL
);

-- What one attempt used, written where it ends. Never changed.
CREATE TABLE usage_event (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    member_id TEXT,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    core_milliseconds BIGINT NOT NULL,
    wall_milliseconds BIGINT NOT NULL,
    peak_memory_mib BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    currency TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id)
);
CREATE INDEX usage_event_by_end ON usage_event (org_id, ended_at);

-- Sums of usage_event by month of the end, which quotas and metrics read. Slots
-- part the writers: a sum is that of all its slots.
CREATE TABLE usage_month (
    org_id TEXT NOT NULL REFERENCES org (id),
    month TEXT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    currency TEXT NOT NULL,
    slot BIGINT NOT NULL,
    core_milliseconds BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (org_id, month, kind, outcome, currency, slot)
);

-- Statements of months that have ended. Never changed.
CREATE TABLE statement (
    org_id TEXT NOT NULL REFERENCES org (id),
    month TEXT NOT NULL,
    document TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, month)
);
