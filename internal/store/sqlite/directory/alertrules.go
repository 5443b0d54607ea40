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

const (
	selectAlertRules    = "SELECT id, name, document, x'', created_at, updated_at, version FROM alert_rules ORDER BY created_at, id"
	selectAlertChannels = "SELECT id, name, document, secret, created_at, updated_at, version FROM alert_channels ORDER BY created_at, id"
)

// AlertRules lists the rules where one changed after a version.
func (d *Directory) AlertRules(ctx context.Context, known int64) (rules []store.AlertRule, version int64, err error) {
	tx, err := d.o.Read.BeginTx(ctx, nil) // version and rules of one moment
	if err != nil {
		return nil, 0, sqlerr.Map("list the alert rules", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	if err := tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'alerts_version'").Scan(&version); err != nil {
		return nil, 0, sqlerr.Map("read the version of the alert rules", err)
	}
	if version == known {
		return nil, version, nil
	}
	named, err := readNamed(ctx, tx, selectAlertRules)
	for _, n := range named {
		rules = append(rules, store.AlertRule{
			ID: n.ID, Name: n.Name, Document: n.Document, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, Version: n.Version,
		})
	}
	return rules, version, err
}

// AlertChannels lists the channels.
func (d *Directory) AlertChannels(ctx context.Context) ([]store.AlertChannel, error) {
	return readNamed(ctx, d.o.Read, selectAlertChannels)
}

// readNamed reads rules or channels. A rule is a channel without a secret here.
func readNamed(ctx context.Context, db querier, query string) ([]store.AlertChannel, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, sqlerr.Map("list alert rules or channels", err)
	}
	defer rows.Close()
	var all []store.AlertChannel
	for rows.Next() {
		var c store.AlertChannel
		var document string
		var created, updated int64
		if err := rows.Scan(&c.ID, &c.Name, &document, &c.Secret, &created, &updated, &c.Version); err != nil {
			return nil, sqlerr.Map("read an alert rule or channel", err)
		}
		c.Document, c.CreatedAt, c.UpdatedAt = json.RawMessage(document), time.Unix(0, created).UTC(), time.Unix(0, updated).UTC()
		all = append(all, c)
	}
	return all, sqlerr.Map("list alert rules or channels", rows.Err())
}

// PutAlertRule stores a rule.
func (d *Directory) PutAlertRule(ctx context.Context, r store.AlertRule, max int, entry store.AuditEntry) (version int64, err error) {
	c := store.AlertChannel{ID: r.ID, Name: r.Name, Document: r.Document, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version}
	err = d.change(ctx, entry, func(conn *sql.Conn) error {
		version, err = putNamed(ctx, conn, "alert_rules", &c, max)
		return err
	})
	return version, err
}

// PutAlertChannel stores a channel.
func (d *Directory) PutAlertChannel(ctx context.Context, c store.AlertChannel, max int, entry store.AuditEntry) (version int64, err error) {
	err = d.change(ctx, entry, func(conn *sql.Conn) error {
		if version, err = putNamed(ctx, conn, "alert_channels", &c, max); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, "UPDATE alert_channels SET secret = ? WHERE id = ?", bytesOf(c.Secret), c.ID)
		return sqlerr.Map("store an alert channel", err)
	})
	return version, err
}

// bytesOf makes nil, which would be null, the empty string.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// putNamed stores a rule or the part of a channel that is not secret.
func putNamed(ctx context.Context, conn *sql.Conn, table string, c *store.AlertChannel, max int) (version int64, err error) {
	const doing = "store an alert rule or channel"
	if version, err = nextAlertsVersion(ctx, conn); err != nil {
		return 0, err
	}
	if c.Version == 0 {
		var n int
		if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return 0, sqlerr.Map(doing, err)
		}
		if n >= max {
			return 0, store.ErrTooManyRules
		}
		columns, values := "", ""
		if table == "alert_channels" {
			columns, values = ", secret", ", x''"
		}
		_, err = conn.ExecContext(ctx, "INSERT INTO "+table+" (id, name, name_folded, document, created_at, updated_at, version"+columns+ //nolint:gosec // they are the names above
			") VALUES (?,?,?,?,?,?,?"+values+")",
			c.ID, c.Name, caseFold(c.Name), string(c.Document), c.CreatedAt.UnixNano(), c.UpdatedAt.UnixNano(), version)
	} else {
		var res sql.Result
		res, err = conn.ExecContext(ctx, "UPDATE "+table+" SET name = ?, name_folded = ?, document = ?, updated_at = ?, version = ? WHERE id = ? AND version = ?", //nolint:gosec // a name of this package
			c.Name, caseFold(c.Name), string(c.Document), c.UpdatedAt.UnixNano(), version, c.ID, c.Version)
		if err == nil {
			err = changed(res, nil, store.ErrChanged)
		}
		if errors.Is(err, store.ErrChanged) {
			return 0, missing(ctx, conn, "SELECT 1 FROM "+table+" WHERE id = ?", c.ID, store.ErrAlertUnknown)
		}
	}
	if sqlerr.Unique(err) {
		return 0, store.ErrAlertName
	}
	return version, sqlerr.Map(doing, err)
}

