-- What an API token may do besides what every token of its role may; empty for nothing.
ALTER TABLE api_tokens ADD COLUMN scope TEXT NOT NULL DEFAULT '';

-- Entries of the audit log are dropped class by class, so that what many can make many of does not push out the
-- rest: 0 for what operators and admins change, 1 for people's rights, 2 for what people change of their own.
-- Entries of before are of class 1 where they tell of users.
DROP TRIGGER audit_log_fixed;
ALTER TABLE audit_log ADD COLUMN class INTEGER NOT NULL DEFAULT 0;
UPDATE audit_log SET class = 1 WHERE action IN ('user.create', 'user.update', 'user.delete', 'user.sign_out');
UPDATE audit_log SET class = 2 WHERE action IN ('session.create', 'session.end', 'user.password', 'user.rehash');
CREATE TRIGGER audit_log_fixed BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE INDEX audit_log_class ON audit_log (class, id);

-- A key's name is its owner's: whether others have one of the same name is not theirs to find out.
DROP INDEX api_keys_name;
CREATE UNIQUE INDEX api_keys_name ON api_keys (owner, name_folded) WHERE revoked_at IS NULL;
