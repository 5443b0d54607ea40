package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// SpentQuery asks what was spent by values of dimensions, by base bucket.
type SpentQuery struct {
	From time.Time // buckets that begin before it are left out; zero: none
	// By are the values that are asked for: of ByUser, ByProject, ByModel and ByProvider. A model is that of all providers.
	By map[GroupBy]map[string]bool
	// Whole reports whether it does not matter at which time of a UTC day something was spent: then the day is one visit,
	// at its beginning. nil: it always matters.
	Whole func(begin, end time.Time) bool
}

// Spent is what was spent by one value in a base bucket, or a part of it.
type Spent struct {
	By              GroupBy
	Value, Provider string // Provider is of ByModel and ByProvider, where both are known
	Start           time.Time
	Tokens          int64
	Cost            usage.NanoUSD
}

// SpentBy visits what is asked for, of the calls that are kept. Visits of one value and bucket are added up. It returns
// the number of the last commit that is in it, see Commit.Number. It reads memory, and records only of values beyond the
// cardinality limit.
func (x *State) SpentBy(ctx context.Context, q SpentQuery, visit func(*Spent)) (commit int64, err error) {
	alone := false
	for try := 0; ; try++ {
		s := &spentBy{x: x, q: q, visit: visit}
		x.mu.RLock()
		commit, s.from = x.number, x.watermark
		needsRecords := s.begin()
		x.mu.RUnlock()
		if needsRecords && !alone { // no commit between the sums and the records
			release, err := x.agree()
			if err != nil {
				return 0, fmt.Errorf("sum what was spent: %w", err)
			}
			defer release()
			alone = true
			continue
		}
		err := s.read(ctx)
		if errors.Is(err, rollup.ErrChanged) && try < maxTries { // the sums were saved meanwhile
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("sum what was spent: %w", err)
		}
		return commit, nil
	}
}

// spentBy is a SpentQuery that is being answered.
type spentBy struct {
	x       *State
	q       SpentQuery
	visit   func(*Spent)
	from    time.Time // of what is kept
	visits  []*rollup.Visiting
	by      []GroupBy // of the visits
	records []spentRecords
}

// spentRecords are values whose calls may have been summed as others.
type spentRecords struct {
	by     GroupBy
	filter store.Filter
}

// begin begins the visits, and reports whether records have to be read too. x.mu is held.
func (s *spentBy) begin() (needsRecords bool) {
	first := rollup.Open[0]
	if !s.q.From.IsZero() {
		first = firstBucket(s.q.From)
		if s.q.From.After(s.from) {
			s.from = s.q.From
		}
	}
	whole := func(first int64) bool {
		begin := rollup.BucketStart(first)
		return s.q.Whole != nil && s.q.Whole(begin, begin.Add(24*time.Hour))
	}
	for _, by := range [...]GroupBy{ByUser, ByProject} {
		of, uncertain := map[rollup.Value]bool{}, []string(nil)
		for value, wanted := range s.q.By[by] {
			switch {
			case !wanted:
			case s.x.sums.IsComplete(dimensionOf(by), map[rollup.Value]bool{{Value: value}: true}):
				of[rollup.Value{Value: value}] = true
			default:
				uncertain = append(uncertain, value)
			}
		}
		if len(of) > 0 {
			s.visits, s.by = append(s.visits, s.x.sums.BeginEach(dimensionOf(by), first, of, whole)), append(s.by, by)
		}
		s.fromRecords(by, uncertain)
	}
	if len(s.q.By[ByModel])+len(s.q.By[ByProvider]) > 0 {
		if s.x.sums.IsComplete(rollup.Models, nil) {
			s.visits, s.by = append(s.visits, s.x.sums.BeginEach(rollup.Models, first, nil, whole)), append(s.by, ByModel)
		} else {
			s.fromRecords(ByModel, wantedOf(s.q.By[ByModel]))
			s.fromRecords(ByProvider, wantedOf(s.q.By[ByProvider]))
		}
	}
	return len(s.records) > 0
}

func wantedOf(values map[string]bool) (out []string) {
	for value, wanted := range values {
		if wanted {
			out = append(out, value)
		}
	}
	return out
}

func (s *spentBy) fromRecords(by GroupBy, values []string) {
	f := store.Filter{From: s.from}
	switch by {
	case ByUser:
		f.Users = values
	case ByProject:
		f.Projects = values
	case ByModel:
		f.Models = values
	default:
		f.Providers = values
	}
	if len(values) > 0 {
		s.records = append(s.records, spentRecords{by, f})
	}
}

