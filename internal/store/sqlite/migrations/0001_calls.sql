-- Calls in time order. key is (start in microseconds << 12 | bits of the id), see rowKey.
-- Texts that repeat are ids of rows in dims; ids of single calls are in call_ids, off the hot rows.

CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE dims (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (kind, value));
CREATE TABLE calls (
	key INTEGER PRIMARY KEY,
	id BLOB NOT NULL,
	start_offset INTEGER NOT NULL,
	parent BLOB,
	state INTEGER NOT NULL,
	superseded_by BLOB,
	seen INTEGER NOT NULL,
	model INTEGER NOT NULL, provider INTEGER NOT NULL, api_key INTEGER NOT NULL, user INTEGER NOT NULL,
	service INTEGER NOT NULL, project INTEGER NOT NULL, emitter INTEGER NOT NULL, request INTEGER NOT NULL,
	status INTEGER NOT NULL, error_type INTEGER NOT NULL,
	input_uncached INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
	output_text INTEGER NOT NULL, reasoning INTEGER NOT NULL, fields INTEGER NOT NULL,
	cost INTEGER NOT NULL, reported_cost INTEGER, quality INTEGER NOT NULL,
	duration INTEGER NOT NULL, ttft INTEGER NOT NULL
);
CREATE INDEX calls_api_key ON calls (api_key) WHERE state & 1;
CREATE INDEX calls_failed ON calls (key) WHERE state & 2;
CREATE TABLE call_ids (
	key INTEGER PRIMARY KEY, trace BLOB, span BLOB, response_id TEXT NOT NULL, request_id TEXT NOT NULL,
	session TEXT NOT NULL, echo_group TEXT NOT NULL
);
CREATE TABLE gaps (key INTEGER PRIMARY KEY);
CREATE TABLE links (
	trace BLOB NOT NULL, span BLOB NOT NULL, parent BLOB NOT NULL, tool INTEGER NOT NULL, seen INTEGER NOT NULL,
	PRIMARY KEY (trace, span)
) WITHOUT ROWID;
CREATE TABLE api_keys (
	id TEXT PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, description TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE,
	display TEXT NOT NULL, owner TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER
);
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;
