package sqlite

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Links visits the places of spans that were stored since a time.
func (e *Engine) Links(ctx context.Context, since time.Time, visit func(usage.SpanParent) error) error {
	rows, err := e.readDB.QueryContext(ctx, "SELECT trace, span, parent, tool FROM links WHERE seen >= ?", since.Unix())
	if err != nil {
		return mapError("read the spans' places", err)
	}
	defer rows.Close()
	for rows.Next() {
		var trace, span, parent []byte
		var k usage.SpanParent
		if err := rows.Scan(&trace, &span, &parent, &k.Tool); err != nil {
			return mapError("read a span's place", err)
		}
		copy(k.Trace[:], trace)
		copy(k.Span[:], span)
		copy(k.Parent[:], parent)
		if err := visit(k); err != nil {
			return err
		}
	}
	return mapError("read the spans' places", rows.Err())
}