// read makes the visits that were begun. Nothing is visited before everything from the sums was read.
func (s *spentBy) read(ctx context.Context) error {
	for _, v := range s.visits {
		if err := v.Read(ctx); err != nil {
			return err
		}
	}
	for i, v := range s.visits {
		err := v.Visit(func(m rollup.Value, b int64, sums *Sums) {
			s.report(s.by[i], m, rollup.BucketStart(b), sums.Tokens.Total(), sums.Cost)
		})
		if err != nil {
			return err
		}
	}
	for _, r := range s.records {
		err := s.x.engine.Figures(ctx, r.filter, func(record *store.Record) error {
			var sums Sums
			sums.AddCounts(&record.Call, 1)
			m := rollup.ValueOf(dimensionOf(r.by), &record.Call)
			out := Spent{By: r.by, Value: m.Value, Provider: m.Provider, Start: record.Start, Tokens: sums.Tokens.Total(), Cost: sums.Cost}
			if r.by == ByProvider {
				out.Value = m.Provider
			}
			s.visit(&out)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// report visits the sums of one value; those of a model are its provider's too.
func (s *spentBy) report(by GroupBy, m rollup.Value, start time.Time, tokens int64, cost usage.NanoUSD) {
	out := Spent{By: by, Value: m.Value, Provider: m.Provider, Start: start, Tokens: tokens, Cost: cost}
	if by != ByModel || s.q.By[ByModel][m.Value] {
		s.visit(&out)
	}
	if by == ByModel && s.q.By[ByProvider][m.Provider] {
		out.By, out.Value, out.Provider = ByProvider, m.Provider, m.Value
		s.visit(&out)
	}
}

// AnyQuery asks for the calls that have one of some keys, or one of some users, or one of some projects, or one of some
// accounts.
type AnyQuery struct {
	From                  time.Time // calls that start before it are left out; zero: none
	Keys, Users, Projects []string  // keys by fingerprint
	Accounts              []string
	// Recent is since when calls still arrive in numbers: commits wait only while what starts later is read.
	Recent time.Time
}

// SpentByAny visits what the calls spent that are asked for, each call once, by base bucket. It returns the number of the
// last commit that is in it. It reads the records.
func (x *State) SpentByAny(ctx context.Context, q AnyQuery, visit func(start time.Time, tokens int64, cost usage.NanoUSD)) (commit int64, err error) {
	var sums map[int64]*Sums
	for try := 0; ; try++ {
		until := q.Recent
		if try == freeTries {
			until = time.Time{} // all of it while commits wait
		}
		x.mu.RLock()
		seen, kept := x.touches.now(x.watermark), x.watermark
		sure := !x.touches.changingBefore(until)
		x.mu.RUnlock()
		from := q.From
		if from.Before(kept) {
			from = kept
		}
		sums = map[int64]*Sums{}
		if from.Before(until) {
			if err := x.anyRecords(ctx, q, from, until, sums); err != nil {
				return 0, err
			}
			from = until
		}
		var agreed bool
		commit, agreed, err = x.anyAgreed(ctx, q, from, until, sums, seen, sure)
		if err != nil {
			return 0, err
		}
		if agreed {
			break
		}
	}
	for b, s := range sums {
		visit(rollup.BucketStart(b), s.Tokens.Total(), s.Cost)
	}
	return commit, nil
}

// anyAgreed reads what is recent while commits wait, where nothing changed that was read before.
func (x *State) anyAgreed(ctx context.Context, q AnyQuery, from, until time.Time, sums map[int64]*Sums, seen moment, sure bool) (commit int64, agreed bool, err error) {
	release, err := x.agree()
	if err != nil {
		return 0, false, fmt.Errorf("sum what was spent: %w", err)
	}
	defer release()
	x.mu.RLock()
	commit = x.number
	agreed = sure && x.touches.sameBefore(seen, x.watermark, until)
	x.mu.RUnlock()
	if !agreed && !until.IsZero() {
		return 0, false, nil
	}
	return commit, true, x.anyRecords(ctx, q, from, time.Time{}, sums)
}

// anyRecords adds what records spent, by base bucket.
func (x *State) anyRecords(ctx context.Context, q AnyQuery, from, to time.Time, sums map[int64]*Sums) error {
	for i, f := range []store.Filter{{Keys: q.Keys}, {Users: q.Users}, {Projects: q.Projects}, {Accounts: q.Accounts}} {
		if len(f.Keys)+len(f.Users)+len(f.Projects)+len(f.Accounts) == 0 {
			continue
		}
		f.From, f.To = from, to
		err := x.engine.Figures(ctx, f, func(r *store.Record) error {
			if i > 0 && slices.Contains(q.Keys, r.KeyFingerprint) || i > 1 && slices.Contains(q.Users, r.User) || i > 2 && slices.Contains(q.Projects, r.Project) {
				return nil // it came before
			}
			b := rollup.BucketOf(r.Start)
			if sums[b] == nil {
				sums[b] = &Sums{}
			}
			sums[b].AddCounts(&r.Call, 1)
			return nil
		})
		if err != nil {
			return fmt.Errorf("sum stored records: %w", err)
		}
	}
	return nil
}
