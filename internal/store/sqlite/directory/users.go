package directory

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

const userColumns = "u.id, u.name, u.display_name, u.role, u.subject, u.password, u.disabled, u.created_at, u.seen_at, u.version"

// userRow reads userColumns.
type userRow struct {
	store.User
	created int64
	seen    sql.NullInt64
}

func (r *userRow) into() []any {
	return []any{&r.ID, &r.Name, &r.DisplayName, &r.Role, &r.Subject, &r.Password, &r.Disabled, &r.created, &r.seen, &r.Version}
}

func (r *userRow) user() store.User {
	r.CreatedAt, r.SeenAt = time.Unix(0, r.created).UTC(), timeOf(r.seen)
	return r.User
}

// Users lists all users.
func (d *Directory) Users(ctx context.Context) ([]store.User, error) {
	rows, err := d.o.Access.QueryContext(ctx, "SELECT "+userColumns+" FROM users u ORDER BY u.name")
	if err != nil {
		return nil, sqlerr.Map("list the users", err)
	}
	defer rows.Close()
	users := []store.User{}
	for rows.Next() {
		var r userRow
		if err := rows.Scan(r.into()...); err != nil {
			return nil, sqlerr.Map("read a user", err)
		}
		users = append(users, r.user())
	}
	return users, sqlerr.Map("list the users", rows.Err())
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
	found, err := one(d.o.Access.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users u WHERE u."+column+" = ?", value), r.into()...)
	return r.user(), found, sqlerr.Map("find the user", err)
}

// AddUser stores a new user.
func (d *Directory) AddUser(ctx context.Context, u store.User, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `INSERT INTO users (id, name, display_name, role, subject, password, disabled, created_at, seen_at, version)
VALUES (?,?,?,?,?,?,?,?,?,1)`, u.ID, u.Name, u.DisplayName, u.Role, u.Subject, u.Password, u.Disabled, u.CreatedAt.UnixNano(), nanosOf(u.SeenAt))
		if sqlerr.Unique(err) {
			return store.ErrUserExists
		}
		return sqlerr.Map("store the user", err)
	})
}

// UpdateUser replaces a stored user.
func (d *Directory) UpdateUser(ctx context.Context, u store.User, o store.UserUpdate, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		return keepAnAdmin(ctx, conn, o.EvenLastAdmin, func() error {
			res, err := conn.ExecContext(ctx, `UPDATE users SET name = ?, display_name = ?, role = ?, subject = ?, password = ?, disabled = ?,
version = version + 1 WHERE id = ? AND version = ?`, u.Name, u.DisplayName, u.Role, u.Subject, u.Password, u.Disabled, u.ID, u.Version)
			if sqlerr.Unique(err) {
				return store.ErrUserExists
			}
			err = changed(res, sqlerr.Map("change the user", err), store.ErrChanged)
			if errors.Is(err, store.ErrChanged) {
				return missing(ctx, conn, "SELECT 1 FROM users WHERE id = ?", u.ID, store.ErrUserUnknown)
			}
			if err != nil || !o.EndSessions {
				return err
			}
			_, err = conn.ExecContext(ctx, "DELETE FROM sessions WHERE user = ?", u.ID)
			return sqlerr.Map("end the user's sessions", err)
		})
	})
}

// DeleteUser removes a user with its sessions and tokens.
func (d *Directory) DeleteUser(ctx context.Context, id string, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		return keepAnAdmin(ctx, conn, false, func() error {
			res, err := conn.ExecContext(ctx, "DELETE FROM users WHERE id = ?", id)
			if err := changed(res, sqlerr.Map("delete the user", err), store.ErrUserUnknown); err != nil {
				return err
			}
			for _, q := range []string{"DELETE FROM sessions WHERE user = ?", "DELETE FROM api_tokens WHERE user = ?"} {
				if _, err := conn.ExecContext(ctx, q, id); err != nil {
					return sqlerr.Map("delete what the user got in by", err)
				}
			}
			return nil
		})
	})
}

// keepAnAdmin makes a change unless it takes away the last admin.
func keepAnAdmin(ctx context.Context, conn *sql.Conn, anyway bool, f func() error) error {
	if anyway {
		return f()
	}
	admins := func() (n int, err error) {
		err = conn.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE role = 'admin' AND NOT disabled").Scan(&n)
		return n, sqlerr.Map("count the admins", err)
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
