package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// AlertStates lists all states.
func (d *Directory) AlertStates(ctx context.Context) (all []store.AlertState, err error) {
	rows, err := d.db.Query(ctx, `SELECT rule, subject, data, version FROM alert_states ORDER BY rule COLLATE "C", subject COLLATE "C"`)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var s store.AlertState
			err := r.Scan(&s.Rule, &s.Subject, &s.Data, &s.Version)
			all = append(all, s)
			return err
		})
	}
	return all, database.Map("list the states of alerts", err)
}

// WriteAlerts stores what an evaluation came to.
func (d *Directory) WriteAlerts(ctx context.Context, w store.AlertWrite) error {
	return d.write(ctx, func(tx *database.Tx) error {
		if err := fenced(ctx, tx, w.Epoch); err != nil {
			return err
		}
		for i := range w.States {
			if err := putAlertState(ctx, tx, &w.States[i]); err != nil {
				return err
			}
		}
		for i := range w.Alerts {
			a := &w.Alerts[i]
			tx.Queue("store an alert", `INSERT INTO alerts (id, rule, subject, severity, started_at, ended_at, document) VALUES ($1,$2,$3,$4,$5,$6,$7)
ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, ended_at = excluded.ended_at, document = excluded.document`,
				a.ID, a.Rule, a.Subject, a.Severity, a.StartedAt.UnixNano(), nanosOf(a.EndedAt), string(a.Document))
		}
		for i := range w.Deliveries {
			addDelivery(tx, &w.Deliveries[i])
		}
		return nil
	})
}

// fenced returns store.ErrFenced where the lease of the alerts is not of an epoch any more. Until the transaction ends the
// lease stays as it is: its next holder sees what was written under it.
func fenced(ctx context.Context, tx *database.Tx, epoch int64) error {
	if epoch == 0 {
		return nil
	}
	var held int64
	found, err := database.One(tx.QueryRow(ctx, "SELECT epoch FROM leases WHERE task = $1 FOR SHARE", store.TaskAlerts), &held)
	if err != nil {
		return database.Map("look at the lease of the alerts", err)
	}
	if !found || held != epoch {
		return store.ErrFenced
	}
	return nil
}

func putAlertState(ctx context.Context, tx *database.Tx, s *store.AlertState) error {
	const doing = "store the state of an alert"
	var n int64
	var err error
	switch {
	case len(s.Data) == 0:
		n, err = tx.Exec(ctx, "DELETE FROM alert_states WHERE rule = $1 AND subject = $2 AND version = $3", s.Rule, s.Subject, s.Version)
	case s.Version == 0:
		n, err = tx.Exec(ctx, `INSERT INTO alert_states (rule, subject, data, version)
SELECT $1::text, $2::text, $3::bytea, 1 WHERE EXISTS (SELECT 1 FROM alert_rules WHERE id = $1::text) ON CONFLICT DO NOTHING`, s.Rule, s.Subject, s.Data)
	default:
		n, err = tx.Exec(ctx, "UPDATE alert_states SET data = $1, version = version + 1 WHERE rule = $2 AND subject = $3 AND version = $4",
			s.Data, s.Rule, s.Subject, s.Version)
	}
	return changed(n, database.Map(doing, err), store.ErrChanged)
}

// Alerts lists alerts, newest first.
func (d *Directory) Alerts(ctx context.Context, q store.AlertQuery) (alerts []store.Alert, total int, err error) {
	var w where
	w.in("id", q.IDs)
	w.in("rule", q.Rules)
	w.in("severity", q.Severities)
	if q.Firing != q.Ended {
		if q.Firing {
			w.add("ended_at IS NULL")
		} else {
			w.add("ended_at IS NOT NULL")
		}
	}
	if !q.From.IsZero() {
		w.add("started_at >= ?", q.From.UnixNano())
	}
	if !q.To.IsZero() {
		w.add("started_at < ?", q.To.UnixNano())
	}
	alerts = []store.Alert{}
	total, err = d.page(ctx, w, "id, rule, subject, severity, started_at, ended_at, document", "alerts", "started_at", q.After, q.Limit,
		func(r pgx.Rows) error {
			var a store.Alert
			var started int64
			var ended *int64
			var document string
			err := r.Scan(&a.ID, &a.Rule, &a.Subject, &a.Severity, &started, &ended, &document)
			a.StartedAt, a.EndedAt, a.Document = time.Unix(0, started).UTC(), timeOf(ended), json.RawMessage(document)
			alerts = append(alerts, a)
			return err
		})
	return alerts, total, err
}

