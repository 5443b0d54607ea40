-- +goose Up

-- The newest format of calls that a process reads: 1 of the versions that do not say. The leader writes nothing that one of them
-- does not read; format in meta is the newest that it has begun to write.
ALTER TABLE members ADD COLUMN reads integer NOT NULL DEFAULT 1;
INSERT INTO meta (name, value) VALUES ('format', 1);

-- +goose Down
DELETE FROM meta WHERE name = 'format';
ALTER TABLE members DROP COLUMN reads;
