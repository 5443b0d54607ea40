package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

// members is the JSON of a team's members column.
type members struct {
	Keys     []string `json:"keys,omitempty"`
	Users    []string `json:"users,omitempty"`
	Projects []string `json:"projects,omitempty"`
}

// Budgets lists teams and budgets where they changed after a version.
func (d *Directory) Budgets(ctx context.Context, after int64) (*store.BudgetList, int64, error) {
	tx, err := d.o.Read.BeginTx(ctx, nil) // version and rows of one moment
	if err != nil {
		return nil, 0, sqlerr.Map("list the budgets", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	var version int64
	if err := tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'budgets_version'").Scan(&version); err != nil {
		return nil, 0, sqlerr.Map("read the version of the budgets", err)
	}
	if version == after {
		return nil, version, nil
	}
	list := &store.BudgetList{}
	if list.Teams, err = readTeams(ctx, tx); err != nil {
		return nil, 0, err
	}
	list.Budgets, err = readBudgets(ctx, tx)
	return list, version, err
}

func readTeams(ctx context.Context, db querier) ([]store.Team, error) {
	rows, err := db.QueryContext(ctx, "SELECT id, name, description, members, created_at, version FROM teams ORDER BY name_folded")
	if err != nil {
		return nil, sqlerr.Map("list the teams", err)
	}
	defer rows.Close()
	var teams []store.Team
	for rows.Next() {
		var t store.Team
		var created int64
		var text string
		if err := rows.Scan(&t.ID, &t.Name, &t.Description, &text, &created, &t.Version); err != nil {
			return nil, sqlerr.Map("read a team", err)
		}
		var m members
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return nil, fmt.Errorf("%w: the members of team %s cannot be read: %w", store.ErrCorrupt, t.ID, err)
		}
		t.Keys, t.Users, t.Projects, t.CreatedAt = m.Keys, m.Users, m.Projects, time.Unix(0, created).UTC()
		teams = append(teams, t)
	}
	return teams, sqlerr.Map("list the teams", rows.Err())
}

