package tokenstoreextension

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension/internal/metadata"
	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricebook"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// FileName is the database's name in the configured directory.
const FileName = "tokenboard.db"

// Store is the extension. Its ledger is there from Start to Shutdown.
type Store struct {
	config    *Config
	logger    *zap.Logger
	version   string // of the program
	set       component.TelemetrySettings
	ledger    *ledger.Ledger
	directory store.Directory
	prices    *pricebook.Keeper
	// stop ends the goroutine that keeps the prices up to date, which kept waits for.
	stop context.CancelFunc
	kept sync.WaitGroup
	// telemetry is there from Start to Shutdown.
	telemetry *metadata.TelemetryBuilder
	// sources lists the components that fetch calls for this store, instead of receiving them.
	sources sources.Board
}

var _ extension.Extension = (*Store)(nil)

// Start opens the database and reads it.
func (s *Store) Start(ctx context.Context, _ component.Host) error {
	var err error
	if s.config.Engine == engineSQLite {
		for _, note := range sqlite.Protect(s.config.path()) {
			s.logger.Warn(note)
		}
	}
	if s.ledger, s.directory, s.prices, err = s.config.open(ctx, s.config.Engine == enginePostgres, s.version, s.logger); err != nil {
		return err
	}
	if s.telemetry, err = s.measured(); err != nil {
		err = errors.Join(err, s.ledger.Close())
		s.ledger, s.directory, s.prices = nil, nil, nil // Get must not return one that is closed
		return err
	}
	if status, err := s.ledger.Status(ctx); err == nil {
		s.logger.Info("token store is open", zap.String("database", s.config.where()), zap.Int64("records", status.Info.Records),
			zap.String("prices", s.ledger.Prices().Version()))
	}
	var running context.Context
	running, s.stop = context.WithCancel(context.Background()) // Start's own context ends with Start
	s.kept.Go(func() { s.prices.Run(running) })
	return nil
}

func (c *Config) path() string { return filepath.Join(c.Directory, FileName) }

// where names the database to people.
func (c *Config) where() string {
	if c.Engine == enginePostgres {
		return "PostgreSQL"
	}
	return c.path()
}

// engine is the database of a store.
type engine interface {
	store.Engine
	KeySecret() usage.KeySecret
}

// openEngine opens the configured database: as one of the processes that share it, or alone. Alone, the holder's lease of
// the ledger is kept until the engine is closed; it returns store.ErrInUse where another process has it.
func (c *Config) openEngine(ctx context.Context, holder string, shared bool) (engine, store.Directory, error) {
	if c.Engine == enginePostgres {
		return c.openPostgres(ctx, holder, shared)
	}
	e, err := sqlite.Open(ctx, sqlite.Options{Path: c.path(), Keyed: true})
	if err != nil {
		return nil, nil, fmt.Errorf("open the token store at %s: %w", c.path(), err)
	}
	return e, e.Directory(), nil
}

// Administration is the directory of a store, opened beside the processes that use it.
type Administration interface {
	store.Directory
	Close() error
}

// Administer opens the configured database for commands that change users, whether or not a collector uses it.
func (c *Config) Administer(ctx context.Context) (Administration, error) {
	if c.Engine == enginePostgres {
		a, err := postgres.Attach(ctx, c.Postgres.options())
		if err != nil {
			return nil, fmt.Errorf("open the token store: %w", err)
		}
		return a, nil
	}
	a, err := sqlite.Attach(ctx, sqlite.Options{Path: c.path()})
	if err != nil {
		return nil, fmt.Errorf("open the token store at %s: %w", c.path(), err)
	}
	return a, nil
}

// Database is the file of the configured database; "" where it is none.
func (c *Config) Database() string {
	if c.Engine == enginePostgres {
		return ""
	}
	return c.path()
}

// Open opens the configured database and its ledger, as the extension does, for commands that work on
// it while no collector runs. The caller closes the ledger, and with it the directory.
func (c *Config) Open(ctx context.Context) (*ledger.Ledger, store.Directory, error) {
	l, directory, _, err := c.open(ctx, false, "", zap.NewNop())
	return l, directory, err
}

