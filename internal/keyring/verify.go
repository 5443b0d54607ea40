package keyring

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"time"

	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Query asks whether a key is valid for a call.
type Query struct {
	Key    string     // as the client sent it
	Model  string     // of the call; "" where it is not known
	Source netip.Addr // that the call came from; failed attempts are counted by it
	// Tokens and Cost estimate the call's spending; 0 where unknown. The rest of the limits must cover them. See
	// ErrEstimate.
	Tokens int64
	Cost   usage.NanoUSD
	// User, Project and Provider of the call, for the budgets of these; "" where they are not known. A user that is not
	// known is the key's owner.
	User, Project, Provider string
}

// MaxCost is the highest estimate of a call's cost, in nano-USD: a thousand million dollars.
const MaxCost = 1e18

// ErrEstimate reports an estimate that no call can have: negative, or more than usage.MaxTokens or MaxCost. Nothing is
// reserved, and no key is checked.
var ErrEstimate = errors.New("an estimate must be 0 or more, and not above the maximum of a call")

// Outcome is whether a key is valid, or why it is not.
type Outcome uint8

// The outcomes.
const (
	Valid           Outcome = iota
	NoKey                   // none was sent
	Unknown                 // or rotated, and the overlap is over
	Revoked                 //
	Expired                 //
	Disabled                //
	ModelRefused            // the key is for other models
	ModelMissing            // the key is for some models only, and the model of the call is not known
	OverLimit               //
	TooManyFailures         // of this source
)

// Verdict is the answer to a Query.
type Verdict struct {
	Outcome    Outcome
	Key        *store.Key    // of Good, ModelRefused, ModelUnsaid and OverLimit
	Left       *Left         // after the reservation; of Good and OverLimit; nil where the key has no limits
	Limit      string        // the exceeded limit, such as tokens.month, or budget. and the id of a hard budget; of OverLimit
	RetryAfter time.Duration // of OverLimit and TooManyFailures
}

// Allowance is the remainder of one limit.
type Allowance struct {
	Limit, Used, Reserved int64
	ResetsAt              time.Time // zero: never, or bit by bit
}

// Left returns what may still be spent, at least 0.
func (a *Allowance) Left() int64 { return max(a.rest(), 0) }

// rest returns Limit less what is used and reserved; it may be negative.
func (a *Allowance) rest() int64 { return usage.SubSat(usage.SubSat(a.Limit, a.Used), a.Reserved) }

// Left has the remainders of a key's limits; nil where there is no limit.
type Left struct {
	RequestsPerMinute, TokensPerMinute *Allowance
	Tokens                             [store.PeriodCount]*Allowance
	Cost                               [store.PeriodCount]*Allowance // in nano-USD
}

// Verify decides from memory, and reserves the estimate of the call where the outcome is Valid. An error means that no
// decision is possible.
func (r *Registry) Verify(ctx context.Context, q Query) (Verdict, error) {
	if q.Tokens < 0 || q.Tokens > usage.MaxTokens || q.Cost < 0 || q.Cost > MaxCost {
		return Verdict{}, ErrEstimate
	}
	if err := r.Fresh(ctx); err != nil {
		return Verdict{}, err
	}
	if r.o.Budgets != nil {
		_ = r.o.Budgets.Fresh(ctx) // what cannot be read of hard budgets is an error of the reservation
	}
	if q.Key == "" {
		return Verdict{Outcome: NoKey}, nil
	}
	now, current := r.now()
	// Hashed first, so that the time of what follows does not depend on how much of a key is right.
	sum := sha256.Sum256([]byte(q.Key))
	identity := r.o.Ledger.KeyedFingerprint(hex.EncodeToString(sum[:]))
	r.mu.RLock()
	e := r.byFingerprint[identity]
	r.mu.RUnlock()
	k := keyOf(e)
	// Keys created here cannot be guessed: their clients are not limited by the failures of others at the same address.
	guessable := k == nil || k.Imported
	if guessable {
		if wait := r.failures.Wait(throttle.NetworkOf(q.Source), now); wait > 0 {
			return Verdict{Outcome: TooManyFailures, RetryAfter: wait}, nil
		}
	}
	if outcome := opens(k, []byte(identity), now); outcome != Valid {
		if guessable {
			r.failures.Add(throttle.NetworkOf(q.Source), now)
		}
		return Verdict{Outcome: outcome}, nil
	}
	if len(k.Models) > 0 {
		if q.Model == "" {
			return Verdict{Outcome: ModelMissing, Key: k}, nil
		}
		if !allows(k.Models, q.Model) {
			return Verdict{Outcome: ModelRefused, Key: k}, nil
		}
	}
	if hasBudget(k) && e.wants() { // it could not be read with the key
		if err := r.Refresh(ctx); err != nil {
			return Verdict{}, err
		}
	}
	return r.reserve(e, k, &q, now, current)
}

// opens returns whether a fingerprint is a valid one of a key at a time. It is compared with all of the key's.
func opens(k *store.Key, fingerprint []byte, now time.Time) Outcome {
	if k == nil {
		return Unknown
	}
	match := subtle.ConstantTimeCompare(fingerprint, []byte(k.Fingerprint))
	for i := range k.Older {
		if o := &k.Older[i]; now.Before(o.Until) {
			match |= subtle.ConstantTimeCompare(fingerprint, []byte(o.Fingerprint))
		}
	}
	switch {
	case match != 1:
		return Unknown
	case !k.RevokedAt.IsZero():
		return Revoked
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return Expired
	case k.Disabled:
		return Disabled
	}
	return Valid
}

