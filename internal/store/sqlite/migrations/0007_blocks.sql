-- Records are kept in blocks of up to 256 that start in one hour of UTC, see internal/store/block. blocks is what is kept
-- of them in memory: the hour (Unix time / 3600), first and last start (Unix ns), the number of records and their summary.
-- block_data is what is read when it is asked for. recent has what was written since: the changes of one write each.
-- The rows of calls, call_ids and gaps are put into blocks when a database comes to this version, and these tables dropped.
CREATE TABLE blocks (
	id INTEGER PRIMARY KEY, hour INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, records INTEGER NOT NULL, summary BLOB NOT NULL
);
CREATE TABLE block_data (id INTEGER PRIMARY KEY, figures BLOB NOT NULL, names BLOB NOT NULL);
CREATE TABLE recent (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
-- blocks_version is raised whenever blocks change, so that a reader knows which of them it sees.
INSERT INTO meta (name, value) VALUES ('blocks_version', 1);
INSERT OR IGNORE INTO meta (name, value) VALUES ('last_seen', 0);
DELETE FROM meta WHERE name = 'records';
