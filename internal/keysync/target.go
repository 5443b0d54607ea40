package keysync

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// placeholderPrefix begins keys that are given to nobody: they replace a last key that is
// revoked, because a proxy without keys lets everybody in.
const placeholderPrefix = "tb-nobody-"

// target is one proxy.
type target struct {
	s    *Sync
	p    Proxy
	wake chan struct{}
	log  *zap.Logger

	work *semaphore.Weighted // held while the proxy's keys are read and changed: one change at a time
	ever map[string]bool

	mu    sync.Mutex
	state State
	there map[string]bool // fingerprints that the proxy has; nil before they were read
}

// State returns the state of the proxy.
func (t *target) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.state
	out.Drift = append([]Drift{}, t.state.Drift...)
	return out
}

func (t *target) has(fingerprint string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.there[fingerprint]
}

// run synchronises the proxy's keys until ctx ends.
func (t *target) run(ctx context.Context) {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = firstRetry, lastRetry
	retry.Reset()
	wait := time.NewTimer(t.s.o.Check)
	defer wait.Stop()
	for {
		select {
		case <-t.wake:
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		next := t.s.o.Check
		if err := t.reconcile(ctx, false); err != nil {
			if next = retry.NextBackOff(); errors.Is(err, cliproxy.ErrRefused) {
				next = t.s.o.Check // the client sends nothing more
			}
		} else if t.s.o.Alone != nil && t.State().Status == Drifted {
			next = min(next, retry.NextBackOff()) // another process may have the secret, and put it into the proxy
		} else {
			retry.Reset()
		}
		wait.Reset(next)
	}
}

// reconcile reads the proxy's keys and makes them equal to the console's, as far as it can.
func (t *target) reconcile(ctx context.Context, removeUnknown bool) error {
	if err := t.work.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for another change of the proxy's keys: %w", err)
	}
	defer t.work.Release(1)
	if t.s.now.Load() == nil {
		return nil
	}
	if t.s.o.Alone == nil {
		return t.compare(ctx, removeUnknown)
	}
	compared := false
	err := t.s.o.Alone(ctx, t.p.Name, func(ctx context.Context) error {
		if err := t.s.read(ctx); err != nil { // with what others changed before they let go of the proxy
			return err
		}
		compared = true
		return t.compare(ctx, removeUnknown)
	})
	if err != nil && !compared {
		err = fmt.Errorf("wait until no other replica changes the proxy's keys: %w", err)
		t.report(t.s.now.Load(), nil, err)
	}
	return err
}

// compare is reconcile while nobody else changes the proxy's keys.
func (t *target) compare(ctx context.Context, removeUnknown bool) error {
	x := t.s.now.Load()
	list, err := t.list(ctx)
	if err == nil {
		err = t.apply(ctx, x, list, removeUnknown)
	}
	t.report(x, list, err)
	t.s.settle()
	return err
}

// list is the keys of a proxy in clear, by fingerprint. It is kept while they are changed, and no longer.
type list map[string]string

func (t *target) list(ctx context.Context) (list, error) {
	ctx, cancel := context.WithTimeout(ctx, t.s.o.Timeout)
	defer cancel()
	keys, err := t.p.Client.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the proxy's keys: %w", err)
	}
	l := make(list, len(keys))
	for _, k := range keys {
		l[t.s.identity(k)] = k
	}
	return l, nil
}

// apply changes the proxy, and l with it. It adds before it removes, so that there is never no key.
func (t *target) apply(ctx context.Context, x *snapshot, l list, removeUnknown bool) error {
	for f, text := range l {
		if k := x.known[f]; k != nil {
			t.ever[f] = true
			// Who disables a key may enable it again; and another proxy may lack one that was made here.
			if k.RevokedAt.IsZero() && k.Fingerprint == f && (x.wanted[f] == nil || !k.Imported && t.s.lacking(t, f)) {
				t.s.hold(f, text)
			}
		}
	}
	var unwanted []string
	for f, text := range l {
		k := x.known[f]
		if x.wanted[f] == nil && (k != nil || removeUnknown && !isPlaceholder(text)) {
			unwanted = append(unwanted, f)
		}
	}
	for f, k := range x.wanted {
		if _, there := l[f]; there {
			continue
		}
		text, ok := t.s.secretOf(f)
		if !ok || k.Imported && !t.ever[f] {
			continue // a key that was made elsewhere stays where it was
		}
		from := slices.IndexFunc(unwanted, func(u string) bool { return x.known[u] == k })
		if from >= 0 && k.Fingerprint == f { // rotated: one step instead of two
			if err := t.replace(ctx, l, unwanted[from], text); err != nil {
				return err
			}
			unwanted = slices.Delete(unwanted, from, from+1)
		} else if err := t.change(ctx, func(ctx context.Context) error { return t.p.Client.AddKey(ctx, text) }); err != nil {
			return fmt.Errorf("add a key to the proxy: %w", err)
		} else {
			l[f] = text
		}
		t.ever[f] = true
		t.log.Info("a key was put into the proxy", zap.String("key", k.ID))
	}
	if len(unwanted) > 0 || t.placeholder(l) != "" && len(l) > 1 {
		return t.remove(ctx, x, l, unwanted)
	}
	return nil
}