func (c *Config) open(ctx context.Context, shared bool, version string, logger *zap.Logger) (*ledger.Ledger, store.Directory, *pricebook.Keeper, error) {
	published, configured, err := c.Pricing.read()
	if err != nil {
		return nil, nil, nil, err
	}
	book, err := published.With(configured)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("pricing: %w", err)
	}
	series, err := c.Series.options()
	if err != nil {
		return nil, nil, nil, err
	}
	holder := newHolder()
	engine, directory, err := c.openEngine(ctx, holder, shared)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := ledger.Open(ctx, engine, ledger.Options{
		Window: c.Correlation.Window, MaxSpans: c.Correlation.MaxSpans, NoTwins: !c.Correlation.Twins,
		MaxAge: c.Retention.MaxAge, MaxRecords: c.Retention.MaxRecords,
		MaxBytes: c.Retention.MaxSizeMiB << 20, RetentionInterval: c.Retention.Interval,
		MaxValues: c.Sums.MaxValues, SaveInterval: c.Sums.SaveInterval, Series: series,
		KeySecret: engine.KeySecret(), Holder: holder, Shared: shared, Version: version, Prices: book, PreferReported: c.Pricing.Prefer == preferReported,
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("open the token store at %s: %w", c.where(), err)
	}
	prices := pricebook.New(pricebook.Options{Directory: directory, Ledger: l, Published: published, Configured: configured, Logger: logger})
	if err := prices.Refresh(ctx); err != nil { // calls that come now must get the prices that are set
		return nil, nil, nil, errors.Join(fmt.Errorf("open the token store at %s: %w", c.where(), err), l.Close())
	}
	return l, directory, prices, nil
}

// Shutdown commits what waits and closes the database.
func (s *Store) Shutdown(context.Context) error {
	if s.ledger == nil {
		return nil
	}
	if s.stop != nil {
		s.stop()
		s.kept.Wait()
	}
	if s.telemetry != nil {
		s.telemetry.Shutdown()
	}
	return s.ledger.Close()
}

// Ledger returns the open ledger; nil before Start.
func (s *Store) Ledger() *ledger.Ledger { return s.ledger }

// Directory returns the keys, users and audit log; nil before Start. It ends with the ledger.
func (s *Store) Directory() store.Directory { return s.directory }

// Prices returns what keeps the ledger's prices up to date; nil before Start.
func (s *Store) Prices() *pricebook.Keeper { return s.prices }

// Directory finds the directory of the store that is configured under an id, see Get.
func Directory(id component.ID, host component.Host) (store.Directory, error) {
	s, ok := host.GetExtensions()[id].(interface{ Directory() store.Directory })
	if !ok {
		return nil, fmt.Errorf("storage: no tokenstore extension %q is running; add it to extensions and to service::extensions", id)
	}
	d := s.Directory()
	if d == nil {
		return nil, fmt.Errorf("storage: extension %q has not started", id)
	}
	return d, nil
}

// Prices finds the prices of the store that is configured under an id, see Get.
func Prices(id component.ID, host component.Host) (*pricebook.Keeper, error) {
	s, ok := host.GetExtensions()[id].(interface{ Prices() *pricebook.Keeper })
	if !ok {
		return nil, fmt.Errorf("storage: no tokenstore extension %q is running; add it to extensions and to service::extensions", id)
	}
	p := s.Prices()
	if p == nil {
		return nil, fmt.Errorf("storage: extension %q has not started", id)
	}
	return p, nil
}

// Get finds the ledger of the store that is configured under an id. Name the id of a store in
// your own configuration, and list it in Dependencies where you are an extension.
func Get(id component.ID, host component.Host) (*ledger.Ledger, error) {
	ext, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("storage: no extension %q is running; add it to extensions and to service::extensions", id)
	}
	s, ok := ext.(interface{ Ledger() *ledger.Ledger })
	if !ok {
		return nil, fmt.Errorf("storage: extension %q is not a tokenstore", id)
	}
	l := s.Ledger()
	if l == nil {
		return nil, fmt.Errorf("storage: extension %q has not started", id)
	}
	return l, nil
}

// Sources returns the board on which receivers that fetch calls themselves report their state.
func (s *Store) Sources() *sources.Board { return &s.sources }

// Sources finds the board of the store that is configured under an id, see Get.
func Sources(id component.ID, host component.Host) (*sources.Board, error) {
	s, ok := host.GetExtensions()[id].(interface{ Sources() *sources.Board })
	if !ok {
		return nil, fmt.Errorf("no tokenstore extension %q is running; add it to extensions and to service::extensions", id)
	}
	return s.Sources(), nil
}

// Permanent reports whether no retry can succeed after an error of the ledger.
func Permanent(err error) bool {
	return errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer)
}

// Turns is how one of the processes that share a store does a task at a time; nil where no store is shared.
func Turns(host component.Host, task string) *lease.Turns {
	exts := host.GetExtensions()
	ids := slices.SortedFunc(maps.Keys(exts), func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) })
	for _, id := range ids { // the processes have the same configuration, and find the same one
		s, ok := exts[id].(interface{ Ledger() *ledger.Ledger })
		if !ok {
			continue
		}
		if l := s.Ledger(); l != nil && l.Role().Shared {
			return &lease.Turns{Leases: l.Leases(), Options: lease.Options{Task: task, Holder: l.Holder(), TTL: turnTime}, Again: turnTries}
		}
	}
	return nil
}

// turnTime is how long a task rests after the process was killed that did it, and turnTries how much longer at most.
const turnTime, turnTries = 6 * time.Second, time.Second
