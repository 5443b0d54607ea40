package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

// AlertStates lists all states.
func (d *Directory) AlertStates(ctx context.Context) ([]store.AlertState, error) {
	rows, err := d.o.Read.QueryContext(ctx, "SELECT rule, subject, data, version FROM alert_states ORDER BY rule, subject")
	if err != nil {
		return nil, sqlerr.Map("list the states of alerts", err)
	}
	defer rows.Close()
	var all []store.AlertState
	for rows.Next() {
		var s store.AlertState
		if err := rows.Scan(&s.Rule, &s.Subject, &s.Data, &s.Version); err != nil {
			return nil, sqlerr.Map("read the state of an alert", err)
		}
		all = append(all, s)
	}
	return all, sqlerr.Map("list the states of alerts", rows.Err())
}

// WriteAlerts stores what an evaluation came to.
func (d *Directory) WriteAlerts(ctx context.Context, w store.AlertWrite) error {
	return d.o.Write(ctx, func(conn *sql.Conn) error {
		if err := d.fenced(w.Epoch); err != nil {
			return err
		}
		for i := range w.States {
			if err := putAlertState(ctx, conn, &w.States[i]); err != nil {
				return err
			}
		}
		for i := range w.Alerts {
			a := &w.Alerts[i]
			_, err := conn.ExecContext(ctx, `INSERT INTO alerts (id, rule, subject, severity, started_at, ended_at, document) VALUES (?,?,?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, ended_at = excluded.ended_at, document = excluded.document`,
				a.ID, a.Rule, a.Subject, a.Severity, a.StartedAt.UnixNano(), nanosOf(a.EndedAt), string(a.Document))
			if err != nil {
				return sqlerr.Map("store an alert", err)
			}
		}
		for i := range w.Deliveries {
			if err := addDelivery(ctx, conn, &w.Deliveries[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// fenced returns store.ErrFenced where this process does not have the lease of the epoch. It is asked within a transaction.
func (d *Directory) fenced(epoch int64) error {
	if epoch == 0 {
		return nil
	}
	return d.o.Fenced(store.TaskAlerts, epoch)
}

func putAlertState(ctx context.Context, conn *sql.Conn, s *store.AlertState) error {
	const doing = "store the state of an alert"
	var res sql.Result
	var err error
	switch {
	case len(s.Data) == 0:
		res, err = conn.ExecContext(ctx, "DELETE FROM alert_states WHERE rule = ? AND subject = ? AND version = ?", s.Rule, s.Subject, s.Version)
	case s.Version == 0:
		res, err = conn.ExecContext(ctx, `INSERT INTO alert_states (rule, subject, data, version)
SELECT ?1, ?2, ?3, 1 WHERE EXISTS (SELECT 1 FROM alert_rules WHERE id = ?1) ON CONFLICT DO NOTHING`, s.Rule, s.Subject, s.Data)
	default:
		res, err = conn.ExecContext(ctx, "UPDATE alert_states SET data = ?, version = version + 1 WHERE rule = ? AND subject = ? AND version = ?",
			s.Data, s.Rule, s.Subject, s.Version)
	}
	return changed(res, sqlerr.Map(doing, err), store.ErrChanged)
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
		func(rows *sql.Rows) error {
			var a store.Alert
			var started int64
			var ended sql.NullInt64
			var document string
			err := rows.Scan(&a.ID, &a.Rule, &a.Subject, &a.Severity, &started, &ended, &document)
			a.StartedAt, a.EndedAt, a.Document = time.Unix(0, started).UTC(), timeOf(ended), json.RawMessage(document)
			alerts = append(alerts, a)
			return err
		})
	return alerts, total, err
}

// page reads one page of a table, newest first, and counts the rows of all pages, as of one moment.
func (d *Directory) page(ctx context.Context, w where, columns, table, by, after string, limit int, visit func(*sql.Rows) error) (total int, err error) {
	const doing = "list alerts or deliveries"
	tx, err := d.o.Read.BeginTx(ctx, nil)
	if err != nil {
		return 0, sqlerr.Map(doing, err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	from := " FROM " + table + " WHERE "
	if err := tx.QueryRowContext(ctx, "SELECT count(*)"+from+w.text(), w.args...).Scan(&total); err != nil {
		return 0, sqlerr.Map(doing, err)
	}
	if after != "" {
		var at int64
		found, err := one(tx.QueryRowContext(ctx, "SELECT "+by+from+w.text()+" AND id = ?", append(w.args[:len(w.args):len(w.args)], after)...), &at)
		if err != nil {
			return 0, sqlerr.Map(doing, err)
		}
		if !found {
			return 0, store.ErrCursor
		}
		w.add("("+by+", id) < (?, ?)", at, after)
	}
	if limit <= 0 {
		limit = -1 // all
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+columns+from+w.text()+" ORDER BY "+by+" DESC, id DESC LIMIT ?", append(w.args, limit)...) //nolint:gosec // parts of this package; values are arguments
	if err != nil {
		return 0, sqlerr.Map(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return 0, sqlerr.Map(doing, err)
		}
	}
	return total, sqlerr.Map(doing, rows.Err())
}

// where is a condition whose values are apart.
type where struct {
	terms []string
	args  []any
}

func (w *where) text() string { return strings.Join(append([]string{"1"}, w.terms...), " AND ") }

func (w *where) add(term string, args ...any) {
	w.terms, w.args = append(w.terms, term), append(w.args, args...)
}

// in adds that a column has one of some values; none: any.
func (w *where) in(column string, values []string) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	w.add(column+" IN (?"+strings.Repeat(",?", len(values)-1)+")", args...)
}

// The statements that drop what is old, or more than is kept.
const (
	dropAlertsBefore = `DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE ended_at < ?1 LIMIT ?3) OR id IN
(SELECT id FROM alerts WHERE ended_at IS NOT NULL ORDER BY started_at DESC, id DESC LIMIT ?3 OFFSET ?2)`
	dropDeliveriesBefore = `DELETE FROM alert_deliveries WHERE id IN (SELECT id FROM alert_deliveries WHERE status <> 'waiting' AND created_at < ?1 LIMIT ?3) OR id IN
(SELECT id FROM alert_deliveries WHERE status <> 'waiting' ORDER BY created_at DESC, id DESC LIMIT ?3 OFFSET ?2)`
)

// DropAlerts removes old alerts and deliveries.
func (d *Directory) DropAlerts(ctx context.Context, before time.Time, keep int64, max int) (total int, err error) {
	err = d.o.Write(ctx, func(conn *sql.Conn) error {
		total = 0
		for _, statement := range []string{dropAlertsBefore, dropDeliveriesBefore} {
			res, err := conn.ExecContext(ctx, statement, before.UnixNano(), keep, max)
			if err != nil {
				return sqlerr.Map("drop old alerts", err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return sqlerr.Map("drop old alerts", err)
			}
			total += int(n)
		}
		return nil
	})
	return total, err
}
