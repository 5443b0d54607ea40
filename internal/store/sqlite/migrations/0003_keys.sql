-- Keys in full. settings is JSON: models and limits. version is that of the key's last change, see
-- meta.keys_version. name_folded is the name in lower case, of all scripts where this program wrote it.
ALTER TABLE api_keys ADD COLUMN name_folded TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE api_keys ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
UPDATE api_keys SET name_folded = lower(name);
INSERT INTO meta (name, value) VALUES ('keys_version', 1);
DROP INDEX api_keys_name;
CREATE UNIQUE INDEX api_keys_name ON api_keys (name_folded) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_version ON api_keys (version);

-- Every fingerprint that a key has or had; place 0 is the one in use, the older ones follow from the oldest.
CREATE TABLE api_key_secrets (
	fingerprint TEXT PRIMARY KEY, key_id TEXT NOT NULL, place INTEGER NOT NULL, display TEXT NOT NULL, until INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX api_key_secrets_key ON api_key_secrets (key_id, place);
INSERT INTO api_key_secrets (fingerprint, key_id, place, display) SELECT fingerprint, id, 0, display FROM api_keys;

-- What was spent with keys in calls that retention removed, by quarter of an hour since the Unix epoch; slot 0 is
-- what was spent long ago, the fingerprint '' all calls.
CREATE TABLE forgotten (
	fingerprint TEXT NOT NULL, slot INTEGER NOT NULL, calls INTEGER NOT NULL, tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
	PRIMARY KEY (fingerprint, slot)
) WITHOUT ROWID;
