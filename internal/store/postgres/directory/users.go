package directory

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

const userColumns = "u.id, u.name, u.display_name, u.role, u.subject, u.password, u.disabled, u.created_at, u.seen_at, u.version"

// userRow reads userColumns.
type userRow struct {
	store.User
	created int64
	seen    *int64
}

func (r *userRow) into() []any {
	return []any{&r.ID, &r.Name, &r.DisplayName, &r.Role, &r.Subject, &r.Password, &r.Disabled, &r.created, &r.seen, &r.Version}
}

func (r *userRow) user() store.User {
	r.CreatedAt, r.SeenAt = time.Unix(0, r.created).UTC(), timeOf(r.seen)
	return r.User
}

// Users lists all users. Names are compared byte by byte, whatever the server's locale.
func (d *Directory) Users(ctx context.Context) ([]store.User, error) {
	users := []store.User{}
	rows, err := d.db.Query(ctx, "SELECT "+userColumns+` FROM users u ORDER BY u.name COLLATE "C"`)
	if err == nil {
		err = database.EachRow(rows, func(rows pgx.Rows) error {
			var r userRow
			err := rows.Scan(r.into()...)
			users = append(users, r.user())
			return err
		})
	}
	return users, database.Map("list the users", err)
}

// FindUser returns one user.
func (d *Directory) FindUser(ctx context.Context, ref store.UserRef) (store.User, bool, error) {
	column, value := "id", ref.ID
	switch {
	case ref.Name != "":
		column, value = "name", ref.Name
	case ref.Subject != "":
		column, value = "subject", ref.Subject
	}
	var r userRow
	if !storable(value) {
		return store.User{}, false, nil
	}
	found, err := database.One(d.db.QueryRow(ctx, "SELECT "+userColumns+" FROM users u WHERE u."+column+" = $1", value), r.into()...)
	return r.user(), found, database.Map("find the user", err)
}

// AddUser stores a new user.
func (d *Directory) AddUser(ctx context.Context, u store.User, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO users (id, name, display_name, role, subject, password, disabled, created_at, seen_at, version)
VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,1) ON CONFLICT DO NOTHING`,
			u.ID, u.Name, u.DisplayName, u.Role, u.Subject, u.Password, u.Disabled, u.CreatedAt.UnixNano(), nanosOf(u.SeenAt))
		return changed(n, database.Map("store the user", err), store.ErrUserExists)
	})
}

// UpdateUser replaces a stored user.
func (d *Directory) UpdateUser(ctx context.Context, u store.User, o store.UserUpdate, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		return keepAnAdmin(ctx, tx, o.EvenLastAdmin, func() error {
			var n int
			taken, err := database.One(tx.QueryRow(ctx, "SELECT 1 FROM users WHERE id <> $1 AND (name = $2 OR (subject <> '' AND subject = $3)) LIMIT 1",
				u.ID, u.Name, u.Subject), &n)
			if err != nil {
				return database.Map("look for a user of this name", err)
			}
			updated, err := tx.Exec(ctx, "UPDATE users SET version = version + 1 WHERE id = $1 AND version = $2", u.ID, u.Version)
			err = changed(updated, database.Map("change the user", err), store.ErrChanged)
			if errors.Is(err, store.ErrChanged) {
				return missing(ctx, tx, "SELECT 1 FROM users WHERE id = $1", u.ID, store.ErrUserUnknown)
			}
			if err == nil && taken {
				err = store.ErrUserExists
			}
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE users SET name = $1, display_name = $2, role = $3, subject = $4, password = $5, disabled = $6 WHERE id = $7",
				u.Name, u.DisplayName, u.Role, u.Subject, u.Password, u.Disabled, u.ID); err != nil {
				return database.Map("change the user", err)
			}
			if o.EndSessions {
				tx.Queue("end the user's sessions", "DELETE FROM sessions WHERE user_id = $1", u.ID)
			}
			return nil
		})
	})
}

// DeleteUser removes a user and all by which it gets in.
func (d *Directory) DeleteUser(ctx context.Context, id string, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		return keepAnAdmin(ctx, tx, false, func() error {
			n, err := tx.Exec(ctx, "DELETE FROM users WHERE id = $1", id)
			if err := changed(n, database.Map("delete the user", err), store.ErrUserUnknown); err != nil {
				return err
			}
			for _, q := range []string{"DELETE FROM sessions WHERE user_id = $1", "DELETE FROM api_tokens WHERE user_id = $1"} {
				tx.Queue("delete what the user got in by", q, id)
			}
			return nil
		})
	})
}

// keepAnAdmin makes a change unless it takes away the last admin.
func keepAnAdmin(ctx context.Context, tx *database.Tx, anyway bool, f func() error) error {
	if anyway {
		return f()
	}
	admins := func() (n int, err error) {
		err = tx.QueryRow(ctx, "SELECT count(*) FROM users WHERE role = 'admin' AND NOT disabled").Scan(&n)
		return n, database.Map("count the admins", err)
	}
	before, err := admins()
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	after, err := admins()
	if err == nil && before > 0 && after == 0 {
		return store.ErrLastAdmin
	}
	return err
}
