-- +goose Up

-- One row for each kind of write: it serialises writes of its kind, and numbers them. Whoever has locked the row knows that no
-- write of the kind is under way. Of ledger, version is that of the blocks and texts that of the removed dims; of
-- directory, version is that of the keys.
CREATE TABLE state (
	task text PRIMARY KEY,
	seq bigint NOT NULL,
	version bigint NOT NULL,
	texts bigint NOT NULL
);
INSERT INTO state (task, seq, version, texts) VALUES ('ledger', 0, 1, 1), ('directory', 0, 1, 1);

-- last_seen is when a record was last put (Unix s), epoch that of the last lease, audit that of the last
-- entry of the audit log. floor (Unix ns) and key_secret (the check
-- value of the secret that keys fingerprints) are there when they are known.
CREATE TABLE meta (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO meta (name, value) VALUES ('last_seen', 0), ('epoch', 0), ('audit', 0), ('changes_dropped', 0);

-- The identities of the last writes: one whose outcome is not known is asked for, and none is applied twice.
CREATE TABLE writes (id bytea PRIMARY KEY, task text NOT NULL, seq bigint NOT NULL);
CREATE INDEX writes_seq ON writes (task, seq);

-- Who does a task, by the clock of this database.
CREATE TABLE leases (
	task text PRIMARY KEY,
	holder text NOT NULL,
	epoch bigint NOT NULL,
	until timestamptz NOT NULL
);

-- Texts that many records share; seq is the write that added one.
CREATE TABLE dims (id bigint PRIMARY KEY, kind smallint NOT NULL, value text NOT NULL, seq bigint NOT NULL);
CREATE INDEX dims_seq ON dims (seq);

-- Records are kept in blocks of up to 256 that start in one hour of UTC, see internal/store/block. blocks is what every
-- process keeps of them in memory: the hour (Unix time / 3600), first and last start (Unix ns), number of records, summary.
-- A block never changes, and none gets the id of an earlier one.
CREATE TABLE blocks (
	id bigint PRIMARY KEY, hour bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL, records bigint NOT NULL, summary bytea NOT NULL,
	bytes bigint NOT NULL -- of its data
);
CREATE TABLE block_data (id bigint PRIMARY KEY, figures bytea NOT NULL, names bytea NOT NULL);
ALTER TABLE block_data ALTER COLUMN figures SET STORAGE EXTERNAL; -- they are packed already
ALTER TABLE block_data ALTER COLUMN names SET STORAGE EXTERNAL;

-- What was written since: the records of one write each, by its number. All processes follow it.
CREATE TABLE recent (seq bigint PRIMARY KEY, data bytea NOT NULL);
ALTER TABLE recent ALTER COLUMN data SET STORAGE EXTERNAL;

-- Places of spans in their traces; seen is Unix s.
CREATE TABLE links (
	trace bytea NOT NULL, span bytea NOT NULL, parent bytea NOT NULL, tool boolean NOT NULL, seen bigint NOT NULL,
	PRIMARY KEY (trace, span)
);
CREATE INDEX links_seen ON links (seen);

-- The ledger's sums, as it encodes them; hours whose records changed lately (Unix time / 3600; seen is Unix s); what writes
-- changed in the ledger's series, by the number of the write; and the series as a whole, in at most one row, up to a number.
CREATE TABLE sums (part smallint NOT NULL, day bigint NOT NULL, axis smallint NOT NULL, data bytea NOT NULL, PRIMARY KEY (part, day, axis));
CREATE TABLE hours (hour bigint PRIMARY KEY, dirty boolean NOT NULL, seen bigint NOT NULL);
-- Changes are kept for a while after they are in the series, for those that follow them; meta.changes_dropped is the number
-- of the last one that is not.
CREATE TABLE changes (seq bigint PRIMARY KEY, data bytea NOT NULL, at timestamptz NOT NULL);
CREATE TABLE series (id smallint PRIMARY KEY CHECK (id = 1), through bigint NOT NULL, data bytea NOT NULL);

-- What was spent with keys in calls that retention removed, by the start (Unix ns) of the quarter of an hour; start 0 is
-- what was spent long ago, the fingerprint '' all calls.
CREATE TABLE forgotten (
	fingerprint text NOT NULL, start bigint NOT NULL, calls bigint NOT NULL, tokens bigint NOT NULL, cost bigint NOT NULL,
	PRIMARY KEY (fingerprint, start)
);

-- API keys. Times are Unix ns. settings is JSON: models and limits. version is that of the key's last change.
-- name_folded is the name in lower case; a name is its owner's alone.
CREATE TABLE api_keys (
	id text PRIMARY KEY, name text NOT NULL, name_folded text NOT NULL, description text NOT NULL, fingerprint text NOT NULL UNIQUE,
	display text NOT NULL, owner text NOT NULL, imported boolean NOT NULL, created_at bigint NOT NULL, expires_at bigint, revoked_at bigint,
	disabled boolean NOT NULL, settings text NOT NULL, version bigint NOT NULL
);
CREATE UNIQUE INDEX api_keys_name ON api_keys (owner, name_folded) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_version ON api_keys (version);

-- Every fingerprint that a key has or had; place 0 is the one in use, the older ones follow from the oldest.
CREATE TABLE api_key_secrets (
	fingerprint text PRIMARY KEY, key_id text NOT NULL, place integer NOT NULL, display text NOT NULL, until bigint,
	UNIQUE (key_id, place)
);

-- Who may use the console. subject is issuer and subject of an OpenID Connect user, empty for a local one; password is
-- argon2id in PHC form, empty where it cannot sign in with one; version is raised by every change, but not of seen_at.
CREATE TABLE users (
	id text PRIMARY KEY, name text NOT NULL UNIQUE, display_name text NOT NULL, role text NOT NULL, subject text NOT NULL,
	password text NOT NULL, disabled boolean NOT NULL, created_at bigint NOT NULL, seen_at bigint, version bigint NOT NULL
);
CREATE UNIQUE INDEX users_subject ON users (subject) WHERE subject <> '';

-- hash is SHA-256 of the session's or API token's token.
CREATE TABLE sessions (
	hash bytea PRIMARY KEY, user_id text NOT NULL, data bytea NOT NULL, created_at bigint NOT NULL, seen_at bigint NOT NULL, expires_at bigint NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE TABLE api_tokens (
	id text PRIMARY KEY, name text NOT NULL, user_id text NOT NULL, role text NOT NULL, scope text NOT NULL, hash bytea NOT NULL UNIQUE,
	display text NOT NULL, created_at bigint NOT NULL, expires_at bigint, used_at bigint
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

-- What people changed; class is store.AuditClass. Ids ascend in the order of commits, and none is given twice, see meta.
CREATE TABLE audit_log (
	id bigint PRIMARY KEY, time bigint NOT NULL, actor_id text NOT NULL, actor_name text NOT NULL, via text NOT NULL, source_ip text NOT NULL,
	action text NOT NULL, target_type text NOT NULL, target_id text NOT NULL, target_name text NOT NULL, before text, after text,
	class smallint NOT NULL
);
CREATE INDEX audit_log_target ON audit_log (target_id);
CREATE INDEX audit_log_class ON audit_log (class, id);

-- +goose Down
DROP TABLE state, meta, writes, leases, dims, blocks, block_data, recent, links, sums, hours, changes, series, forgotten,
	api_keys, api_key_secrets, users, sessions, api_tokens, audit_log;
