-- Saved views of the console: a page with the query of its address. owner is a user's id, '' where nobody signs in;
-- name_folded is the name in lower case; version counts the changes of the row.
CREATE TABLE views (
	id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, name_folded TEXT NOT NULL, shared INTEGER NOT NULL, page TEXT NOT NULL,
	query TEXT NOT NULL, created_at INTEGER NOT NULL, version INTEGER NOT NULL, UNIQUE (owner, name_folded)
);
