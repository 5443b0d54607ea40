package directory

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

const deliveryColumns = "id, channel, rule, alert, notification, created_at, updated_at, next_at, attempts, status, last_error, version"

func scanDelivery(r pgx.Rows) (d store.AlertDelivery, err error) {
	var notification, status string
	var created, updated, next int64
	err = r.Scan(&d.ID, &d.Channel, &d.Rule, &d.Alert, &notification, &created, &updated, &next, &d.Attempts, &status, &d.LastError, &d.Version)
	d.Notification, d.Status = json.RawMessage(notification), store.DeliveryStatus(status)
	d.CreatedAt, d.UpdatedAt, d.NextAt = time.Unix(0, created).UTC(), time.Unix(0, updated).UTC(), time.Unix(0, next).UTC()
	return d, err
}

// insertDelivery stores a new delivery. One to a channel that was removed meanwhile is dead at once.
const insertDelivery = `INSERT INTO alert_deliveries (` + deliveryColumns + `)
SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::bigint, $6::bigint, $7::bigint, 0, CASE WHEN there THEN 'waiting' ELSE 'dead' END,
CASE WHEN there THEN '' ELSE $8::text END, 1 FROM (SELECT EXISTS (SELECT 1 FROM alert_channels WHERE id = $2::text) AS there) c ON CONFLICT (id) DO NOTHING`

func addDelivery(tx *database.Tx, a *store.AlertDelivery) {
	tx.Queue("store a delivery", insertDelivery, a.ID, a.Channel, a.Rule, a.Alert, string(a.Notification), a.CreatedAt.UnixNano(), a.NextAt.UnixNano(), deadChannel)
}

// AddDelivery stores a delivery that no alert caused.
func (d *Directory) AddDelivery(ctx context.Context, a store.AlertDelivery, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		var n int
		found := false
		var err error
		if storable(a.Channel) {
			found, err = database.One(tx.QueryRow(ctx, "SELECT 1 FROM alert_channels WHERE id = $1", a.Channel), &n)
		}
		if err != nil {
			return database.Map("look for the channel of a delivery", err)
		}
		if !found {
			return store.ErrAlertUnknown
		}
		addDelivery(tx, &a)
		return nil
	})
}

// DueDeliveries lists deliveries that are to be tried.
func (d *Directory) DueDeliveries(ctx context.Context, now time.Time, limit int) (due []store.AlertDelivery, err error) {
	rows, err := d.db.Query(ctx, "SELECT "+deliveryColumns+
		` FROM alert_deliveries WHERE status = 'waiting' AND next_at <= $1 ORDER BY next_at, id COLLATE "C" LIMIT $2`, now.UnixNano(), limit)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			a, err := scanDelivery(r)
			due = append(due, a)
			return err
		})
	}
	return due, database.Map("list the deliveries that are due", err)
}

// UpdateDelivery stores what became of a delivery.
func (d *Directory) UpdateDelivery(ctx context.Context, epoch int64, a store.AlertDelivery, audit ...store.AuditEntry) error {
	if !storable(a.ID) {
		return store.ErrAlertUnknown
	}
	return d.write(ctx, func(tx *database.Tx) error {
		if err := fenced(ctx, tx, epoch); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE alert_deliveries SET updated_at = $1, next_at = $2, attempts = $3, status = $4, last_error = $5, version = version + 1
WHERE id = $6 AND version = $7`, a.UpdatedAt.UnixNano(), a.NextAt.UnixNano(), a.Attempts, string(a.Status), a.LastError, a.ID, a.Version)
		err = changed(n, database.Map("change a delivery", err), store.ErrChanged)
		if errors.Is(err, store.ErrChanged) {
			return missing(ctx, tx, "SELECT 1 FROM alert_deliveries WHERE id = $1", a.ID, store.ErrAlertUnknown)
		}
		for i := range audit {
			if err == nil {
				err = appendAudit(tx, audit[i])
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
	total, err = d.page(ctx, w, deliveryColumns, "alert_deliveries", "created_at", q.After, q.Limit, func(r pgx.Rows) error {
		a, err := scanDelivery(r)
		deliveries = append(deliveries, a)
		return err
	})
	return deliveries, total, err
}
