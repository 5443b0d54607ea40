-- +goose Up

-- Saved views of the console: a page with the query of its address. owner is a user's id, '' where nobody signs in;
-- name_folded is the name in lower case; version counts the changes of the row.
CREATE TABLE views (
	id text PRIMARY KEY, owner text NOT NULL, name text NOT NULL, name_folded text NOT NULL, shared boolean NOT NULL, page text NOT NULL,
	query text NOT NULL, created_at bigint NOT NULL, version bigint NOT NULL, UNIQUE (owner, name_folded)
);

-- +goose Down
DROP TABLE views;
