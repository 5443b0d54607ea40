package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

const deliveryColumns = "id, channel, rule, alert, notification, created_at, updated_at, next_at, attempts, status, last_error, version"

func scanDelivery(rows *sql.Rows) (d store.AlertDelivery, err error) {
	var notification string
	var created, updated, next int64
	err = rows.Scan(&d.ID, &d.Channel, &d.Rule, &d.Alert, &notification, &created, &updated, &next, &d.Attempts, &d.Status, &d.LastError, &d.Version)
	d.Notification = json.RawMessage(notification)
	d.CreatedAt, d.UpdatedAt, d.NextAt = time.Unix(0, created).UTC(), time.Unix(0, updated).UTC(), time.Unix(0, next).UTC()
	return d, err
}

// addDelivery stores a new delivery. One to a channel that was removed meanwhile is dead at once.
func addDelivery(ctx context.Context, conn *sql.Conn, a *store.AlertDelivery) error {
	status, failure := store.DeliveryWaiting, ""
	var n int
	found, err := one(conn.QueryRowContext(ctx, "SELECT 1 FROM alert_channels WHERE id = ?", a.Channel), &n)
	if err != nil {
		return sqlerr.Map("look for the channel of a delivery", err)
	}
	if !found {
		status, failure = store.DeliveryDead, deadChannel
	}
	_, err = conn.ExecContext(ctx, "INSERT INTO alert_deliveries ("+deliveryColumns+") VALUES (?,?,?,?,?,?,?,?,0,?,?,1) ON CONFLICT (id) DO NOTHING",
		a.ID, a.Channel, a.Rule, a.Alert, string(a.Notification), a.CreatedAt.UnixNano(), a.CreatedAt.UnixNano(), a.NextAt.UnixNano(), status, failure)
	return sqlerr.Map("store a delivery", err)
}

// AddDelivery stores a delivery that no alert caused.
func (d *Directory) AddDelivery(ctx context.Context, a store.AlertDelivery, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		var n int
		found, err := one(conn.QueryRowContext(ctx, "SELECT 1 FROM alert_channels WHERE id = ?", a.Channel), &n)
		if err != nil {
			return sqlerr.Map("look for the channel of a delivery", err)
		}
		if !found {
			return store.ErrAlertUnknown
		}
		return addDelivery(ctx, conn, &a)
	})
}

// DueDeliveries lists deliveries that are to be tried.
func (d *Directory) DueDeliveries(ctx context.Context, now time.Time, limit int) ([]store.AlertDelivery, error) {
	rows, err := d.o.Read.QueryContext(ctx, "SELECT "+deliveryColumns+
		" FROM alert_deliveries WHERE status = 'waiting' AND next_at <= ? ORDER BY next_at, id LIMIT ?", now.UnixNano(), limit)
	if err != nil {
		return nil, sqlerr.Map("list the deliveries that are due", err)
	}
	defer rows.Close()
	var due []store.AlertDelivery
	for rows.Next() {
		a, err := scanDelivery(rows)
		if err != nil {
			return nil, sqlerr.Map("read a delivery", err)
		}
		due = append(due, a)
	}
	return due, sqlerr.Map("list the deliveries that are due", rows.Err())
}

// UpdateDelivery stores what became of a delivery.
func (d *Directory) UpdateDelivery(ctx context.Context, epoch int64, a store.AlertDelivery, audit ...store.AuditEntry) error {
	return d.o.Write(ctx, func(conn *sql.Conn) error {
		if err := d.fenced(epoch); err != nil {
			return err
		}
		res, err := conn.ExecContext(ctx, `UPDATE alert_deliveries SET updated_at = ?, next_at = ?, attempts = ?, status = ?, last_error = ?, version = version + 1
WHERE id = ? AND version = ?`, a.UpdatedAt.UnixNano(), a.NextAt.UnixNano(), a.Attempts, a.Status, a.LastError, a.ID, a.Version)
		err = changed(res, sqlerr.Map("change a delivery", err), store.ErrChanged)
		if errors.Is(err, store.ErrChanged) {
			return missing(ctx, conn, "SELECT 1 FROM alert_deliveries WHERE id = ?", a.ID, store.ErrAlertUnknown)
		}
		for i := range audit {
			if err == nil {
				err = appendAudit(ctx, conn, audit[i])
			}
		}
		return err
	})
}

// Deliveries lists deliveries, newest first.
func (d *Directory) Deliveries(ctx context.Context, q store.DeliveryQuery) (deliveries []store.AlertDelivery, total int, err error) {
	var w where
	w.in("id", q.IDs)
	w.in("channel", q.Channels)
	w.in("rule", q.Rules)
	w.in("alert", q.Alerts)
	statuses := make([]string, len(q.Statuses))
	for i, s := range q.Statuses {
		statuses[i] = string(s)
	}
	w.in("status", statuses)
	deliveries = []store.AlertDelivery{}
	total, err = d.page(ctx, w, deliveryColumns, "alert_deliveries", "created_at", q.After, q.Limit, func(rows *sql.Rows) error {
		a, err := scanDelivery(rows)
		deliveries = append(deliveries, a)
		return err
	})
	return deliveries, total, err
}
