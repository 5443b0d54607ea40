-- The ledger's sums, as it encodes them: id is the UTC day * 16 + the axis. hours has the hours (Unix time / 3600)
-- whose records changed lately; untrue says that the stored sums lack such a change.
CREATE TABLE sums (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE hours (hour INTEGER PRIMARY KEY, untrue INTEGER NOT NULL, seen INTEGER NOT NULL);
INSERT INTO hours SELECT DISTINCT (key >> 12) / 3600000000, 1, 0 FROM calls;
INSERT INTO meta (name, value) SELECT 'records', count(*) FROM calls;
INSERT INTO meta (name, value) SELECT 'last_seen', coalesce(max(seen), 0) FROM calls;
