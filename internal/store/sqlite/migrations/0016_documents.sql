-- What people set in the console and what programs note of their work, see store.Documents. The version of a kind is that of
-- the last change of any of its documents.
CREATE TABLE document_kinds (kind TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
	kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
	created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (kind, id)
);