func nextAlertsVersion(ctx context.Context, conn *sql.Conn) (version int64, err error) {
	err = conn.QueryRowContext(ctx, "UPDATE meta SET value = value + 1 WHERE name = 'alerts_version' RETURNING value").Scan(&version)
	return version, sqlerr.Map("count the change of the alert rules", err)
}

// DeleteAlertRule removes a rule with its states, and ends its alerts.
func (d *Directory) DeleteAlertRule(ctx context.Context, id string, version int64, entry store.AuditEntry, ends ...store.AlertEnd) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		if err := deleteNamed(ctx, conn, "alert_rules", id, version); err != nil {
			return err
		}
		for i := range ends {
			if err := endAlerts(ctx, conn, id, &ends[i]); err != nil {
				return err
			}
		}
		if _, err := conn.ExecContext(ctx, "DELETE FROM alert_states WHERE rule = ?", id); err != nil {
			return sqlerr.Map("remove the states of an alert rule", err)
		}
		_, err := conn.ExecContext(ctx, "UPDATE alerts SET ended_at = ? WHERE rule = ? AND ended_at IS NULL", entry.Time.UnixNano(), id)
		return sqlerr.Map("end the alerts of a rule", err)
	})
}

// endAlerts stores what is told of the end of a rule's alerts.
func endAlerts(ctx context.Context, conn *sql.Conn, rule string, e *store.AlertEnd) error {
	const doing = "read the states of an alert rule"
	rows, err := conn.QueryContext(ctx, "SELECT subject, version FROM alert_states WHERE rule = ?", rule)
	if err != nil {
		return sqlerr.Map(doing, err)
	}
	defer rows.Close()
	now := map[string]int64{}
	for rows.Next() {
		var subject string
		var version int64
		if err := rows.Scan(&subject, &version); err != nil {
			return sqlerr.Map(doing, err)
		}
		now[subject] = version
	}
	if err := rows.Err(); err != nil {
		return sqlerr.Map(doing, err)
	}
	if !e.SameStates(now) {
		return store.ErrAlertStates
	}
	for i := range e.Deliveries {
		if err := addDelivery(ctx, conn, &e.Deliveries[i]); err != nil {
			return err
		}
	}
	return nil
}

// deadChannel is the last error of a delivery whose channel was removed.
const deadChannel = "the channel was removed"

// DeleteAlertChannel removes a channel.
func (d *Directory) DeleteAlertChannel(ctx context.Context, id string, version int64, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		if err := deleteNamed(ctx, conn, "alert_channels", id, version); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, `UPDATE alert_deliveries SET status = ?, last_error = ?, updated_at = ?, version = version + 1
WHERE channel = ? AND status = ?`, store.DeliveryDead, deadChannel, entry.Time.UnixNano(), id, store.DeliveryWaiting)
		return sqlerr.Map("end the deliveries of a channel", err)
	})
}

func deleteNamed(ctx context.Context, conn *sql.Conn, table, id string, version int64) error {
	if _, err := nextAlertsVersion(ctx, conn); err != nil {
		return err
	}
	res, err := conn.ExecContext(ctx, "DELETE FROM "+table+" WHERE id = ?1 AND (?2 = 0 OR version = ?2)", id, version) //nolint:gosec // a name of this package
	err = changed(res, sqlerr.Map("remove an alert rule or channel", err), store.ErrChanged)
	if errors.Is(err, store.ErrChanged) {
		return missing(ctx, conn, "SELECT 1 FROM "+table+" WHERE id = ?", id, store.ErrAlertUnknown)
	}
	return err
}
