package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// members is the JSON of a team's members column.
type members struct {
	Keys     []string `json:"keys,omitempty"`
	Users    []string `json:"users,omitempty"`
	Projects []string `json:"projects,omitempty"`
}

const selectBudgetsVersion = "SELECT value FROM meta WHERE name = 'budgets_version'"

// Budgets lists teams and budgets where they changed after a version. Where none did, it asks for the version alone.
func (d *Directory) Budgets(ctx context.Context, after int64) (list *store.BudgetList, version int64, err error) {
	if err := d.db.QueryRow(ctx, selectBudgetsVersion).Scan(&version); err != nil {
		return nil, 0, database.Map("read the version of the budgets", err)
	}
	if version == after {
		return nil, version, nil
	}
	list = &store.BudgetList{}
	err = d.db.Snapshot(ctx, func(tx database.Querier) error { // version and rows of one moment
		if err := tx.QueryRow(ctx, selectBudgetsVersion).Scan(&version); err != nil {
			return database.Map("read the version of the budgets", err)
		}
		if list.Teams, err = readTeams(ctx, tx); err != nil {
			return err
		}
		list.Budgets, err = readBudgets(ctx, tx)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return list, version, nil
}

func readTeams(ctx context.Context, q database.Querier) (teams []store.Team, err error) {
	rows, err := q.Query(ctx, `SELECT id, name, description, members, created_at, version FROM teams ORDER BY name_folded COLLATE "C"`)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var t store.Team
			var created int64
			var text string
			if err := r.Scan(&t.ID, &t.Name, &t.Description, &text, &created, &t.Version); err != nil {
				return err
			}
			var m members
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				return fmt.Errorf("%w: the members of team %s cannot be read: %w", store.ErrCorrupt, t.ID, err)
			}
			t.Keys, t.Users, t.Projects, t.CreatedAt = m.Keys, m.Users, m.Projects, time.Unix(0, created).UTC()
			teams = append(teams, t)
			return nil
		})
	}
	return teams, database.Map("list the teams", err)
}

func readBudgets(ctx context.Context, q database.Querier) (budgets []store.BudgetRow, err error) {
	rows, err := q.Query(ctx, `SELECT id, name, scope, subject, cost, amount, period, first, hard, created_at, version
FROM budgets ORDER BY name_folded COLLATE "C"`)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var b store.BudgetRow
			var created int64
			err := r.Scan(&b.ID, &b.Name, &b.Scope, &b.Subject, &b.Cost, &b.Limit, &b.Period, &b.First, &b.Hard, &created, &b.Version)
			b.CreatedAt = time.Unix(0, created).UTC()
			budgets = append(budgets, b)
			return err
		})
	}
	return budgets, database.Map("list the budgets", err)
}

func nextBudgetsVersion(ctx context.Context, tx *database.Tx) (version int64, err error) {
	err = tx.QueryRow(ctx, "UPDATE meta SET value = value + 1 WHERE name = 'budgets_version' RETURNING value").Scan(&version)
	return version, database.Map("count the change of the budgets", err)
}

// full returns tooMany where a table has limit rows already.
func full(ctx context.Context, tx *database.Tx, count string, limit int, tooMany error) error {
	var n int
	if err := tx.QueryRow(ctx, count).Scan(&n); err != nil {
		return database.Map("count what is stored", err)
	}
	if n >= limit {
		return tooMany
	}
	return nil
}

// found reports whether a query has a row.
func found(ctx context.Context, tx *database.Tx, query string, args ...any) (bool, error) {
	var n int
	ok, err := database.One(tx.QueryRow(ctx, query, args...), &n)
	return ok, database.Map("look for what is stored", err)
}

// AddTeam stores a new team.
func (d *Directory) AddTeam(ctx context.Context, limit int, t store.Team, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if err := full(ctx, tx, "SELECT count(*) FROM teams", limit, store.ErrTooManyTeams); err != nil {
			return err
		}
		return putTeam(ctx, tx, &t)
	})
}

// UpdateTeam replaces a stored team.
func (d *Directory) UpdateTeam(ctx context.Context, t store.Team, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if err := sameTeam(ctx, tx, t.ID, t.Version); err != nil {
			return err
		}
		return putTeam(ctx, tx, &t)
	})
}

// sameTeam returns an error where a team is not stored in a version.
func sameTeam(ctx context.Context, tx *database.Tx, id string, version int64) error {
	if !storable(id) {
		return store.ErrTeamUnknown
	}
	ok, err := found(ctx, tx, "SELECT 1 FROM teams WHERE id = $1 AND version = $2", id, version)
	if err == nil && !ok {
		err = missing(ctx, tx, "SELECT 1 FROM teams WHERE id = $1", id, store.ErrTeamUnknown)
	}
	return err
}