// remove removes keys from the proxy; it replaces the last one by a placeholder.
func (t *target) remove(ctx context.Context, x *snapshot, l list, unwanted []string) error {
	for _, f := range unwanted {
		if len(l) == 1 {
			if err := t.replace(ctx, l, f, newPlaceholder()); err != nil {
				return err
			}
		} else if err := t.delete(ctx, l, f); err != nil {
			return err
		}
		id := ""
		if k := x.known[f]; k != nil {
			id = k.ID
		}
		t.log.Info("a key was removed from the proxy", zap.String("key", id))
	}
	if p := t.placeholder(l); p != "" && len(l) > 1 {
		if err := t.delete(ctx, l, p); err != nil {
			return err
		}
	}
	// Somebody else may have removed other keys meanwhile.
	after, err := t.list(ctx)
	if err != nil {
		return err
	}
	if len(after) == 0 {
		t.log.Error("somebody else removed the proxy's other keys at the same time; a key that nobody has closes it")
		text := newPlaceholder()
		if err := t.change(ctx, func(ctx context.Context) error { return t.p.Client.AddKey(ctx, text) }); err != nil {
			return fmt.Errorf("close the proxy, which has no keys: %w", err)
		}
		after[t.s.identity(text)] = text
	}
	clear(l)
	for f, text := range after {
		l[f] = text
	}
	return nil
}

func (t *target) replace(ctx context.Context, l list, from, to string) error {
	old := l[from]
	if err := t.change(ctx, func(ctx context.Context) error { return t.p.Client.ReplaceKey(ctx, old, to) }); err != nil {
		return fmt.Errorf("replace a key in the proxy: %w", err)
	}
	delete(l, from)
	l[t.s.identity(to)] = to
	return nil
}

func (t *target) delete(ctx context.Context, l list, f string) error {
	text := l[f]
	if err := t.change(ctx, func(ctx context.Context) error { return t.p.Client.DeleteKey(ctx, text) }); err != nil {
		return fmt.Errorf("remove a key from the proxy: %w", err)
	}
	delete(l, f)
	return nil
}

func (t *target) change(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.s.o.Timeout)
	defer cancel()
	return f(ctx)
}

func isPlaceholder(text string) bool { return strings.HasPrefix(text, placeholderPrefix) }

// placeholder returns the fingerprint of a made-up key in the list, or "".
func (t *target) placeholder(l list) string {
	for f, text := range l {
		if isPlaceholder(text) {
			return f
		}
	}
	return ""
}

func newPlaceholder() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return placeholderPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// report sets the proxy's state. l is nil where its keys could not be read.
func (t *target) report(x *snapshot, l list, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := State{Name: t.p.Name, Endpoint: t.p.Endpoint, Version: t.p.Client.Version().Release, Status: InSync, CheckedAt: t.state.CheckedAt,
		Keys: t.state.Keys, Synced: t.state.Synced, Drift: t.state.Drift}
	if l != nil {
		st.CheckedAt, st.Keys, st.Synced, st.Drift = t.s.o.Now(), len(l), 0, drift(x, l, t.ever)
		t.there = make(map[string]bool, len(l))
		for f := range l {
			t.there[f] = true
			if x.wanted[f] != nil {
				st.Synced++
			}
		}
	}
	switch {
	case errors.Is(err, cliproxy.ErrRefused):
		st.Status = Refused
	case err != nil:
		st.Status = Unreachable
	case len(st.Drift) > 0:
		st.Status = Drifted
	}
	if err != nil {
		st.Error = err.Error()
	}
	if st.Status != t.state.Status || st.Error != t.state.Error {
		say := t.log.Info
		if err != nil {
			say = t.log.Warn
		}
		say("keys of the proxy", zap.String("status", string(st.Status)), zap.Int("keys", st.Keys), zap.Int("differences", len(st.Drift)), zap.Error(err))
	}
	t.state = st
}

// drift lists what differs still. A key that was made elsewhere, and that this proxy never had, is none
// of its keys.
func drift(x *snapshot, l list, ever map[string]bool) []Drift {
	out := []Drift{}
	add := func(d Drift) {
		d.Remedy = remedies[d.Kind]
		out = append(out, d)
	}
	if len(l) == 0 {
		add(Drift{Kind: NoKeys})
	}
	for f, k := range x.wanted {
		if _, there := l[f]; !there && (!k.Imported || ever[f]) {
			add(Drift{Kind: Missing, KeyID: k.ID, KeyName: k.Name, Display: displayOf(k, f)})
		}
	}
	for f, text := range l {
		switch {
		case isPlaceholder(text):
			add(Drift{Kind: Locked})
		case x.known[f] == nil:
			add(Drift{Kind: Unmanaged, Fingerprint: f, Display: usage.DisplayKey(text)})
		}
	}
	slices.SortFunc(out, func(a, b Drift) int {
		return strings.Compare(string(a.Kind)+a.KeyName+a.KeyID+a.Fingerprint, string(b.Kind)+b.KeyName+b.KeyID+b.Fingerprint)
	})
	return out
}

func displayOf(k *store.Key, fingerprint string) string {
	for _, o := range k.Older {
		if o.Fingerprint == fingerprint {
			return o.Display
		}
	}
	return k.Display
}
