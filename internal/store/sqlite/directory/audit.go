package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

var errNoEntry = errors.New("a change needs an entry for the audit log, with its action")

func appendAudit(ctx context.Context, conn *sql.Conn, a store.AuditEntry) error {
	if a.Action == "" {
		return errNoEntry
	}
	_, err := conn.ExecContext(ctx, `INSERT INTO audit_log
(time, actor_id, actor_name, via, source_ip, action, target_type, target_id, target_name, before, after, class) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
		a.Time.UnixNano(), a.Actor.ID, a.Actor.Name, a.Actor.Via, a.Source, a.Action, a.Target.Type, a.Target.ID, a.Target.Name,
		document(a.Before), document(a.After), a.Class())
	return sqlerr.Map("write the audit log", err)
}

func document(m json.RawMessage) any {
	if m == nil {
		return nil
	}
	return string(m)
}

// AddAudit stores the entry of a change that is not the engine's own.
func (d *Directory) AddAudit(ctx context.Context, a store.AuditEntry) error {
	return d.change(ctx, a, func(*sql.Conn) error { return nil })
}

const selectAudit = `SELECT id, time, actor_id, actor_name, via, source_ip, action, target_type, target_id, target_name, before, after
FROM audit_log WHERE `

// Audit visits entries, newest first.
func (d *Directory) Audit(ctx context.Context, f store.AuditFilter, visit func(*store.AuditEntry) error) error {
	where, args := auditWhere(f)
	limit := -1 // none
	if f.Limit > 0 {
		limit = f.Limit
	}
	rows, err := d.o.Read.QueryContext(ctx, selectAudit+where+" ORDER BY id DESC LIMIT ?", append(args, limit)...) // where holds no values
	if err != nil {
		return sqlerr.Map("read the audit log", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a store.AuditEntry
		var at int64
		var before, after sql.NullString
		if err := rows.Scan(&a.ID, &at, &a.Actor.ID, &a.Actor.Name, &a.Actor.Via, &a.Source, &a.Action,
			&a.Target.Type, &a.Target.ID, &a.Target.Name, &before, &after); err != nil {
			return sqlerr.Map("read an entry of the audit log", err)
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
	return sqlerr.Map("read the audit log", rows.Err())
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
func (d *Directory) DropAudit(ctx context.Context, before time.Time, keep int64, max int) (total int, err error) {
	err = d.o.Write(ctx, func(conn *sql.Conn) error {
		total = 0
		// Ids ascend with time, so that the first ones are the oldest and nothing has to be searched.
		n, err := dropEntries(ctx, conn, "SELECT id FROM (SELECT id, time FROM audit_log ORDER BY id LIMIT ?1) WHERE time < ?2", max, before.UnixNano())
		if total = n; err != nil || keep <= 0 {
			return err
		}
		for _, class := range store.AuditClasses() {
			// The newest one to remove is found in the index alone.
			n, err := dropEntries(ctx, conn, `SELECT id FROM audit_log WHERE class = ?1 AND id <=
(SELECT id FROM audit_log WHERE class = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2) ORDER BY id LIMIT ?3`, class, keep, max-total)
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

func dropEntries(ctx context.Context, conn *sql.Conn, ids string, args ...any) (int, error) {
	res, err := conn.ExecContext(ctx, "DELETE FROM audit_log WHERE id IN ("+ids+")", args...) //nolint:gosec // ids holds no values
	if err != nil {
		return 0, sqlerr.Map("drop old entries of the audit log", err)
	}
	n, err := res.RowsAffected()
	return int(n), sqlerr.Map("drop old entries of the audit log", err)
}
