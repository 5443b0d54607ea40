package directory

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// Views lists the views of an owner and those that are shared.
func (d *Directory) Views(ctx context.Context, owner string) (views []store.SavedView, err error) {
	if !storable(owner) {
		owner = ""
	}
	rows, err := d.db.Query(ctx, `SELECT id, owner, name, shared, page, query, created_at, version FROM views
WHERE owner = $1 OR shared ORDER BY name_folded COLLATE "C", id COLLATE "C"`, owner)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var v store.SavedView
			var created int64
			err := r.Scan(&v.ID, &v.Owner, &v.Name, &v.Shared, &v.Page, &v.Query, &created, &v.Version)
			v.CreatedAt = time.Unix(0, created).UTC()
			views = append(views, v)
			return err
		})
	}
	return views, database.Map("list the views", err)
}

// AddView stores a new view.
func (d *Directory) AddView(ctx context.Context, limit int, v store.SavedView, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM views WHERE owner = $1", v.Owner).Scan(&n); err != nil {
			return database.Map("count the views", err)
		}
		if n >= limit {
			return store.ErrTooManyViews
		}
		if err := viewNameFree(ctx, tx, v.Owner, v.Name, v.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO views (id, owner, name, name_folded, shared, page, query, created_at, version)
VALUES ($1,$2,$3,$4,$5,$6,$7,$8,1)`, v.ID, v.Owner, v.Name, foldName(v.Name), v.Shared, v.Page, v.Query, v.CreatedAt.UnixNano())
		return database.Map("store a view", err)
	})
}

// viewNameFree returns store.ErrViewExists where another view of an owner has a name.
func viewNameFree(ctx context.Context, tx *database.Tx, owner, name, id string) error {
	taken, err := found(ctx, tx, "SELECT 1 FROM views WHERE owner = $1 AND name_folded = $2 AND id <> $3", owner, foldName(name), id)
	if err == nil && taken {
		err = store.ErrViewExists
	}
	return err
}

// UpdateView replaces a stored view.
func (d *Directory) UpdateView(ctx context.Context, v store.SavedView, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if !storable(v.ID) {
			return store.ErrViewUnknown
		}
		var owner string
		there, err := database.One(tx.QueryRow(ctx, "SELECT owner FROM views WHERE id = $1 AND version = $2", v.ID, v.Version), &owner)
		switch {
		case err != nil:
			return database.Map("look for a view", err)
		case !there:
			return missing(ctx, tx, "SELECT 1 FROM views WHERE id = $1", v.ID, store.ErrViewUnknown)
		}
		if err := viewNameFree(ctx, tx, owner, v.Name, v.ID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE views SET name = $1, name_folded = $2, shared = $3, page = $4, query = $5, version = version + 1 WHERE id = $6",
			v.Name, foldName(v.Name), v.Shared, v.Page, v.Query, v.ID)
		return database.Map("store a view", err)
	})
}

// DeleteView removes a view.
func (d *Directory) DeleteView(ctx context.Context, id string, version int64, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		if !storable(id) {
			return store.ErrViewUnknown
		}
		n, err := tx.Exec(ctx, "DELETE FROM views WHERE id = $1 AND version = $2", id, version)
		err = changed(n, database.Map("remove a view", err), store.ErrChanged)
		if errors.Is(err, store.ErrChanged) {
			return missing(ctx, tx, "SELECT 1 FROM views WHERE id = $1", id, store.ErrViewUnknown)
		}
		return err
	})
}