// reserve checks the limits and reserves, as one step.
func (r *Registry) reserve(e *entry, k *store.Key, q *Query, now time.Time, current *periods) (Verdict, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if hasBudget(k) && e.spent == nil {
		return Verdict{}, errNotKnown
	}
	left := r.left(e, k, now, current)
	if v, ok := r.overLimit(e, left, q, now); ok {
		v.Key = k
		return v, nil
	}
	reserved := amount{Tokens: q.Tokens, Cost: int64(q.Cost)}
	if reserved.Tokens == 0 {
		reserved.Tokens = r.o.Estimate
	}
	if refusal, err := r.reserveOfBudgets(k, q, reserved); err != nil {
		return Verdict{}, err
	} else if refusal != nil {
		return Verdict{Outcome: OverLimit, Key: k, Left: left, Limit: "budget." + refusal.ID, RetryAfter: refusal.RetryAfter}, nil
	}
	e.reserved.Make(now, r.o.Reservation, reserved)
	if k.Limits.RequestsPerMinute > 0 {
		e.thisMinute().add(now, now, 1, 0)
	}
	return Verdict{Outcome: Valid, Key: k, Left: r.left(e, k, now, current)}, nil
}

// reserveOfBudgets reserves an amount of the hard budgets that a call counts for.
func (r *Registry) reserveOfBudgets(k *store.Key, q *Query, a amount) (*budget.Refusal, error) {
	if r.o.Budgets == nil {
		return nil, nil //nolint:nilnil // nothing refuses
	}
	c := budget.Check{
		Key: k.ID, User: q.User, Project: q.Project, Model: q.Model, Provider: q.Provider,
		Need: amount{Tokens: q.Tokens, Cost: int64(q.Cost)}, Reserve: a, Life: r.o.Reservation,
	}
	if c.User == "" {
		c.User = k.Owner
	}
	return r.o.Budgets.Reserve(&c)
}

// reservedRetry is the Retry-After where only reservations of calls in progress exceed the limit.
const reservedRetry = 5 * time.Second

// never is the Retry-After of a limit that is not reset.
const never = 24 * time.Hour

// overLimit returns the exceeded limit with the longest wait.
func (r *Registry) overLimit(e *entry, l *Left, q *Query, now time.Time) (Verdict, bool) {
	if l == nil {
		return Verdict{}, false
	}
	v := Verdict{Outcome: OverLimit, Left: l, RetryAfter: -1}
	check := func(name string, a *Allowance, need int64, wait func(over int64) time.Duration) {
		if need = max(need, 1); a == nil || a.rest() >= need {
			return
		}
		after := reservedRetry
		if over := usage.SubSat(usage.AddSat(a.Used, need), a.Limit); over > 0 {
			after = wait(over)
		}
		if after > v.RetryAfter {
			v.Limit, v.RetryAfter = name, after
		}
	}
	check("requests_per_minute", l.RequestsPerMinute, 1, func(over int64) time.Duration { return e.thisMinute().until(now, over, 0) })
	check("tokens_per_minute", l.TokensPerMinute, q.Tokens, func(over int64) time.Duration { return e.thisMinute().until(now, 0, over) })
	for p := range store.PeriodCount {
		reset := func(int64) time.Duration {
			if p == store.Ever {
				return math.MaxInt64
			}
			return l.resetOf(p).Sub(now)
		}
		check("tokens."+p.String(), l.Tokens[p], q.Tokens, reset)
		check("usd."+p.String(), l.Cost[p], int64(q.Cost), reset)
	}
	over := v.RetryAfter >= 0
	if v.RetryAfter == math.MaxInt64 {
		v.RetryAfter = never
	}
	return v, over
}

func (l *Left) resetOf(p store.Period) time.Time {
	if a := l.Tokens[p]; a != nil {
		return a.ResetsAt
	}
	return l.Cost[p].ResetsAt
}

// left returns what is left of a key's limits. e.mu is held.
func (r *Registry) left(e *entry, k *store.Key, now time.Time, current *periods) *Left {
	e.reserved.Expire(now, r.o.Reservation)
	if k.Limits == (store.Limits{}) {
		return nil
	}
	l := &Left{}
	var requests, tokens int64
	if e.minute != nil {
		requests, tokens = e.minute.sum(now)
	}
	if n := k.Limits.RequestsPerMinute; n > 0 {
		l.RequestsPerMinute = &Allowance{Limit: n, Used: requests}
	}
	if n := k.Limits.TokensPerMinute; n > 0 {
		reserved := e.reserved.Sum(now.Add(-time.Minute - r.o.Reservation/reservation.Steps))
		l.TokensPerMinute = &Allowance{Limit: n, Used: tokens, Reserved: reserved.Tokens}
	}
	if e.spent == nil {
		return l
	}
	reserved := e.reserved.Sum(time.Time{})
	for p := range store.PeriodCount {
		spent := e.spent.in(current, p)
		var reset time.Time
		if p < store.Ever {
			reset = current.end[p]
		}
		if n := k.Limits.Tokens[p]; n > 0 {
			l.Tokens[p] = &Allowance{Limit: n, Used: spent.Tokens, Reserved: reserved.Tokens, ResetsAt: reset}
		}
		if n := k.Limits.Cost[p]; n > 0 {
			l.Cost[p] = &Allowance{Limit: n, Used: spent.Cost, Reserved: reserved.Cost, ResetsAt: reset}
		}
	}
	return l
}

// Left returns what is left of a key's limits; nil where it has none.
func (r *Registry) Left(id string) *Left {
	r.mu.RLock()
	e := r.byID[id]
	r.mu.RUnlock()
	return r.leftOf(e)
}

// Quota returns what is left of Options.Quota; nil where there is none.
func (r *Registry) Quota() *Left { return r.leftOf(r.console) }

func (r *Registry) leftOf(e *entry) *Left {
	if e == nil {
		return nil
	}
	now, current := r.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	return r.left(e, e.key.Load(), now, current)
}
