-- +goose Up

-- Attempts to sign in that count in limits of all replicas. id is a keyed hash of the cause; last, often, rare and until are Unix ns, 0 for
-- never; nothing of a row counts after until.
CREATE TABLE attempts (
	id bytea PRIMARY KEY, kind smallint NOT NULL, failures integer NOT NULL, last bigint NOT NULL, often bigint NOT NULL, rare bigint NOT NULL,
	until bigint NOT NULL, changed_at bigint NOT NULL
);

-- +goose Down
DROP TABLE attempts;
