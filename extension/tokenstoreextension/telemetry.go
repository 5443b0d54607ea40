package tokenstoreextension

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension/internal/metadata"
)

// measured registers the collector's own metrics of the store, until the builder's Shutdown.
func (s *Store) measured() (*metadata.TelemetryBuilder, error) {
	b, err := metadata.NewTelemetryBuilder(s.set)
	if err != nil {
		return nil, fmt.Errorf("set up the store's own metrics: %w", err)
	}
	ledger := s.ledger
	err = errors.Join(
		b.RegisterExtensionTokenstoreRecordsCallback(func(ctx context.Context, o metric.Int64Observer) error {
			status, err := ledger.Status(ctx)
			if err != nil {
				return err
			}
			n := &status.Counters
			for _, outcome := range [...]struct {
				is    string
				count int64
			}{
				{"duplicate", n.Duplicates}, {"fuller", n.Replaced}, {"superseded", n.Superseded}, {"refused_too_old", n.RefusedOld},
				{"refused_future", n.RefusedNew}, {"refused_unusable", n.RefusedBad}, {"dropped", n.Dropped},
			} {
				o.Observe(outcome.count, metric.WithAttributes(attribute.String("outcome", outcome.is)))
			}
			return nil
		}),
		b.RegisterExtensionTokenstoreSizeCallback(func(ctx context.Context, o metric.Int64Observer) error {
			status, err := ledger.Status(ctx)
			if err != nil {
				return err
			}
			o.Observe(status.Info.Bytes)
			return nil
		}),
	)
	if err != nil {
		b.Shutdown()
		return nil, fmt.Errorf("set up the store's own metrics: %w", err)
	}
	return b, nil
}