func readBudgets(ctx context.Context, db querier) ([]store.BudgetRow, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, name, scope, subject, cost, amount, period, first, hard, created_at, version
FROM budgets ORDER BY name_folded`)
	if err != nil {
		return nil, sqlerr.Map("list the budgets", err)
	}
	defer rows.Close()
	var budgets []store.BudgetRow
	for rows.Next() {
		var b store.BudgetRow
		var created int64
		if err := rows.Scan(&b.ID, &b.Name, &b.Scope, &b.Subject, &b.Cost, &b.Limit, &b.Period, &b.First, &b.Hard, &created, &b.Version); err != nil {
			return nil, sqlerr.Map("read a budget", err)
		}
		b.CreatedAt = time.Unix(0, created).UTC()
		budgets = append(budgets, b)
	}
	return budgets, sqlerr.Map("list the budgets", rows.Err())
}

func nextBudgetsVersion(ctx context.Context, conn *sql.Conn) (version int64, err error) {
	err = conn.QueryRowContext(ctx, "UPDATE meta SET value = value + 1 WHERE name = 'budgets_version' RETURNING value").Scan(&version)
	return version, sqlerr.Map("count the change of the budgets", err)
}

// full returns tooMany where a table has limit rows already.
func full(ctx context.Context, conn *sql.Conn, count string, limit int, tooMany error) error {
	var n int
	if err := conn.QueryRowContext(ctx, count).Scan(&n); err != nil {
		return sqlerr.Map("count what is stored", err)
	}
	if n >= limit {
		return tooMany
	}
	return nil
}

// taken returns exists where a query finds another row of a name.
func taken(ctx context.Context, conn *sql.Conn, query, name, id string, exists error) error {
	var n int
	found, err := one(conn.QueryRowContext(ctx, query, caseFold(name), id), &n)
	if err != nil {
		return sqlerr.Map("look for the name", err)
	}
	if found {
		return exists
	}
	return nil
}

// AddTeam stores a new team.
func (d *Directory) AddTeam(ctx context.Context, limit int, t store.Team, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		if err := full(ctx, conn, "SELECT count(*) FROM teams", limit, store.ErrTooManyTeams); err != nil {
			return err
		}
		return putTeam(ctx, conn, &t)
	})
}

// UpdateTeam replaces a stored team.
func (d *Directory) UpdateTeam(ctx context.Context, t store.Team, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		if err := sameTeam(ctx, conn, t.ID, t.Version); err != nil {
			return err
		}
		return putTeam(ctx, conn, &t)
	})
}

// sameTeam returns an error where a team is not stored in a version.
func sameTeam(ctx context.Context, conn *sql.Conn, id string, version int64) error {
	var n int
	found, err := one(conn.QueryRowContext(ctx, "SELECT 1 FROM teams WHERE id = ? AND version = ?", id, version), &n)
	switch {
	case err != nil:
		return sqlerr.Map("look for a team", err)
	case !found:
		return missing(ctx, conn, "SELECT 1 FROM teams WHERE id = ?", id, store.ErrTeamUnknown)
	}
	return nil
}

func putTeam(ctx context.Context, conn *sql.Conn, t *store.Team) error {
	if err := taken(ctx, conn, "SELECT 1 FROM teams WHERE name_folded = ? AND id <> ?", t.Name, t.ID, store.ErrTeamExists); err != nil {
		return err
	}
	text, err := json.Marshal(members{t.Keys, t.Users, t.Projects})
	if err != nil {
		return fmt.Errorf("write a team's members: %w", err)
	}
	version, err := nextBudgetsVersion(ctx, conn)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `INSERT INTO teams (id, name, name_folded, description, members, created_at, version) VALUES (?,?,?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded, description = excluded.description,
members = excluded.members, version = excluded.version`,
		t.ID, t.Name, caseFold(t.Name), t.Description, string(text), t.CreatedAt.UnixNano(), version)
	return sqlerr.Map("store a team", err)
}

// DeleteTeam removes a team.
func (d *Directory) DeleteTeam(ctx context.Context, id string, version int64, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		if err := sameTeam(ctx, conn, id, version); err != nil {
			return err
		}
		var n int
		used, err := one(conn.QueryRowContext(ctx, "SELECT 1 FROM budgets WHERE scope = 'team' AND subject = ? LIMIT 1", id), &n)
		switch {
		case err != nil:
			return sqlerr.Map("look for budgets of a team", err)
		case used:
			return store.ErrTeamInUse
		}
		if _, err := nextBudgetsVersion(ctx, conn); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx, "DELETE FROM teams WHERE id = ?", id)
		return sqlerr.Map("remove a team", err)
	})
}

// AddBudget stores a new budget.
func (d *Directory) AddBudget(ctx context.Context, limit int, b store.BudgetRow, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		if err := full(ctx, conn, "SELECT count(*) FROM budgets", limit, store.ErrTooManyBudgets); err != nil {
			return err
		}
		return putBudget(ctx, conn, &b)
	})
}

// UpdateBudget replaces a stored budget.
func (d *Directory) UpdateBudget(ctx context.Context, b store.BudgetRow, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		var n int
		found, err := one(conn.QueryRowContext(ctx, "SELECT 1 FROM budgets WHERE id = ? AND version = ?", b.ID, b.Version), &n)
		switch {
		case err != nil:
			return sqlerr.Map("look for a budget", err)
		case !found:
			return missing(ctx, conn, "SELECT 1 FROM budgets WHERE id = ?", b.ID, store.ErrBudgetUnknown)
		}
		return putBudget(ctx, conn, &b)
	})
}

func putBudget(ctx context.Context, conn *sql.Conn, b *store.BudgetRow) error {
	if err := taken(ctx, conn, "SELECT 1 FROM budgets WHERE name_folded = ? AND id <> ?", b.Name, b.ID, store.ErrBudgetExists); err != nil {
		return err
	}
	if b.Scope == store.ScopeTeam {
		err := missing(ctx, conn, "SELECT 1 FROM teams WHERE id = ?", b.Subject, store.ErrTeamUnknown)
		if !errors.Is(err, store.ErrChanged) { // which says that it is there
			return err
		}
	}
	version, err := nextBudgetsVersion(ctx, conn)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `INSERT INTO budgets
(id, name, name_folded, scope, subject, cost, amount, period, first, hard, created_at, version) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded, scope = excluded.scope, subject = excluded.subject,
cost = excluded.cost, amount = excluded.amount, period = excluded.period, first = excluded.first, hard = excluded.hard, version = excluded.version`,
		b.ID, b.Name, caseFold(b.Name), b.Scope, b.Subject, b.Cost, b.Limit, b.Period, b.First, b.Hard, b.CreatedAt.UnixNano(), version)
	return sqlerr.Map("store a budget", err)
}

// DeleteBudget removes a budget.
func (d *Directory) DeleteBudget(ctx context.Context, id string, version int64, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, "DELETE FROM budgets WHERE id = ? AND version = ?", id, version)
		err = changed(res, sqlerr.Map("remove a budget", err), store.ErrChanged)
		if errors.Is(err, store.ErrChanged) {
			return missing(ctx, conn, "SELECT 1 FROM budgets WHERE id = ?", id, store.ErrBudgetUnknown)
		}
		if err != nil {
			return err
		}
		_, err = nextBudgetsVersion(ctx, conn)
		return err
	})
}
