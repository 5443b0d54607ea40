-- +goose Up

-- What people set in the console and what programs note of their work, see store.Documents. Times are Unix ns. The version of
-- a kind is that of the last change of any of its documents.
CREATE TABLE document_kinds (kind text PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE documents (
	kind text NOT NULL, id text NOT NULL, body text NOT NULL,
	created_at bigint NOT NULL, updated_at bigint NOT NULL, version bigint NOT NULL, PRIMARY KEY (kind, id)
);

-- +goose Down
DROP TABLE documents, document_kinds;
