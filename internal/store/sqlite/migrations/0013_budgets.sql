-- Teams and budgets. members is JSON: ids of keys, names of users and of projects. version is that of the row's last change,
-- which meta.budgets_version counts; name_folded is the name in lower case.
CREATE TABLE teams (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, name_folded TEXT NOT NULL UNIQUE, description TEXT NOT NULL, members TEXT NOT NULL,
	created_at INTEGER NOT NULL, version INTEGER NOT NULL
);

-- scope and subject say what it is for, see store.BudgetScope; amount is nano-USD where cost is 1, else tokens; period is
-- store.Period, and first the day that it begins on.
CREATE TABLE budgets (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, name_folded TEXT NOT NULL UNIQUE, scope TEXT NOT NULL, subject TEXT NOT NULL,
	cost INTEGER NOT NULL, amount INTEGER NOT NULL, period INTEGER NOT NULL, first INTEGER NOT NULL, hard INTEGER NOT NULL,
	created_at INTEGER NOT NULL, version INTEGER NOT NULL
);
CREATE INDEX budgets_subject ON budgets (scope, subject);
INSERT INTO meta (name, value) VALUES ('budgets_version', 1);
