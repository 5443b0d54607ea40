package directory

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

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
func (d *Directory) Tokens(ctx context.Context, q store.TokenQuery) ([]store.Token, int, error) {
	const matching = " FROM api_tokens t WHERE (?1 = '' OR t.user = ?1) AND (?2 = '' OR t.id = ?2)"
	total := 0
	if err := d.o.Access.QueryRowContext(ctx, "SELECT count(*)"+matching, q.User, q.ID).Scan(&total); err != nil {
		return nil, 0, sqlerr.Map("count the tokens", err)
	}
	after := int64(math.MinInt64)
	if q.After != "" {
		found, err := one(d.o.Access.QueryRowContext(ctx, "SELECT t.created_at"+matching+" AND t.id = ?3", q.User, q.ID, q.After), &after)
		if err == nil && !found {
			err = store.ErrCursor
		}
		if err != nil {
			return nil, 0, sqlerr.Map("find the token", err)
		}
	}
	limit := -1 // none
	if q.Limit > 0 {
		limit = q.Limit
	}
	rows, err := d.o.Access.QueryContext(ctx, "SELECT "+tokenColumns+matching+" AND (t.created_at, t.id) > (?3, ?4) ORDER BY t.created_at, t.id LIMIT ?5",
		q.User, q.ID, after, q.After, limit)
	if err != nil {
		return nil, 0, sqlerr.Map("list the tokens", err)
	}
	defer rows.Close()
	tokens := []store.Token{}
	for rows.Next() {
		var r tokenRow
		if err := rows.Scan(r.into()...); err != nil {
			return nil, 0, sqlerr.Map("read a token", err)
		}
		tokens = append(tokens, r.token())
	}
	return tokens, total, sqlerr.Map("list the tokens", rows.Err())
}

// TokenOf returns a token and its owner.
func (d *Directory) TokenOf(ctx context.Context, hash string) (store.Token, store.User, bool, error) {
	var t tokenRow
	var u userRow
	found, err := one(d.token.QueryRowContext(ctx, []byte(hash)), append(t.into(), u.into()...)...)
	return t.token(), u.user(), found, sqlerr.Map("find the token", err)
}

// AddToken stores a token.
func (d *Directory) AddToken(ctx context.Context, t store.Token, max int, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, `INSERT INTO api_tokens (id, name, user, role, hash, display, created_at, expires_at, scope)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?10 WHERE (SELECT count(*) FROM api_tokens WHERE user = ?3) < ?9`,
			t.ID, t.Name, t.User, t.Role, []byte(t.Hash), t.Display, t.CreatedAt.UnixNano(), nanosOf(t.ExpiresAt), max, t.Scope)
		return changed(res, sqlerr.Map("store the token", err), store.ErrTooManyTokens)
	})
}

// DropToken removes a token.
func (d *Directory) DropToken(ctx context.Context, id string, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, "DELETE FROM api_tokens WHERE id = ?", id)
		return changed(res, sqlerr.Map("remove the token", err), store.ErrTokenUnknown)
	})
}

// TouchToken notes that a token is in use.
func (d *Directory) TouchToken(ctx context.Context, id string, at time.Time) error {
	return d.touch(ctx, "api_tokens", "id", id, "used_at", at)
}
