package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

var errNoEntry = errors.New("a change needs an entry for the audit log, with its action")

// insertAudit numbers entries in the order of commits: one change is made at a time.
const insertAudit = `WITH next AS (UPDATE meta SET value = value + 1 WHERE name = 'audit' RETURNING value)
INSERT INTO audit_log (id, time, actor_id, actor_name, via, source_ip, action, target_type, target_id, target_name, before, after, class)
SELECT value, $1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text, $11::text, $12::smallint FROM next`

// appendAudit stores an entry with the commit.
func appendAudit(tx *database.Tx, a store.AuditEntry) error {
	if a.Action == "" {
		return errNoEntry
	}
	tx.Queue("write the audit log", insertAudit, a.Time.UnixNano(), a.Actor.ID, a.Actor.Name, a.Actor.Via, a.Source, a.Action,
		a.Target.Type, a.Target.ID, a.Target.Name, document(a.Before), document(a.After), int16(a.Class()))
	return nil
}

func document(m json.RawMessage) *string {
	if m == nil {
		return nil
	}
	text := string(m)
	return &text
}

// AddAudit stores the entry of a change that is not the engine's own.
func (d *Directory) AddAudit(ctx context.Context, a store.AuditEntry) error {
	return d.change(ctx, a, func(*database.Tx) error { return nil })
}

const selectAudit = `SELECT id, time, actor_id, actor_name, via, source_ip, action, target_type, target_id, target_name, before, after
FROM audit_log WHERE `

// Audit visits entries, newest first.
func (d *Directory) Audit(ctx context.Context, f store.AuditFilter, visit func(*store.AuditEntry) error) error {
	where, args := auditWhere(f)
	if f.Limit > 0 {
		args = append(args, f.Limit)
		where += fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args))
	} else {
		where += " ORDER BY id DESC"
	}
	var visited error
	err := d.db.Each(ctx, func(r pgx.Rows) error { // where holds no values
		var a store.AuditEntry
		var at int64
		var before, after *string
		if err := r.Scan(&a.ID, &at, &a.Actor.ID, &a.Actor.Name, &a.Actor.Via, &a.Source, &a.Action,
			&a.Target.Type, &a.Target.ID, &a.Target.Name, &before, &after); err != nil {
			return err
		}
		a.Time = time.Unix(0, at).UTC()
		if before != nil {
			a.Before = json.RawMessage(*before)
		}
		if after != nil {
			a.After = json.RawMessage(*after)
		}
		visited = visit(&a)
		return visited
	}, selectAudit+where, args...)
	if visited != nil {
		return visited
	}
	return database.Map("read the audit log", err)
}

// auditWhere is the condition of a filter, with its values apart.
func auditWhere(f store.AuditFilter) (string, []any) {
	terms, args := []string{"true"}, []any(nil)
	add := func(term string, value any) {
		args = append(args, value)
		terms = append(terms, strings.ReplaceAll(term, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.Before > 0 {
		add("id < ?", f.Before)
	}
	if !f.From.IsZero() {
		add("time >= ?", f.From.UnixNano())
	}
	if !f.To.IsZero() {
		add("time < ?", f.To.UnixNano())
	}
	for _, list := range []struct {
		values []string
		term   string
	}{
		{f.Actors, "(actor_id = ANY(?) OR actor_name = ANY(?))"},
		{f.Actions, "(action = ANY(?) OR split_part(action, '.', 1) = ANY(?))"},
		{f.Targets, "(target_id = ANY(?) OR target_name = ANY(?) OR target_type = ANY(?))"},
	} {
		if len(list.values) > 0 {
			add(list.term, storables(list.values))
		}
	}
	return strings.Join(terms, " AND "), args
}

// DropAudit removes old entries.
func (d *Directory) DropAudit(ctx context.Context, before time.Time, keep int64, max int) (total int, err error) {
	err = d.write(ctx, func(tx *database.Tx) error {
		total = 0
		// Ids ascend with time, so that the first ones are the oldest and nothing has to be searched.
		n, err := dropEntries(ctx, tx, "SELECT id FROM (SELECT id, time FROM audit_log ORDER BY id LIMIT $1) AS oldest WHERE time < $2", max, before.UnixNano())
		if total = n; err != nil || keep <= 0 {
			return err
		}
		for _, class := range store.AuditClasses() {
			// The newest that goes is found in the index alone.
			n, err := dropEntries(ctx, tx, `SELECT id FROM audit_log WHERE class = $1 AND id <=
(SELECT id FROM audit_log WHERE class = $1 ORDER BY id DESC LIMIT 1 OFFSET $2) ORDER BY id LIMIT $3`, int16(class), keep, max-total)
			if total += n; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return total, nil
}

func dropEntries(ctx context.Context, tx *database.Tx, ids string, args ...any) (int, error) {
	n, err := tx.Exec(ctx, "DELETE FROM audit_log WHERE id IN ("+ids+")", args...) // ids holds no values
	return int(n), database.Map("drop old entries of the audit log", err)
}
