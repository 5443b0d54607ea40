package ledger

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/aggregate"
	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

type ( // of the package aggregate
	// Query asks for sums over records that count.
	Query = aggregate.Query
	// Answer has the sums that a Query asks for.
	Answer = aggregate.Answer
	// Group is the sums of one value of what a Query groups by.
	Group = aggregate.Group
	// GroupBy is the dimension by which a Query groups.
	GroupBy = aggregate.GroupBy
	// BreakdownQuery asks for sums by one or two dimensions.
	BreakdownQuery = aggregate.BreakdownQuery
	// Breakdown has the rows that a BreakdownQuery asks for.
	Breakdown = aggregate.Breakdown
	// Row is the sums of one group of a Breakdown.
	Row = aggregate.Row
	// Team is a set of calls.
	Team = aggregate.Team
	// TeamQuery asks for sums by the teams that calls belong to.
	TeamQuery = aggregate.TeamQuery
	// TeamGroup is the sums of one team.
	TeamGroup = aggregate.TeamGroup
	// TeamSums has the sums that a TeamQuery asks for.
	TeamSums = aggregate.TeamSums
	// SpentQuery asks what was spent by values of dimensions.
	SpentQuery = aggregate.SpentQuery
	// Spent is what one value spent in a base bucket.
	Spent = aggregate.Spent
	// AnyQuery asks for the calls of any of some keys, users and projects.
	AnyQuery = aggregate.AnyQuery
	// Cardinality is how many values of a dimension have sums of their own, and how many can.
	Cardinality = aggregate.Cardinality
)

// Sums are exact sums over calls that count.
type Sums = rollup.Sums

// Histogram is a distribution of durations.
type Histogram = rollup.Histogram

// Bucket is the length of the base buckets of all sums.
const Bucket = rollup.Bucket

// The dimensions that sums can be grouped by.
const (
	ByNothing     = aggregate.ByNothing
	ByModel       = aggregate.ByModel
	ByProvider    = aggregate.ByProvider
	ByKey         = aggregate.ByKey
	ByUser        = aggregate.ByUser
	ByService     = aggregate.ByService
	ByProject     = aggregate.ByProject
	ByStatus      = aggregate.ByStatus
	ByOperation   = aggregate.ByOperation
	ByTier        = aggregate.ByTier
	ByAccount     = aggregate.ByAccount
	ByEnvironment = aggregate.ByEnvironment
	ByErrorType   = aggregate.ByErrorType
	ByEmitter     = aggregate.ByEmitter
	ByQuality     = aggregate.ByQuality
	BySession     = aggregate.BySession
	ByTeam        = aggregate.ByTeam
)

// MaxRows bounds the rows of a Breakdown.
const MaxRows = aggregate.MaxRows

// The errors of queries.
var (
	ErrQuery   = aggregate.ErrQuery
	ErrTooMany = aggregate.ErrTooMany
)

// Query sums what counts, see aggregate.State.Query.
func (l *Ledger) Query(ctx context.Context, q Query) (a Answer, err error) {
	err = l.settled(ctx, func() error {
		a, err = l.sums.Query(ctx, q)
		return err
	})
	return a, err
}

// Breakdown sums what counts by one or two dimensions together, see aggregate.State.Breakdown.
func (l *Ledger) Breakdown(ctx context.Context, q BreakdownQuery) (b Breakdown, err error) {
	err = l.settled(ctx, func() error {
		b, err = l.sums.Breakdown(ctx, q)
		return err
	})
	return b, err
}

// Teams sums what counts by the sets of teams that calls belong to, see aggregate.State.Teams.
func (l *Ledger) Teams(ctx context.Context, q TeamQuery) (t TeamSums, err error) {
	err = l.settled(ctx, func() error {
		t, err = l.sums.Teams(ctx, q)
		return err
	})
	return t, err
}

// Spending visits what was spent with keys, see aggregate.State.Spending.
func (l *Ledger) Spending(ctx context.Context, of map[string]bool, whole func(begin, end time.Time) bool, visit func(store.Spent)) (commit int64, err error) {
	if l.replica == nil {
		return l.sums.Spending(ctx, of, whole, visit)
	}
	var all []store.Spent // of a try that succeeds
	err = l.settled(ctx, func() error {
		all = all[:0]
		commit, err = l.sums.Spending(ctx, of, whole, func(s store.Spent) { all = append(all, s) })
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, s := range all {
		visit(s)
	}
	return commit, nil
}

// SpentBy visits what was spent by values of dimensions, see aggregate.State.SpentBy.
func (l *Ledger) SpentBy(ctx context.Context, q SpentQuery, visit func(*Spent)) (commit int64, err error) {
	return l.sums.SpentBy(ctx, q, visit)
}

// SpentByAny visits what the calls of any of some keys, users and projects spent, see aggregate.State.SpentByAny.
func (l *Ledger) SpentByAny(ctx context.Context, q AnyQuery, visit func(start time.Time, tokens int64, cost usage.NanoUSD)) (commit int64, err error) {
	return l.sums.SpentByAny(ctx, q, visit)
}

// LastUsed returns when the last call with a key started; zero if there is none.
func (l *Ledger) LastUsed(fingerprint string) time.Time { return l.sums.LastUsed(fingerprint) }

// KeysSeen returns the fingerprints of the keys that have sums of their own, external ones included, in no order.
func (l *Ledger) KeysSeen() []string { return l.sums.KeysSeen() }

// LastCommit returns the time of the last write that changed a record; zero before the first.
func (l *Ledger) LastCommit() time.Time { return l.sums.LastCommit() }
