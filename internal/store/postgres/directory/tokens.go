package directory

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

const tokenColumns = "t.id, t.name, t.user_id, t.role, t.scope, t.hash, t.display, t.created_at, t.expires_at, t.used_at"

// tokenRow reads tokenColumns.
type tokenRow struct {
	store.Token
	hash          []byte
	created       int64
	expires, used *int64
}

func (r *tokenRow) into() []any {
	return []any{&r.ID, &r.Name, &r.User, &r.Role, &r.Scope, &r.hash, &r.Display, &r.created, &r.expires, &r.used}
}

func (r *tokenRow) token() store.Token {
	r.Hash, r.CreatedAt, r.ExpiresAt, r.UsedAt = string(r.hash), time.Unix(0, r.created).UTC(), timeOf(r.expires), timeOf(r.used)
	return r.Token
}

// Tokens lists API tokens, as of one moment.
func (d *Directory) Tokens(ctx context.Context, q store.TokenQuery) (tokens []store.Token, total int, err error) {
	err = d.db.Snapshot(ctx, func(tx database.Querier) error {
		tokens, total, err = listTokens(ctx, tx, q)
		return err
	})
	return tokens, total, err
}

func listTokens(ctx context.Context, tx database.Querier, q store.TokenQuery) ([]store.Token, int, error) {
	const matching = " FROM api_tokens t WHERE ($1 = '' OR t.user_id = $1) AND ($2 = '' OR t.id = $2)"
	total := 0
	if !storable(q.User) || !storable(q.ID) {
		return []store.Token{}, 0, nil
	}
	if !storable(q.After) {
		return nil, 0, store.ErrCursor
	}
	if err := tx.QueryRow(ctx, "SELECT count(*)"+matching, q.User, q.ID).Scan(&total); err != nil {
		return nil, 0, database.Map("count the tokens", err)
	}
	after := int64(math.MinInt64)
	if q.After != "" {
		found, err := database.One(tx.QueryRow(ctx, "SELECT t.created_at"+matching+" AND t.id = $3", q.User, q.ID, q.After), &after)
		if err == nil && !found {
			return nil, 0, store.ErrCursor
		}
		if err != nil {
			return nil, 0, database.Map("find the token", err)
		}
	}
	query := "SELECT " + tokenColumns + matching + ` AND (t.created_at > $3 OR (t.created_at = $3 AND t.id COLLATE "C" > $4)) ORDER BY t.created_at, t.id COLLATE "C"`
	if q.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	tokens := []store.Token{}
	rows, err := tx.Query(ctx, query, q.User, q.ID, after, q.After)
	if err == nil {
		err = database.EachRow(rows, func(rows pgx.Rows) error {
			var r tokenRow
			err := rows.Scan(r.into()...)
			tokens = append(tokens, r.token())
			return err
		})
	}
	return tokens, total, database.Map("list the tokens", err)
}

// TokenOf returns a token and its owner.
func (d *Directory) TokenOf(ctx context.Context, hash string) (store.Token, store.User, bool, error) {
	var t tokenRow
	var u userRow
	found, err := database.One(d.db.QueryRow(ctx, findToken, []byte(hash)), append(t.into(), u.into()...)...)
	return t.token(), u.user(), found, database.Map("find the token", err)
}

// AddToken stores a token.
func (d *Directory) AddToken(ctx context.Context, t store.Token, max int, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM api_tokens WHERE user_id = $1", t.User).Scan(&n); err != nil {
			return database.Map("count the tokens", err)
		}
		if n >= max {
			return store.ErrTooManyTokens
		}
		tx.Queue("store the token", "INSERT INTO api_tokens (id, name, user_id, role, hash, display, created_at, expires_at, scope) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
			t.ID, t.Name, t.User, t.Role, []byte(t.Hash), t.Display, t.CreatedAt.UnixNano(), nanosOf(t.ExpiresAt), t.Scope)
		return nil
	})
}

// DropToken removes a token.
func (d *Directory) DropToken(ctx context.Context, id string, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM api_tokens WHERE id = $1", id)
		return changed(n, database.Map("remove the token", err), store.ErrTokenUnknown)
	})
}

// TouchToken notes that a token is in use.
func (d *Directory) TouchToken(ctx context.Context, id string, at time.Time) error {
	return d.touch(ctx, id, at, "UPDATE api_tokens SET used_at = $1 WHERE id = $2",
		"UPDATE users SET seen_at = $1 WHERE id = (SELECT user_id FROM api_tokens WHERE id = $2)")
}
