package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Links visits the links seen since a time.
func (e *Engine) Links(ctx context.Context, since time.Time, visit func(usage.SpanParent) error) error {
	return e.each(ctx, "read the places of spans", func(r pgx.Rows) (func() error, error) {
		var trace, span, parent []byte
		var k usage.SpanParent
		err := r.Scan(&trace, &span, &parent, &k.Tool)
		copy(k.Trace[:], trace)
		copy(k.Span[:], span)
		copy(k.Parent[:], parent)
		return func() error { return visit(k) }, err
	}, "SELECT trace, span, parent, tool FROM links WHERE seen >= $1", since.Unix())
}