// page reads one page of a table, newest first, and counts the rows of all pages, as of one moment.
func (d *Directory) page(ctx context.Context, w where, columns, table, by, after string, limit int, visit func(pgx.Rows) error) (total int, err error) {
	if !storable(after) {
		return 0, store.ErrCursor
	}
	err = d.db.Snapshot(ctx, func(tx database.Querier) error {
		from := " FROM " + table + " WHERE "
		if err := tx.QueryRow(ctx, "SELECT count(*)"+from+w.text(), w.args...).Scan(&total); err != nil {
			return err
		}
		if after != "" {
			var at int64
			one := w
			one.add("id = ?", after)
			found, err := database.One(tx.QueryRow(ctx, "SELECT "+by+from+one.text(), one.args...), &at)
			if err != nil {
				return err
			}
			if !found {
				return store.ErrCursor
			}
			w.add("("+by+` < ? OR (`+by+` = ? AND id COLLATE "C" < ?))`, at, at, after)
		}
		query := "SELECT " + columns + from + w.text() + " ORDER BY " + by + ` DESC, id COLLATE "C" DESC`
		if limit > 0 {
			query += fmt.Sprintf(" LIMIT %d", limit)
		}
		rows, err := tx.Query(ctx, query, w.args...)
		if err != nil {
			return err
		}
		return database.EachRow(rows, visit)
	})
	return total, database.Map("list alerts or deliveries", err)
}

// where is a condition whose values are apart; "?" stands for the next one.
type where struct {
	terms []string
	args  []any
}

func (w *where) text() string { return strings.Join(append([]string{"true"}, w.terms...), " AND ") }

func (w *where) add(term string, args ...any) {
	for i := range args {
		term = strings.Replace(term, "?", fmt.Sprintf("$%d", len(w.args)+i+1), 1)
	}
	w.terms, w.args = append(w.terms[:len(w.terms):len(w.terms)], term), append(w.args[:len(w.args):len(w.args)], args...)
}

// in adds that a column has one of some values; none: any.
func (w *where) in(column string, values []string) {
	if len(values) > 0 {
		w.add(column+" = ANY(?)", storables(values))
	}
}

// The statements that drop what is old, or more than is kept.
const (
	dropAlertsBefore = `DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE ended_at < $1 LIMIT $3::bigint) OR id IN
(SELECT id FROM alerts WHERE ended_at IS NOT NULL ORDER BY started_at DESC, id COLLATE "C" DESC LIMIT $3::bigint OFFSET $2::bigint)`
	dropDeliveriesBefore = `DELETE FROM alert_deliveries WHERE id IN (SELECT id FROM alert_deliveries WHERE status <> 'waiting' AND created_at < $1 LIMIT $3::bigint) OR id IN
(SELECT id FROM alert_deliveries WHERE status <> 'waiting' ORDER BY created_at DESC, id COLLATE "C" DESC LIMIT $3::bigint OFFSET $2::bigint)`
)

// DropAlerts removes old alerts and deliveries.
func (d *Directory) DropAlerts(ctx context.Context, before time.Time, keep int64, max int) (total int, err error) {
	err = d.write(ctx, func(tx *database.Tx) error {
		total = 0
		for _, statement := range []string{dropAlertsBefore, dropDeliveriesBefore} {
			n, err := tx.Exec(ctx, statement, before.UnixNano(), keep, int64(max))
			if err != nil {
				return database.Map("drop old alerts", err)
			}
			total += int(n)
		}
		return nil
	})
	return total, err
}
