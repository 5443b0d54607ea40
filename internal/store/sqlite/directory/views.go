package directory

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

// Views lists the views of an owner and those that are shared.
func (d *Directory) Views(ctx context.Context, owner string) ([]store.SavedView, error) {
	rows, err := d.o.Read.QueryContext(ctx, `SELECT id, owner, name, shared, page, query, created_at, version FROM views
WHERE owner = ? OR shared ORDER BY name_folded, id`, owner)
	if err != nil {
		return nil, sqlerr.Map("list the views", err)
	}
	defer rows.Close()
	var views []store.SavedView
	for rows.Next() {
		var v store.SavedView
		var created int64
		if err := rows.Scan(&v.ID, &v.Owner, &v.Name, &v.Shared, &v.Page, &v.Query, &created, &v.Version); err != nil {
			return nil, sqlerr.Map("read a view", err)
		}
		v.CreatedAt = time.Unix(0, created).UTC()
		views = append(views, v)
	}
	return views, sqlerr.Map("list the views", rows.Err())
}

// AddView stores a new view.
func (d *Directory) AddView(ctx context.Context, limit int, v store.SavedView, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		var n int
		if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM views WHERE owner = ?", v.Owner).Scan(&n); err != nil {
			return sqlerr.Map("count the views", err)
		}
		if n >= limit {
			return store.ErrTooManyViews
		}
		if err := viewNameFree(ctx, conn, v.Owner, v.Name, v.ID); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, `INSERT INTO views (id, owner, name, name_folded, shared, page, query, created_at, version)
VALUES (?,?,?,?,?,?,?,?,1)`, v.ID, v.Owner, v.Name, caseFold(v.Name), v.Shared, v.Page, v.Query, v.CreatedAt.UnixNano())
		return sqlerr.Map("store a view", err)
	})
}

// viewNameFree returns store.ErrViewExists where another view of an owner has a name.
func viewNameFree(ctx context.Context, conn *sql.Conn, owner, name, id string) error {
	var n int
	found, err := one(conn.QueryRowContext(ctx, "SELECT 1 FROM views WHERE owner = ? AND name_folded = ? AND id <> ?", owner, caseFold(name), id), &n)
	switch {
	case err != nil:
		return sqlerr.Map("look for the name", err)
	case found:
		return store.ErrViewExists
	}
	return nil
}

// UpdateView replaces a stored view.
func (d *Directory) UpdateView(ctx context.Context, v store.SavedView, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		var owner string
		found, err := one(conn.QueryRowContext(ctx, "SELECT owner FROM views WHERE id = ? AND version = ?", v.ID, v.Version), &owner)
		switch {
		case err != nil:
			return sqlerr.Map("look for a view", err)
		case !found:
			return missing(ctx, conn, "SELECT 1 FROM views WHERE id = ?", v.ID, store.ErrViewUnknown)
		}
		if err := viewNameFree(ctx, conn, owner, v.Name, v.ID); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx, "UPDATE views SET name = ?, name_folded = ?, shared = ?, page = ?, query = ?, version = version + 1 WHERE id = ?",
			v.Name, caseFold(v.Name), v.Shared, v.Page, v.Query, v.ID)
		return sqlerr.Map("store a view", err)
	})
}

// DeleteView removes a view.
func (d *Directory) DeleteView(ctx context.Context, id string, version int64, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, "DELETE FROM views WHERE id = ? AND version = ?", id, version)
		err = changed(res, sqlerr.Map("remove a view", err), store.ErrChanged)
		if errors.Is(err, store.ErrChanged) {
			return missing(ctx, conn, "SELECT 1 FROM views WHERE id = ?", id, store.ErrViewUnknown)
		}
		return err
	})
}
