-- +goose Up

-- Teams and budgets. members is JSON: ids of keys, names of users and of projects. version is that of the row's last change,
-- which meta.budgets_version counts; name_folded is the name in lower case.
CREATE TABLE teams (
	id text PRIMARY KEY, name text NOT NULL, name_folded text NOT NULL UNIQUE, description text NOT NULL, members text NOT NULL,
	created_at bigint NOT NULL, version bigint NOT NULL
);

-- scope and subject say what it is for, see store.BudgetScope; amount is nano-USD where cost is true, else tokens; period is
-- store.Period, and first the day that it begins on.
CREATE TABLE budgets (
	id text PRIMARY KEY, name text NOT NULL, name_folded text NOT NULL UNIQUE, scope text NOT NULL, subject text NOT NULL,
	cost boolean NOT NULL, amount bigint NOT NULL, period smallint NOT NULL, first smallint NOT NULL, hard boolean NOT NULL,
	created_at bigint NOT NULL, version bigint NOT NULL
);
CREATE INDEX budgets_subject ON budgets (scope, subject);
INSERT INTO meta (name, value) VALUES ('budgets_version', 1);

-- +goose Down
DROP TABLE teams, budgets;
DELETE FROM meta WHERE name = 'budgets_version';
