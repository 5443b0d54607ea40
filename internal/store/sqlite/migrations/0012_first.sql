-- The schema of the first release. Versions 1 to 11 were those of development; databases of them are refused.

CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
-- blocks_version is raised whenever blocks change, so that a reader can compare which of them it sees; last_seen is when
-- a record was last put (Unix s); keys_version is that of the last change of a key; epoch is that of the last lease. floor
-- (the retention watermark, Unix ns) and key_secret (secret.go) exist when they have a value.
INSERT INTO meta (name, value) VALUES ('blocks_version', 1), ('last_seen', 0), ('keys_version', 1), ('epoch', 0);

-- Texts that many records share.
CREATE TABLE dims (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (kind, value));

-- Records are kept in blocks of up to 256 that start in one hour of UTC, see internal/store/block. blocks is what is kept
-- of them in memory: the hour (Unix time / 3600), first and last start (Unix ns), the number of records and their summary.
-- block_data is what is read when it is asked for. recent has what was written since: the changes of one write each.
CREATE TABLE blocks (
	id INTEGER PRIMARY KEY, hour INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, records INTEGER NOT NULL, summary BLOB NOT NULL
);
CREATE TABLE block_data (id INTEGER PRIMARY KEY, figures BLOB NOT NULL, names BLOB NOT NULL);
CREATE TABLE recent (id INTEGER PRIMARY KEY, data BLOB NOT NULL);

-- Places of spans in their traces.
CREATE TABLE links (
	trace BLOB NOT NULL, span BLOB NOT NULL, parent BLOB NOT NULL, tool INTEGER NOT NULL, seen INTEGER NOT NULL,
	PRIMARY KEY (trace, span)
) WITHOUT ROWID;

-- The identities of the last writes, so that one whose outcome is not known can be asked for, and is not applied twice.
CREATE TABLE writes (n INTEGER PRIMARY KEY, id BLOB NOT NULL);

-- The ledger's sums, as it encodes them: id is the part << 40 + the UTC day * 16 + the axis, so that a start, which reads
-- part 0, passes over no other. hours has the hours (Unix time / 3600) whose records changed lately; dirty says that the
-- stored sums lack such a change.
CREATE TABLE sums (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE hours (hour INTEGER PRIMARY KEY, dirty INTEGER NOT NULL, seen INTEGER NOT NULL);

-- What writes changed in the ledger's series, as it encodes it, in the order of commits; and the series as they were last
-- stored as a whole, in at most one row: they hold the changes up to through, which are not kept.
CREATE TABLE changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE TABLE series (through INTEGER NOT NULL, data BLOB NOT NULL);

-- What was spent with keys in calls that retention removed, as the ledger added it up, by the start (Unix ns) of the
-- quarter of an hour; start 0 is what was spent long ago, the fingerprint '' all calls.
CREATE TABLE forgotten (
	fingerprint TEXT NOT NULL, start INTEGER NOT NULL, calls INTEGER NOT NULL, tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
	PRIMARY KEY (fingerprint, start)
) WITHOUT ROWID;

-- API keys. settings is JSON: models and limits. version is that of the key's last change, see meta.keys_version.
-- name_folded is the name in lower case; a name is its owner's alone, whether others have one of the same name is not
-- theirs to find out.
CREATE TABLE api_keys (
	id TEXT PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, name_folded TEXT NOT NULL, description TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE,
	display TEXT NOT NULL, owner TEXT NOT NULL, imported INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER,
	disabled INTEGER NOT NULL, settings TEXT NOT NULL, version INTEGER NOT NULL
);
CREATE UNIQUE INDEX api_keys_name ON api_keys (owner, name_folded) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_version ON api_keys (version);

-- Every fingerprint that a key has or had; place 0 is the one in use, the older ones follow from the oldest.
CREATE TABLE api_key_secrets (
	fingerprint TEXT PRIMARY KEY, key_id TEXT NOT NULL, place INTEGER NOT NULL, display TEXT NOT NULL, until INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX api_key_secrets_key ON api_key_secrets (key_id, place);

-- Who may use the console.
CREATE TABLE users (
	id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, role TEXT NOT NULL,
	subject TEXT NOT NULL, -- issuer and subject of an OpenID Connect user; empty for a local one
	password TEXT NOT NULL, -- argon2id in PHC form; empty: cannot sign in with one
	disabled INTEGER NOT NULL, created_at INTEGER NOT NULL, seen_at INTEGER,
	version INTEGER NOT NULL -- raised by every change, but not of seen_at
);
CREATE UNIQUE INDEX users_subject ON users (subject) WHERE subject <> '';
CREATE TABLE sessions (
	hash BLOB PRIMARY KEY, -- SHA-256 of the session's token
	user TEXT NOT NULL, data BLOB NOT NULL, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);
CREATE TABLE api_tokens (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL,
	scope TEXT NOT NULL, -- what it may do besides what every token of its role may; empty for nothing
	hash BLOB NOT NULL UNIQUE, -- SHA-256 of the token
	display TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, used_at INTEGER
);
CREATE INDEX api_tokens_user ON api_tokens (user);

-- What people changed. class is store.AuditClass: entries are dropped class by class.
CREATE TABLE audit_log (
	id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, also after the newest entries are dropped
	time INTEGER NOT NULL,
	actor_id TEXT NOT NULL, actor_name TEXT NOT NULL, via TEXT NOT NULL, source_ip TEXT NOT NULL,
	action TEXT NOT NULL,
	target_type TEXT NOT NULL, target_id TEXT NOT NULL, target_name TEXT NOT NULL,
	before TEXT, after TEXT,
	class INTEGER NOT NULL
);
CREATE INDEX audit_log_target ON audit_log (target_id);
CREATE INDEX audit_log_class ON audit_log (class, id);
CREATE TRIGGER audit_log_fixed BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
