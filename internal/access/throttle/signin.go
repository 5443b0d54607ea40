package throttle

import (
	"sync"
	"time"
)

// Attempt is one try to sign in.
type Attempt struct {
	Source  string // address that it came from
	Account string // the user's name, in the form in which names are compared
	Known   bool   // there is such an account
	// Device is a device that the account's owner has signed in with before; "" for none. The caller has verified that
	// the attempt comes from it.
	Device string
}

// Limits bound the attempts to sign in. A limit of zero is no limit. Only failed attempts and attempts in progress
// count.
type Limits struct {
	// Pair makes guesses of one source at one account cost more and more.
	Pair Rising
	// Source bounds the failures of one source, at any accounts. Above it, SourceFresh still admits its first attempt at
	// each account, so that people who share an address with an attacker can sign in.
	Source, SourceFresh Limit
	// Account bounds the failures at one account, from any source. Above it, AccountFresh still admits the first attempt
	// of each source: the owner, on a new device, has the right password.
	Account, AccountFresh Limit
	// Device bounds the failures with a known device. Attempts of others do not count there.
	Device Limit
}

// Default allows some 2,500 attempts a day at one account, from any number of sources.
var Default = Limits{
	Pair:   Rising{Free: 5, First: 10 * time.Second, Most: 15 * time.Minute, Forget: time.Hour},
	Source: Limit{Burst: 10, Every: 30 * time.Second}, SourceFresh: Limit{Burst: 300, Every: 12 * time.Second},
	Account: Limit{Burst: 10, Every: time.Minute}, AccountFresh: Limit{Burst: 1000, Every: 24 * time.Hour / 1000},
	Device: Limit{Burst: 10, Every: 30 * time.Second},
}

// freed is when all of the limits of a source or an account will be free again.
type freed struct{ often, fresh time.Time }

// SignIns counts attempts to sign in. It is safe for concurrent use.
type SignIns struct {
	limits Limits

	mu      sync.Mutex
	pairs   book[failures] // of a source and an account
	sources book[freed]
	// Guesses at accounts that do not exist must not evict the counts of those that do, and must look the same from
	// outside.
	accounts, imagined book[freed]
	devices            book[time.Time]
}

// NewSignIns returns counts of sign-ins.
func NewSignIns(l Limits) *SignIns {
	return &SignIns{
		limits: l, pairs: newBook[failures](), sources: newBook[freed](), accounts: newBook[freed](), imagined: newBook[freed](), devices: newBook[time.Time](),
	}
}

// Begin counts an attempt as failed, or reports how long to wait before the next one. right is to be called if the password
// was right; it subtracts the attempt.
func (s *SignIns) Begin(a Attempt, now time.Time) (wait time.Duration, right func()) {
	a.Source = Network(a.Source)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Device != "" {
		free := s.devices.get(a.Device)
		if wait = s.limits.Device.wait(free, now); wait > 0 {
			return wait, func() {}
		}
		s.device(a.Device, now, 1)
		return 0, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.device(a.Device, now, -1)
		}
	}
	if wait = s.waitOf(&a, now); wait > 0 {
		return wait, func() {}
	}
	pair := s.pair(&a, now)
	s.pairs.lru.Add(pairOf(&a), failures{pair.n + 1, now})
	takeSource := note(s.sources, a.Source, s.limits.Source, s.limits.SourceFresh, now)
	takeAccount := note(s.ofAccount(&a), a.Account, s.limits.Account, s.limits.AccountFresh, now)
	return 0, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pairs.lru.Remove(pairOf(&a)) // the failures before were not guesses
		takeSource()
		takeAccount()
	}
}

// note counts an attempt in both limits of a source or an account, and returns a function that subtracts it again. An
// attempt above the first limit counts in the second only, so that the first becomes free again.
func note(in book[freed], of string, often, fresh Limit, now time.Time) (back func()) {
	free, within := in.get(of), 0
	if often.wait(free.often, now) == 0 {
		within = 1
	}
	add := func(free freed, n int) {
		in.lru.Add(of, freed{often.after(free.often, now, n*within), fresh.after(free.fresh, now, n)})
	}
	add(free, 1)
	return func() { add(in.get(of), -1) }
}

func (s *SignIns) device(device string, now time.Time, n int) {
	s.devices.lru.Add(device, s.limits.Device.after(s.devices.get(device), now, n))
}

func pairOf(a *Attempt) string { return a.Source + "\x00" + a.Account }

// pair returns the failures of a source at an account that still count.
func (s *SignIns) pair(a *Attempt, now time.Time) failures {
	f := s.pairs.get(pairOf(a))
	if s.limits.Pair.Forget > 0 && now.Sub(f.last) >= s.limits.Pair.Forget {
		return failures{}
	}
	return f
}

func (s *SignIns) ofAccount(a *Attempt) book[freed] {
	if a.Known {
		return s.accounts
	}
	return s.imagined
}

// waitOf reports how long an attempt without a known device has to wait.
func (s *SignIns) waitOf(a *Attempt, now time.Time) time.Duration {
	pair, source, account := s.pair(a, now), s.sources.get(a.Source), s.ofAccount(a).get(a.Account)
	wait := s.limits.Pair.wait(pair, now)
	either := func(often, fresh Limit, free freed) {
		w := often.wait(free.often, now)
		if w > 0 && pair.n == 0 && fresh.Burst > 0 {
			w = fresh.wait(free.fresh, now)
		}
		wait = max(wait, w)
	}
	either(s.limits.Source, s.limits.SourceFresh, source)
	either(s.limits.Account, s.limits.AccountFresh, account)
	return wait
}
