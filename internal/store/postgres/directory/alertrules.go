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

const (
	selectAlertsVersion = "SELECT value FROM meta WHERE name = 'alerts_version'"
	selectAlertRules    = `SELECT id, name, document, ''::bytea, created_at, updated_at, version FROM alert_rules ORDER BY created_at, id COLLATE "C"`
	selectAlertChannels = `SELECT id, name, document, secret, created_at, updated_at, version FROM alert_channels ORDER BY created_at, id COLLATE "C"`
)

// AlertRules lists the rules where one changed after a version. Where none did, it asks for the version alone.
func (d *Directory) AlertRules(ctx context.Context, known int64) (rules []store.AlertRule, version int64, err error) {
	if err := d.db.QueryRow(ctx, selectAlertsVersion).Scan(&version); err != nil {
		return nil, 0, database.Map("read the version of the alert rules", err)
	}
	if version == known {
		return nil, version, nil
	}
	err = d.db.Snapshot(ctx, func(tx database.Querier) error { // version and rules of one moment
		if err := tx.QueryRow(ctx, selectAlertsVersion).Scan(&version); err != nil {
			return database.Map("read the version of the alert rules", err)
		}
		named, err := readNamed(ctx, tx, selectAlertRules)
		for _, n := range named {
			rules = append(rules, store.AlertRule{
				ID: n.ID, Name: n.Name, Document: n.Document, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, Version: n.Version,
			})
		}
		return err
	})
	return rules, version, err
}

// AlertChannels lists the channels.
func (d *Directory) AlertChannels(ctx context.Context) ([]store.AlertChannel, error) {
	return readNamed(ctx, d.db, selectAlertChannels)
}

// readNamed reads rules or channels. A rule is a channel without a secret here.
func readNamed(ctx context.Context, q database.Querier, query string) (all []store.AlertChannel, err error) {
	rows, err := q.Query(ctx, query)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var c store.AlertChannel
			var document string
			var created, updated int64
			err := r.Scan(&c.ID, &c.Name, &document, &c.Secret, &created, &updated, &c.Version)
			c.Document, c.CreatedAt, c.UpdatedAt = json.RawMessage(document), time.Unix(0, created).UTC(), time.Unix(0, updated).UTC()
			all = append(all, c)
			return err
		})
	}
	return all, database.Map("list alert rules or channels", err)
}

// PutAlertRule stores a rule.
func (d *Directory) PutAlertRule(ctx context.Context, r store.AlertRule, max int, entry store.AuditEntry) (version int64, err error) {
	c := store.AlertChannel{ID: r.ID, Name: r.Name, Document: r.Document, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version}
	err = d.change(ctx, entry, func(tx *database.Tx) error {
		version, err = putNamed(ctx, tx, "alert_rules", &c, max)
		return err
	})
	return version, err
}

// PutAlertChannel stores a channel.
func (d *Directory) PutAlertChannel(ctx context.Context, c store.AlertChannel, max int, entry store.AuditEntry) (version int64, err error) {
	err = d.change(ctx, entry, func(tx *database.Tx) error {
		if version, err = putNamed(ctx, tx, "alert_channels", &c, max); err != nil {
			return err
		}
		secret := c.Secret
		if secret == nil {
			secret = []byte{} // nil would be null
		}
		tx.Queue("store an alert channel", "UPDATE alert_channels SET secret = $1 WHERE id = $2", secret, c.ID)
		return nil
	})
	return version, err
}

