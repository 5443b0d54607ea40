package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// change makes a change that people ask for: it and its audit entry are on disk together, or
// neither is. f writes through e.writer.conn.
func (e *Engine) change(ctx context.Context, entry store.AuditEntry, f func() error) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.transaction(ctx, func() error {
		if err := f(); err != nil {
			return err
		}
		return appendAudit(ctx, e.writer.conn, entry)
	})
}

// changed answers missing where a statement found no row to change.
func changed(res sql.Result, err, missing error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return missing
	}
	return err
}

// executor is a connection or a transaction.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

var errNoEntry = errors.New("a change needs an entry for the audit log, with its action")

func appendAudit(ctx context.Context, x executor, a store.AuditEntry) error {
	if a.Action == "" {
		return errNoEntry
	}
	_, err := x.ExecContext(ctx, `INSERT INTO audit_log
(time, actor_id, actor_name, via, source_ip, action, target_type, target_id, target_name, before, after, class) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
		a.Time.UnixNano(), a.Actor.ID, a.Actor.Name, a.Actor.Via, a.Source, a.Action, a.Target.Type, a.Target.ID, a.Target.Name,
		document(a.Before), document(a.After), a.Class())
	return mapError("write the audit log", err)
}

func document(m json.RawMessage) any {
	if m == nil {
		return nil
	}
	return string(m)
}

// AddAudit stores the entry of a change that is not the engine's own.
func (e *Engine) AddAudit(ctx context.Context, a store.AuditEntry) error {
	return e.change(ctx, a, func() error { return nil })
}

// Audit visits entries, newest first.
func (e *Engine) Audit(ctx context.Context, f store.AuditFilter, visit func(*store.AuditEntry) error) error {
	where, args := auditWhere(f)
	limit := -1 // none
	if f.Limit > 0 {
		limit = f.Limit
	}
	//nolint:gosec // where has names and ? of auditWhere, no values
	rows, err := e.readDB.QueryContext(ctx, `SELECT id, time, actor_id, actor_name, via, source_ip, action, target_type, target_id, target_name, before, after
FROM audit_log WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return mapError("read the audit log", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a store.AuditEntry
		var at int64
		var before, after sql.NullString
		if err := rows.Scan(&a.ID, &at, &a.Actor.ID, &a.Actor.Name, &a.Actor.Via, &a.Source, &a.Action,
			&a.Target.Type, &a.Target.ID, &a.Target.Name, &before, &after); err != nil {
			return mapError("read an entry of the audit log", err)
		}
		a.Time = time.Unix(0, at).UTC()
		if before.Valid {
			a.Before = json.RawMessage(before.String)
		}
		if after.Valid {
			a.After = json.RawMessage(after.String)
		}
		if err := visit(&a); err != nil {
			return err
		}
	}
	return mapError("read the audit log", rows.Err())
}

// auditWhere is the condition of a filter, with its values apart.
func auditWhere(f store.AuditFilter) (string, []any) {
	terms, args := []string{"1"}, []any(nil)
	add := func(term string, values ...any) { terms, args = append(terms, term), append(args, values...) }
	if f.Before > 0 {
		add("id < ?", f.Before)
	}
	if !f.From.IsZero() {
		add("time >= ?", f.From.UnixNano())
	}
	if !f.To.IsZero() {
		add("time < ?", f.To.UnixNano())
	}
	anyOf := func(values []string, columns ...string) {
		if len(values) == 0 {
			return
		}
		list := "(?" + strings.Repeat(",?", len(values)-1) + ")"
		var either []string
		for _, c := range columns {
			either = append(either, c+" IN "+list)
			for _, v := range values {
				args = append(args, v)
			}
		}
		terms = append(terms, "("+strings.Join(either, " OR ")+")")
	}
	anyOf(f.Actors, "actor_id", "actor_name")
	anyOf(f.Actions, "action", "substr(action, 1, instr(action, '.') - 1)")
	anyOf(f.Targets, "target_id", "target_name", "target_type")
	return strings.Join(terms, " AND "), args
}

// DropAudit removes old entries.
func (e *Engine) DropAudit(ctx context.Context, before time.Time, keep int64, max int) (int, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	total := 0
	drop := func(where string, args ...any) error {
		res, err := e.writer.conn.ExecContext(ctx, "DELETE FROM audit_log WHERE id IN ("+where+")", args...) //nolint:gosec // where is one of the texts below, no values
		if err != nil {
			return mapError("drop old entries of the audit log", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("drop old entries of the audit log: %w", err)
		}
		total += int(n)
		return nil
	}
	// Ids ascend with time, so that the first ones are the oldest and nothing has to be searched.
	if err := drop("SELECT id FROM (SELECT id, time FROM audit_log ORDER BY id LIMIT ?1) WHERE time < ?2", max, before.UnixNano()); err != nil {
		return total, err
	}
	if keep <= 0 {
		return total, nil
	}
	for _, class := range store.AuditClasses() {
		// The newest that goes is found in the index alone.
		err := drop(`SELECT id FROM audit_log WHERE class = ?1 AND id <= (SELECT id FROM audit_log WHERE class = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
ORDER BY id LIMIT ?3`, class, keep, max-total)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
