-- Who may use the console, and what they changed.

CREATE TABLE audit_log (
	id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, also after the newest entries are dropped
	time INTEGER NOT NULL,
	actor_id TEXT NOT NULL, actor_name TEXT NOT NULL, via TEXT NOT NULL, source_ip TEXT NOT NULL,
	action TEXT NOT NULL,
	target_type TEXT NOT NULL, target_id TEXT NOT NULL, target_name TEXT NOT NULL,
	before TEXT, after TEXT
);
CREATE INDEX audit_log_target ON audit_log (target_id);
CREATE TRIGGER audit_log_fixed BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE users (
	id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, role TEXT NOT NULL,
	subject TEXT NOT NULL, -- issuer and subject of an OpenID Connect user; empty for a local one
	password TEXT NOT NULL, -- argon2id in PHC form; empty: cannot sign in with one
	disabled INTEGER NOT NULL, created_at INTEGER NOT NULL, seen_at INTEGER
);
CREATE UNIQUE INDEX users_subject ON users (subject) WHERE subject <> '';
CREATE TABLE sessions (
	hash BLOB PRIMARY KEY, -- SHA-256 of the session's token
	user TEXT NOT NULL, data BLOB NOT NULL, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);
CREATE TABLE api_tokens (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL,
	hash BLOB NOT NULL UNIQUE, -- SHA-256 of the token
	display TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, used_at INTEGER
);
CREATE INDEX api_tokens_user ON api_tokens (user);
