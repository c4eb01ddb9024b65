-- Keys, uploads, stored bytes and datasets.

-- Wrapped private keys: the organisation's (no project) by the key provider,
-- a project's by the organisation's.
CREATE TABLE data_key (
    org_id TEXT NOT NULL REFERENCES org (id),
    id TEXT NOT NULL,
    project_id TEXT,
    recipient TEXT NOT NULL,
    wrapped TEXT NOT NULL,
    wrapped_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id)
);
CREATE INDEX data_key_by_project ON data_key (org_id, project_id);

-- Bytes in the object store; size and digest are of the plain bytes. The head
-- is the age header and nonce that the stored file begins with: another file
-- in its place is refused before its first byte is read.
CREATE TABLE blob (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    object_name TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    stored_size BIGINT NOT NULL,
    head_size BIGINT NOT NULL,
    head_sha256 TEXT NOT NULL,
    data_key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    FOREIGN KEY (org_id, data_key_id) REFERENCES data_key (org_id, id)
);
CREATE INDEX blob_by_name ON blob (org_id, object_name);

CREATE TABLE upload (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    name TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    part_size BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'complete', 'aborted')),
    blob_id TEXT,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    FOREIGN KEY (org_id, blob_id) REFERENCES blob (org_id, id)
);
CREATE INDEX upload_by_project ON upload (org_id, project_id, id);
CREATE INDEX upload_by_expiry ON upload (org_id, expires_at);
CREATE INDEX upload_by_blob ON upload (org_id, blob_id);

CREATE TABLE upload_part (
    org_id TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    object_name TEXT NOT NULL,
    stored_size BIGINT NOT NULL,
    head_size BIGINT NOT NULL,
    head_sha256 TEXT NOT NULL,
    data_key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, upload_id, number),
    FOREIGN KEY (org_id, data_key_id) REFERENCES data_key (org_id, id),
    FOREIGN KEY (org_id, upload_id) REFERENCES upload (org_id, id) ON DELETE CASCADE
);
CREATE INDEX upload_part_by_name ON upload_part (org_id, object_name);

CREATE TABLE dataset (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    blob_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    deleted_at BIGINT,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    FOREIGN KEY (org_id, blob_id) REFERENCES blob (org_id, id)
);
CREATE INDEX dataset_by_project ON dataset (org_id, project_id, id);
CREATE INDEX dataset_by_blob ON dataset (org_id, blob_id);
