package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

const userColumns = "u.id, u.name, u.display_name, u.role, u.subject, u.password, u.disabled, u.created_at, u.seen_at"

// userRow reads userColumns.
type userRow struct {
	store.User
	created int64
	seen    sql.NullInt64
}

func (r *userRow) into() []any {
	return []any{&r.ID, &r.Name, &r.DisplayName, &r.Role, &r.Subject, &r.Password, &r.Disabled, &r.created, &r.seen}
}

func (r *userRow) user() store.User {
	r.CreatedAt, r.SeenAt = time.Unix(0, r.created).UTC(), timeOf(r.seen)
	return r.User
}

// Users lists all users.
func (e *Engine) Users(ctx context.Context) ([]store.User, error) {
	rows, err := e.accessDB.QueryContext(ctx, "SELECT "+userColumns+" FROM users u ORDER BY u.name")
	if err != nil {
		return nil, mapError("list the users", err)
	}
	defer rows.Close()
	users := []store.User{}
	for rows.Next() {
		var r userRow
		if err := rows.Scan(r.into()...); err != nil {
			return nil, mapError("read a user", err)
		}
		users = append(users, r.user())
	}
	return users, mapError("list the users", rows.Err())
}

// FindUser gives one user.
func (e *Engine) FindUser(ctx context.Context, ref store.UserRef) (store.User, bool, error) {
	column, value := "id", ref.ID
	switch {
	case ref.Name != "":
		column, value = "name", ref.Name
	case ref.Subject != "":
		column, value = "subject", ref.Subject
	}
	var r userRow
	found, err := one(e.accessDB.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users u WHERE u."+column+" = ?", value), r.into()...)
	return r.user(), found, mapError("find the user", err)
}

// one reads a row that may not be there.
func one(row *sql.Row, into ...any) (bool, error) {
	err := row.Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// AddUser stores a new user.
func (e *Engine) AddUser(ctx context.Context, u store.User, entry store.AuditEntry) error {
	return e.change(ctx, entry, func() error {
		_, err := e.writer.conn.ExecContext(ctx, `INSERT INTO users (id, name, display_name, role, subject, password, disabled, created_at, seen_at)
VALUES (?,?,?,?,?,?,?,?,?)`, u.ID, u.Name, u.DisplayName, u.Role, u.Subject, u.Password, u.Disabled, u.CreatedAt.UnixNano(), nanosOf(u.SeenAt))
		if isUnique(err) {
			return store.ErrUserExists
		}
		return mapError("store the user", err)
	})
}

// UpdateUser replaces what is stored of a user.
func (e *Engine) UpdateUser(ctx context.Context, u store.User, o store.UserUpdate, entry store.AuditEntry) error {
	return e.change(ctx, entry, func() error {
		return e.keepAnAdmin(ctx, o.EvenLastAdmin, func() error {
			res, err := e.writer.conn.ExecContext(ctx, `UPDATE users SET name = ?, display_name = ?, role = ?, subject = ?, password = ?, disabled = ?
WHERE id = ?`, u.Name, u.DisplayName, u.Role, u.Subject, u.Password, u.Disabled, u.ID)
			if isUnique(err) {
				return store.ErrUserExists
			}
			if err := changed(res, mapError("change the user", err), store.ErrUserUnknown); err != nil || !o.EndSessions {
				return err
			}
			_, err = e.writer.conn.ExecContext(ctx, "DELETE FROM sessions WHERE user = ?", u.ID)
			return mapError("end the user's sessions", err)
		})
	})
}

// DeleteUser removes a user and all by which it gets in.
func (e *Engine) DeleteUser(ctx context.Context, id string, entry store.AuditEntry) error {
	return e.change(ctx, entry, func() error {
		return e.keepAnAdmin(ctx, false, func() error {
			res, err := e.writer.conn.ExecContext(ctx, "DELETE FROM users WHERE id = ?", id)
			if err := changed(res, mapError("delete the user", err), store.ErrUserUnknown); err != nil {
				return err
			}
			for _, q := range []string{"DELETE FROM sessions WHERE user = ?", "DELETE FROM api_tokens WHERE user = ?"} {
				if _, err := e.writer.conn.ExecContext(ctx, q, id); err != nil {
					return mapError("delete what the user got in by", err)
				}
			}
			return nil
		})
	})
}

// keepAnAdmin makes a change unless it takes away the last admin.
func (e *Engine) keepAnAdmin(ctx context.Context, anyway bool, f func() error) error {
	if anyway {
		return f()
	}
	admins := func() (n int, err error) {
		err = e.writer.conn.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE role = 'admin' AND NOT disabled").Scan(&n)
		return n, mapError("count the admins", err)
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

// What every request asks for.
const (
	findSession = "SELECT s.user, s.data, s.created_at, s.seen_at, s.expires_at, " + userColumns +
		" FROM sessions s JOIN users u ON u.id = s.user WHERE s.hash = ?"
	findToken = "SELECT " + tokenColumns + ", " + userColumns + " FROM api_tokens t JOIN users u ON u.id = t.user WHERE t.hash = ?"
)

// Session gives a session and its user.
func (e *Engine) Session(ctx context.Context, hash string) (store.Session, store.User, bool, error) {
	s := store.Session{Hash: hash}
	var r userRow
	var created, seen, expires int64
	found, err := one(e.findSession.QueryRowContext(ctx, []byte(hash)), append([]any{&s.User, &s.Data, &created, &seen, &expires}, r.into()...)...)
	s.CreatedAt, s.SeenAt, s.ExpiresAt = time.Unix(0, created).UTC(), time.Unix(0, seen).UTC(), time.Unix(0, expires).UTC()
	return s, r.user(), found, mapError("find the session", err)
}

// PutSession stores a session.
func (e *Engine) PutSession(ctx context.Context, s store.Session, keep int, entry store.AuditEntry) error {
	return e.change(ctx, entry, func() error {
		for _, q := range []struct {
			text string
			args []any
		}{
			{"DELETE FROM sessions WHERE expires_at <= ?", []any{s.CreatedAt.UnixNano()}},
			{"INSERT INTO sessions (hash, user, data, created_at, seen_at, expires_at) VALUES (?,?,?,?,?,?)", []any{
				[]byte(s.Hash), s.User, s.Data, s.CreatedAt.UnixNano(), s.SeenAt.UnixNano(), s.ExpiresAt.UnixNano(),
			}},
			{`DELETE FROM sessions WHERE user = ?1 AND hash IN
(SELECT hash FROM sessions WHERE user = ?1 ORDER BY created_at DESC LIMIT -1 OFFSET ?2)`, []any{s.User, keep}},
			{"UPDATE users SET seen_at = ? WHERE id = ?", []any{s.CreatedAt.UnixNano(), s.User}},
		} {
			if _, err := e.writer.conn.ExecContext(ctx, q.text, q.args...); err != nil {
				return mapError("store the session", err)
			}
		}
		return nil
	})
}

// touch notes a use, which is no change for the audit log.
func (e *Engine) touch(ctx context.Context, table, column string, id any, seen string, at time.Time) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	err := e.transaction(ctx, func() error {
		for _, q := range []string{
			"UPDATE " + table + " SET " + seen + " = ?1 WHERE " + column + " = ?2",
			"UPDATE users SET seen_at = ?1 WHERE id = (SELECT user FROM " + table + " WHERE " + column + " = ?2)",
		} {
			if _, err := e.writer.conn.ExecContext(ctx, q, at.UnixNano(), id); err != nil {
				return err
			}
		}
		return nil
	})
	return mapError("note the use", err)
}

// TouchSession notes that a session is in use.
func (e *Engine) TouchSession(ctx context.Context, hash string, at time.Time) error {
	return e.touch(ctx, "sessions", "hash", []byte(hash), "seen_at", at)
}

// errNothing undoes a change that turned out to be none.
var errNothing = errors.New("nothing to change")

// EndSession removes a session.
func (e *Engine) EndSession(ctx context.Context, hash string, entry store.AuditEntry) error {
	err := e.change(ctx, entry, func() error {
		res, err := e.writer.conn.ExecContext(ctx, "DELETE FROM sessions WHERE hash = ?", []byte(hash))
		return changed(res, mapError("end the session", err), errNothing)
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

// EndSessions removes all sessions of a user.
func (e *Engine) EndSessions(ctx context.Context, user string, entry store.AuditEntry) (n int, err error) {
	err = e.change(ctx, entry, func() error {
		res, err := e.writer.conn.ExecContext(ctx, "DELETE FROM sessions WHERE user = ?", user)
		if err != nil {
			return mapError("end the user's sessions", err)
		}
		removed, err := res.RowsAffected()
		n = int(removed)
		return err
	})
	return n, err
}

const tokenColumns = "t.id, t.name, t.user, t.role, t.scope, t.hash, t.display, t.created_at, t.expires_at, t.used_at"

// tokenRow reads tokenColumns.
type tokenRow struct {
	store.Token
	hash          []byte
	created       int64
	expires, used sql.NullInt64
}

func (r *tokenRow) into() []any {
	return []any{&r.ID, &r.Name, &r.User, &r.Role, &r.Scope, &r.hash, &r.Display, &r.created, &r.expires, &r.used}
}

func (r *tokenRow) token() store.Token {
	r.Hash, r.CreatedAt, r.ExpiresAt, r.UsedAt = string(r.hash), time.Unix(0, r.created).UTC(), timeOf(r.expires), timeOf(r.used)
	return r.Token
}

// Tokens lists API tokens.
func (e *Engine) Tokens(ctx context.Context, q store.TokenQuery) ([]store.Token, int, error) {
	const matching = " FROM api_tokens t WHERE (?1 = '' OR t.user = ?1) AND (?2 = '' OR t.id = ?2)"
	total := 0
	if err := e.accessDB.QueryRowContext(ctx, "SELECT count(*)"+matching, q.User, q.ID).Scan(&total); err != nil {
		return nil, 0, mapError("count the tokens", err)
	}
	after := int64(math.MinInt64)
	if q.After != "" {
		found, err := one(e.accessDB.QueryRowContext(ctx, "SELECT t.created_at"+matching+" AND t.id = ?3", q.User, q.ID, q.After), &after)
		if err == nil && !found {
			err = store.ErrCursor
		}
		if err != nil {
			return nil, 0, mapError("find the token", err)
		}
	}
	limit := -1 // none
	if q.Limit > 0 {
		limit = q.Limit
	}
	rows, err := e.accessDB.QueryContext(ctx, "SELECT "+tokenColumns+matching+" AND (t.created_at, t.id) > (?3, ?4) ORDER BY t.created_at, t.id LIMIT ?5",
		q.User, q.ID, after, q.After, limit)
	if err != nil {
		return nil, 0, mapError("list the tokens", err)
	}
	defer rows.Close()
	tokens := []store.Token{}
	for rows.Next() {
		var r tokenRow
		if err := rows.Scan(r.into()...); err != nil {
			return nil, 0, mapError("read a token", err)
		}
		tokens = append(tokens, r.token())
	}
	return tokens, total, mapError("list the tokens", rows.Err())
}

// TokenOf gives a token and its owner.
func (e *Engine) TokenOf(ctx context.Context, hash string) (store.Token, store.User, bool, error) {
	var t tokenRow
	var u userRow
	found, err := one(e.findToken.QueryRowContext(ctx, []byte(hash)), append(t.into(), u.into()...)...)
	return t.token(), u.user(), found, mapError("find the token", err)
}

// AddToken stores a token.
func (e *Engine) AddToken(ctx context.Context, t store.Token, max int, entry store.AuditEntry) error {
	return e.change(ctx, entry, func() error {
		res, err := e.writer.conn.ExecContext(ctx, `INSERT INTO api_tokens (id, name, user, role, hash, display, created_at, expires_at, scope)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?10 WHERE (SELECT count(*) FROM api_tokens WHERE user = ?3) < ?9`,
			t.ID, t.Name, t.User, t.Role, []byte(t.Hash), t.Display, t.CreatedAt.UnixNano(), nanosOf(t.ExpiresAt), max, t.Scope)
		return changed(res, mapError("store the token", err), store.ErrTooManyTokens)
	})
}

// DropToken removes a token.
func (e *Engine) DropToken(ctx context.Context, id string, entry store.AuditEntry) error {
	return e.change(ctx, entry, func() error {
		res, err := e.writer.conn.ExecContext(ctx, "DELETE FROM api_tokens WHERE id = ?", id)
		return changed(res, mapError("remove the token", err), store.ErrTokenUnknown)
	})
}

// TouchToken notes that a token is in use.
func (e *Engine) TouchToken(ctx context.Context, id string, at time.Time) error {
	return e.touch(ctx, "api_tokens", "id", id, "used_at", at)
}
