-- Pools of workers, and the workers that were seen: of the deployment.

-- The token of a pool's workers is kept as its SHA-256.
CREATE TABLE worker_pool (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    only_org TEXT,
    token_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE TABLE worker (
    id TEXT PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES worker_pool (id),
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    slots BIGINT NOT NULL,
    scheduler TEXT,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX worker_by_pool ON worker (pool_id, seen_at);

-- The attempt whose worker uploads: members neither see nor use what it is.
ALTER TABLE upload ADD COLUMN run_id TEXT;
CREATE INDEX upload_by_run ON upload (org_id, run_id);