// putNamed stores a rule or the part of a channel that is not secret. It looks for one of the name first: nothing else is
// written meanwhile, and a refused statement would end the transaction.
func putNamed(ctx context.Context, tx *database.Tx, table string, c *store.AlertChannel, max int) (version int64, err error) {
	const doing = "store an alert rule or channel"
	if version, err = nextAlertsVersion(ctx, tx); err != nil {
		return 0, err
	}
	var n int
	if c.Version == 0 {
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return 0, database.Map(doing, err)
		}
		if n >= max {
			return 0, store.ErrTooManyRules
		}
	}
	taken, err := database.One(tx.QueryRow(ctx, "SELECT 1 FROM "+table+" WHERE name_folded = $1 AND id <> $2", foldName(c.Name), c.ID), &n)
	if err == nil && taken {
		return 0, store.ErrAlertName
	}
	if err != nil {
		return 0, database.Map(doing, err)
	}
	if c.Version == 0 {
		columns, values := "", ""
		if table == "alert_channels" {
			columns, values = ", secret", ", ''"
		}
		tx.Queue(doing, "INSERT INTO "+table+" (id, name, name_folded, document, created_at, updated_at, version"+columns+
			") VALUES ($1,$2,$3,$4,$5,$6,$7"+values+")",
			c.ID, c.Name, foldName(c.Name), string(c.Document), c.CreatedAt.UnixNano(), c.UpdatedAt.UnixNano(), version)
		return version, nil
	}
	changes, err := tx.Exec(ctx, "UPDATE "+table+" SET name = $1, name_folded = $2, document = $3, updated_at = $4, version = $5 WHERE id = $6 AND version = $7",
		c.Name, foldName(c.Name), string(c.Document), c.UpdatedAt.UnixNano(), version, c.ID, c.Version)
	err = changed(changes, database.Map(doing, err), store.ErrChanged)
	if errors.Is(err, store.ErrChanged) {
		return 0, missing(ctx, tx, "SELECT 1 FROM "+table+" WHERE id = $1", c.ID, store.ErrAlertUnknown)
	}
	return version, err
}

func nextAlertsVersion(ctx context.Context, tx *database.Tx) (version int64, err error) {
	err = tx.QueryRow(ctx, "UPDATE meta SET value = value + 1 WHERE name = 'alerts_version' RETURNING value").Scan(&version)
	return version, database.Map("count the change of the alert rules", err)
}

// DeleteAlertRule removes a rule with its states, and ends its alerts.
func (d *Directory) DeleteAlertRule(ctx context.Context, id string, version int64, entry store.AuditEntry, ends ...store.AlertEnd) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if err := deleteNamed(ctx, tx, "alert_rules", id, version); err != nil {
			return err
		}
		for i := range ends {
			if err := endAlerts(ctx, tx, id, &ends[i]); err != nil {
				return err
			}
		}
		tx.Queue("remove the states of an alert rule", "DELETE FROM alert_states WHERE rule = $1", id)
		tx.Queue("end the alerts of a rule", "UPDATE alerts SET ended_at = $1 WHERE rule = $2 AND ended_at IS NULL", entry.Time.UnixNano(), id)
		return nil
	})
}

// endAlerts stores what is told of the end of a rule's alerts.
func endAlerts(ctx context.Context, tx *database.Tx, rule string, e *store.AlertEnd) error {
	now := map[string]int64{}
	rows, err := tx.Query(ctx, "SELECT subject, version FROM alert_states WHERE rule = $1 FOR UPDATE", rule)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var subject string
			var version int64
			err := r.Scan(&subject, &version)
			now[subject] = version
			return err
		})
	}
	if err != nil {
		return database.Map("read the states of an alert rule", err)
	}
	if !e.SameStates(now) {
		return store.ErrAlertStates
	}
	for i := range e.Deliveries {
		addDelivery(tx, &e.Deliveries[i])
	}
	return nil
}

// deadChannel is the last error of a delivery whose channel was removed.
const deadChannel = "the channel was removed"

// DeleteAlertChannel removes a channel.
func (d *Directory) DeleteAlertChannel(ctx context.Context, id string, version int64, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if err := deleteNamed(ctx, tx, "alert_channels", id, version); err != nil {
			return err
		}
		tx.Queue("end the deliveries of a channel", `UPDATE alert_deliveries SET status = $1, last_error = $2, updated_at = $3, version = version + 1
WHERE channel = $4 AND status = $5`, string(store.DeliveryDead), deadChannel, entry.Time.UnixNano(), id, string(store.DeliveryWaiting))
		return nil
	})
}

func deleteNamed(ctx context.Context, tx *database.Tx, table, id string, version int64) error {
	if !storable(id) {
		return store.ErrAlertUnknown
	}
	if _, err := nextAlertsVersion(ctx, tx); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE id = $1 AND ($2::bigint = 0 OR version = $2)", id, version)
	err = changed(n, database.Map("remove an alert rule or channel", err), store.ErrChanged)
	if errors.Is(err, store.ErrChanged) {
		return missing(ctx, tx, "SELECT 1 FROM "+table+" WHERE id = $1", id, store.ErrAlertUnknown)
	}
	return err
}
