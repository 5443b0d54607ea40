-- +goose Up

-- Batches that any process accepted, in the ledger's encoding, until the leader has decided them: the transaction that commits
-- their effects removes them. id is the identity of the acceptance, bytes the length of data.
CREATE TABLE inbox (
	seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id bytea NOT NULL UNIQUE,
	bytes bigint NOT NULL,
	at timestamptz NOT NULL,
	data bytea NOT NULL
);
ALTER TABLE inbox ALTER COLUMN data SET STORAGE EXTERNAL;
-- Rows come and go: without this the dead ones are read over and over.
ALTER TABLE inbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Changes of all sums for the processes that follow. NULL where the process that wrote the change knows nothing of it.
ALTER TABLE changes ADD COLUMN feed bytea;
ALTER TABLE changes ALTER COLUMN feed SET STORAGE EXTERNAL;

-- Processes that use the database; started is Unix ns by the clock of the process, seq the last commit that its answers include.
CREATE TABLE members (
	holder text PRIMARY KEY, version text NOT NULL, seq bigint NOT NULL, started bigint NOT NULL, seen timestamptz NOT NULL
);

-- +goose Down
DROP TABLE inbox, members;
ALTER TABLE changes DROP COLUMN feed;
