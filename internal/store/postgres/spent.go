package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	// addForgotten adds to a sum that is stored already, saturated as usage.AddSat is: PostgreSQL refuses an integer that
	// overflows. None of the figures is negative.
	addForgotten = ` ON CONFLICT (fingerprint, start) DO UPDATE SET calls = forgotten.calls + excluded.calls,
tokens = CASE WHEN forgotten.tokens > 9223372036854775807 - excluded.tokens THEN 9223372036854775807 ELSE forgotten.tokens + excluded.tokens END,
cost = CASE WHEN forgotten.cost > 9223372036854775807 - excluded.cost THEN 9223372036854775807 ELSE forgotten.cost + excluded.cost END`
	// insertForgotten stores what was spent with the fingerprint of a stored key, or with all.
	insertForgotten = `INSERT INTO forgotten (fingerprint, start, calls, tokens, cost) SELECT $1, $2, $3, $4, $5
WHERE $1 = '' OR EXISTS (SELECT 1 FROM api_key_secrets WHERE fingerprint = $1)` + addForgotten
	// joinForgotten puts together what was spent long ago. numeric has room for every sum.
	joinForgotten = `INSERT INTO forgotten (fingerprint, start, calls, tokens, cost)
SELECT fingerprint, 0, sum(calls)::bigint, least(sum(tokens), 9223372036854775807)::bigint, least(sum(cost), 9223372036854775807)::bigint
FROM forgotten WHERE start > 0 AND start < $1 GROUP BY fingerprint` + addForgotten
	dropForgotten = "DELETE FROM forgotten WHERE start > 0 AND start < $1"
)

// rememberSpent stores what records spent that are about to be removed, of keys that are stored.
func rememberSpent(tx *database.Tx, sums []store.Spent) {
	for i := range sums {
		s := &sums[i]
		tx.Queue("add up what the removed records spent", insertForgotten, s.Fingerprint, max(store.UnixNano(s.Start), 0), s.Calls, s.Tokens, int64(s.Cost))
	}
}

func joinSpent(tx *database.Tx, before int64) {
	if before > 0 {
		tx.Queue("put together what was spent long ago", joinForgotten, before)
		tx.Queue("put together what was spent long ago", dropForgotten, before)
	}
}

// spent visits what removed records spent.
func spent(ctx context.Context, q database.Querier, visit func(store.Spent) error) error {
	const doing = "read what was spent"
	rows, err := q.Query(ctx, "SELECT fingerprint, start, calls, tokens, cost FROM forgotten")
	if err != nil {
		return database.Map(doing, err)
	}
	var visited error
	err = database.EachRow(rows, func(r pgx.Rows) error {
		var p store.Spent
		var start, cost int64
		if err := r.Scan(&p.Fingerprint, &start, &p.Calls, &p.Tokens, &cost); err != nil {
			return err
		}
		if p.Cost = usage.NanoUSD(cost); start > 0 {
			p.Start = time.Unix(0, start).UTC()
		}
		visited = visit(p)
		return visited
	})
	if visited != nil {
		return visited
	}
	return database.Map(doing, err)
}
