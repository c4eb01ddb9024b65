-- Organisations, their accounts, and what an act leaves behind.
-- One text for PostgreSQL and SQLite: BIGINT is read as INTEGER by the latter;
-- instants are milliseconds since 1970 UTC; states are words.

CREATE TABLE org (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL
);

-- An account of one organisation: a person or a service account.
CREATE TABLE member (
    org_id TEXT NOT NULL REFERENCES org (id),
    id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('person', 'service')),
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'auditor', 'member')),
    password_hash TEXT,
    totp_secret TEXT,
    totp_pending TEXT,
    totp_last_step BIGINT,
    failures BIGINT NOT NULL DEFAULT 0,
    locked_until BIGINT,
    disabled_at BIGINT,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, login)
);

-- How a member is known to an identity provider.
CREATE TABLE identity (
    org_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    member_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, issuer, subject),
    FOREIGN KEY (org_id, member_id) REFERENCES member (org_id, id) ON DELETE CASCADE
);

-- Logins under way at an identity provider.
CREATE TABLE oidc_attempt (
    org_id TEXT NOT NULL REFERENCES org (id),
    state_hash TEXT NOT NULL,
    browser_hash TEXT NOT NULL,
    provider TEXT NOT NULL,
    nonce TEXT NOT NULL,
    pkce_verifier TEXT NOT NULL,
    return_to TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, state_hash)
);

CREATE TABLE session (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    method TEXT NOT NULL,
    source_address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- What ends the login at the identity provider as well.
    id_token TEXT,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, member_id) REFERENCES member (org_id, id) ON DELETE CASCADE
);
CREATE INDEX session_by_member ON session (org_id, member_id);

CREATE TABLE token (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    project_id TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, member_id) REFERENCES member (org_id, id) ON DELETE CASCADE
);
CREATE INDEX token_by_member ON token (org_id, member_id);

CREATE TABLE project (
    org_id TEXT NOT NULL REFERENCES org (id),
    id TEXT NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    deleted_at BIGINT,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, slug)
);

CREATE TABLE project_member (
    org_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('view', 'run', 'admin')),
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, project_id, member_id),
    FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, member_id) REFERENCES member (org_id, id) ON DELETE CASCADE
);
CREATE INDEX project_member_by_member ON project_member (org_id, member_id);

-- "group" is a word of SQL.
CREATE TABLE member_group (
    org_id TEXT NOT NULL REFERENCES org (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    idp_group TEXT,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name)
);

CREATE TABLE group_member (
    org_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('hand', 'idp')),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, group_id, member_id),
    FOREIGN KEY (org_id, group_id) REFERENCES member_group (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, member_id) REFERENCES member (org_id, id) ON DELETE CASCADE
);
CREATE INDEX group_member_by_member ON group_member (org_id, member_id);

-- What a group's members may do in a project.
CREATE TABLE group_map (
    org_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('view', 'run', 'admin')),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, group_id, project_id),
    FOREIGN KEY (org_id, group_id) REFERENCES member_group (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id) ON DELETE CASCADE
);
CREATE INDEX group_map_by_project ON group_map (org_id, project_id);

-- Who did what, when, to which object: inserted in the act's transaction.
CREATE TABLE audit_event (
    org_id TEXT NOT NULL REFERENCES org (id),
    id TEXT NOT NULL,
    actor_id TEXT,
    actor_via TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT,
    project_id TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    reason TEXT,
    at BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    source_address TEXT NOT NULL,
    before_digest TEXT,
    after_digest TEXT,
    PRIMARY KEY (org_id, id)
);

-- Answers to POST by the client's key, kept for a day.
CREATE TABLE idempotency (
    org_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    status BIGINT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, member_id, key),
    FOREIGN KEY (org_id, member_id) REFERENCES member (org_id, id) ON DELETE CASCADE
);
CREATE INDEX idempotency_by_age ON idempotency (org_id, created_at);