func putTeam(ctx context.Context, tx *database.Tx, t *store.Team) error {
	taken, err := found(ctx, tx, "SELECT 1 FROM teams WHERE name_folded = $1 AND id <> $2", foldName(t.Name), t.ID)
	if err == nil && taken {
		err = store.ErrTeamExists
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(members{t.Keys, t.Users, t.Projects})
	if err != nil {
		return fmt.Errorf("write a team's members: %w", err)
	}
	version, err := nextBudgetsVersion(ctx, tx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO teams (id, name, name_folded, description, members, created_at, version) VALUES ($1,$2,$3,$4,$5,$6,$7)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded, description = excluded.description,
members = excluded.members, version = excluded.version`,
		t.ID, t.Name, foldName(t.Name), t.Description, string(text), t.CreatedAt.UnixNano(), version)
	return database.Map("store a team", err)
}

// DeleteTeam removes a team.
func (d *Directory) DeleteTeam(ctx context.Context, id string, version int64, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if err := sameTeam(ctx, tx, id, version); err != nil {
			return err
		}
		used, err := found(ctx, tx, "SELECT 1 FROM budgets WHERE scope = 'team' AND subject = $1 LIMIT 1", id)
		if err == nil && used {
			err = store.ErrTeamInUse
		}
		if err != nil {
			return err
		}
		if _, err := nextBudgetsVersion(ctx, tx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM teams WHERE id = $1", id)
		return database.Map("remove a team", err)
	})
}

// AddBudget stores a new budget.
func (d *Directory) AddBudget(ctx context.Context, limit int, b store.BudgetRow, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if err := full(ctx, tx, "SELECT count(*) FROM budgets", limit, store.ErrTooManyBudgets); err != nil {
			return err
		}
		return putBudget(ctx, tx, &b)
	})
}

// UpdateBudget replaces a stored budget.
func (d *Directory) UpdateBudget(ctx context.Context, b store.BudgetRow, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if !storable(b.ID) {
			return store.ErrBudgetUnknown
		}
		ok, err := found(ctx, tx, "SELECT 1 FROM budgets WHERE id = $1 AND version = $2", b.ID, b.Version)
		if err == nil && !ok {
			err = missing(ctx, tx, "SELECT 1 FROM budgets WHERE id = $1", b.ID, store.ErrBudgetUnknown)
		}
		if err != nil {
			return err
		}
		return putBudget(ctx, tx, &b)
	})
}

func putBudget(ctx context.Context, tx *database.Tx, b *store.BudgetRow) error {
	taken, err := found(ctx, tx, "SELECT 1 FROM budgets WHERE name_folded = $1 AND id <> $2", foldName(b.Name), b.ID)
	if err == nil && taken {
		err = store.ErrBudgetExists
	}
	if err != nil {
		return err
	}
	if b.Scope == store.ScopeTeam {
		there := false
		if storable(b.Subject) {
			if there, err = found(ctx, tx, "SELECT 1 FROM teams WHERE id = $1", b.Subject); err != nil {
				return err
			}
		}
		if !there {
			return store.ErrTeamUnknown
		}
	}
	version, err := nextBudgetsVersion(ctx, tx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO budgets
(id, name, name_folded, scope, subject, cost, amount, period, first, hard, created_at, version) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded, scope = excluded.scope, subject = excluded.subject,
cost = excluded.cost, amount = excluded.amount, period = excluded.period, first = excluded.first, hard = excluded.hard, version = excluded.version`,
		b.ID, b.Name, foldName(b.Name), string(b.Scope), b.Subject, b.Cost, b.Limit, int16(b.Period), int16(b.First), b.Hard, b.CreatedAt.UnixNano(), version)
	return database.Map("store a budget", err)
}

// DeleteBudget removes a budget.
func (d *Directory) DeleteBudget(ctx context.Context, id string, version int64, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if !storable(id) {
			return store.ErrBudgetUnknown
		}
		n, err := tx.Exec(ctx, "DELETE FROM budgets WHERE id = $1 AND version = $2", id, version)
		err = changed(n, database.Map("remove a budget", err), store.ErrChanged)
		if errors.Is(err, store.ErrChanged) {
			return missing(ctx, tx, "SELECT 1 FROM budgets WHERE id = $1", id, store.ErrBudgetUnknown)
		}
		if err != nil {
			return err
		}
		_, err = nextBudgetsVersion(ctx, tx)
		return err
	})
}
