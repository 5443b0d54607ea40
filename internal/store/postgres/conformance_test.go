package postgres

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
	"github.com/tokenboard/tokenboard/internal/store/storetest/checks"
)

// server is the PostgreSQL of this package's tests.
var server pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &server)) }

// schemas are the schemas that stand for folders of the suite.
type schemas struct {
	t     *testing.T
	mu    sync.Mutex
	byDir map[string]string
	by    func(dsn string) string // the way to the server; nil: directly
}

func (s *schemas) of(dir string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byDir[dir] == "" {
		s.byDir[dir] = server.Schema(s.t)
		if s.by != nil {
			s.byDir[dir] = s.by(s.byDir[dir])
		}
	}
	return s.byDir[dir]
}

func newSchemas(t *testing.T) *schemas {
	server.Start(t)
	return &schemas{t: t, byDir: map[string]string{}}
}

func (s *schemas) open(ctx context.Context, dir string) (store.Engine, store.Directory, error) {
	e, err := Open(ctx, options(s.of(dir)))
	if err != nil {
		return nil, nil, err
	}
	return e, e.Directory(), nil
}

func options(dsn string) (o Options) {
	o.DSN = dsn
	return o
}

func TestConformance(t *testing.T) {
	checks.Fewer(t, "25")
	storetest.Run(t, newSchemas(t).open)
}

// TestPgBouncer runs the suite through PgBouncer in transaction mode, which gives each transaction another connection and
// discards what a session has.
func TestPgBouncer(t *testing.T) {
	checks.Fewer(t, "15")
	s := newSchemas(t)
	s.by = server.Bouncer(t)
	storetest.Run(t, s.open)
}
