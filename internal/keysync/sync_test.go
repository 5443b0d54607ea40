package keysync

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const managementKey = "management-key-of-the-tests"

// keyStore is the store of keys, as far as a Sync sees it.
type keyStore struct {
	mu       sync.Mutex
	keys     []store.Key
	versions []int64
	version  int64
}

func (s *keyStore) list(_ context.Context, after int64) ([]store.Key, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []store.Key
	for i := range s.keys {
		if s.versions[i] > after {
			out = append(out, s.keys[i])
		}
	}
	return out, s.version, nil
}

func (s *keyStore) add(k store.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.keys, s.versions = append(s.keys, k), append(s.versions, s.version)
}

func (s *keyStore) change(id string, f func(*store.Key)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.keys {
		if s.keys[i].ID == id {
			s.version++
			k := s.keys[i]
			k.Older = slices.Clone(k.Older)
			f(&k)
			s.keys[i], s.versions[i] = k, s.version
		}
	}
}

// world is a Sync with its store and its proxies.
type world struct {
	t       *testing.T
	store   *keyStore
	proxies []*cliproxytest.Proxy
	sync    *Sync
	logs    *observer.ObservedLogs
	secrets map[string]string // by key id
	alone   func(context.Context, string, func(context.Context) error) error
	old     []string // secrets that must be nowhere
}

func newWorld(t *testing.T, proxies ...cliproxytest.Options) *world {
	w := &world{t: t, store: &keyStore{}, secrets: map[string]string{}}
	for _, o := range proxies {
		if o.Key == "" {
			o.Key = managementKey
		}
		w.proxies = append(w.proxies, cliproxytest.Start(t, o))
	}
	w.start()
	return w
}

func (w *world) start() {
	core, logs := observer.New(zapcore.DebugLevel)
	w.logs = logs
	o := Options{Keys: w.store.list, Logger: zap.New(core), Alone: w.alone, Poll: 5 * time.Millisecond, Check: 50 * time.Millisecond, Timeout: 5 * time.Second}
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	for i, p := range w.proxies {
		c, err := cliproxy.New(cliproxy.Options{Endpoint: p.URL(), Key: managementKey, HTTP: &http.Client{Transport: transport}})
		require.NoError(w.t, err)
		o.Proxies = append(o.Proxies, Proxy{Name: fmt.Sprint("p", i), Endpoint: p.URL(), Client: c})
	}
	w.sync = New(o)
	w.sync.Start()
	w.t.Cleanup(w.sync.Close)
}

var counter int

// make makes a key, as the console does.
func (w *world) make(id string) {
	counter++
	text := fmt.Sprintf("tb-%s-%d-0123456789abcdefghij", id, counter)
	w.secrets[id] = text
	w.store.add(store.Key{ID: id, Name: "name of " + id, Fingerprint: usage.Fingerprint(text), Display: usage.DisplayKey(text)})
	w.sync.Add(text)
}

func (w *world) rotate(id string, overlap time.Duration) {
	counter++
	text := fmt.Sprintf("tb-%s-%d-0123456789abcdefghij", id, counter)
	w.old = append(w.old, w.secrets[id])
	w.secrets[id] = text
	w.store.change(id, func(k *store.Key) {
		k.Older = append(k.Older, store.Secret{Fingerprint: k.Fingerprint, Display: k.Display, Until: time.Now().Add(overlap)})
		k.Fingerprint, k.Display = usage.Fingerprint(text), usage.DisplayKey(text)
	})
	w.sync.Add(text)
}

func (w *world) revoke(id string) {
	w.store.change(id, func(k *store.Key) { k.RevokedAt = time.Now() })
}

// eventually waits until a proxy has just these keys, and that it never had none.
func (w *world) eventually(proxy int, keys ...string) {
	w.t.Helper()
	slices.Sort(keys)
	var got []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if got = w.proxies[proxy].ClientKeys(); slices.Equal(sorted(got), keys) {
			require.NotContains(w.t, w.proxies[proxy].Changes(), "0", "the proxy had no keys for a moment")
			return
		}
	}
	require.Equal(w.t, keys, sorted(got), w.sync.States())
}

func sorted(s []string) []string { slices.Sort(s); return s }

func (w *world) state(proxy int, is func(State) bool) State {
	w.t.Helper()
	var got State
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if got = w.sync.States()[proxy]; is(got) {
			return got
		}
	}
	require.Fail(w.t, "the state does not come", "%+v", got)
	return got
}

// opens reports whether a key opens the proxy.
func (w *world) opens(proxy int, key string) bool {
	req, err := http.NewRequest(http.MethodGet, w.proxies[proxy].URL()+"/v1/models", nil)
	require.NoError(w.t, err)
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	require.NoError(w.t, res.Body.Close())
	return res.StatusCode == http.StatusOK
}

func TestLifeOfAKey(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Keys: []string{"sk-existing"}, Delay: 20 * time.Millisecond}, cliproxytest.Options{Keys: []string{"sk-other"}})
	w.make("a")
	w.make("b")
	a, b := w.secrets["a"], w.secrets["b"]
	w.eventually(0, "sk-existing", a, b)
	w.eventually(1, "sk-other", a, b)
	require.True(t, w.opens(0, a))

	w.store.change("a", func(k *store.Key) { k.Disabled = true })
	w.eventually(0, "sk-existing", b)
	require.False(t, w.opens(0, a))
	w.store.change("a", func(k *store.Key) { k.Disabled = false })
	w.eventually(0, "sk-existing", a, b)
	w.eventually(1, "sk-other", a, b)

	w.rotate("a", time.Hour)
	w.eventually(0, "sk-existing", a, b, w.secrets["a"])
	w.store.change("a", func(k *store.Key) { k.Older[0].Until = time.Now().Add(30 * time.Millisecond) })
	w.eventually(0, "sk-existing", b, w.secrets["a"])
	w.rotate("b", 0)
	w.eventually(0, "sk-existing", w.secrets["a"], w.secrets["b"])
	require.False(t, w.opens(0, b))

	w.store.change("b", func(k *store.Key) { k.ExpiresAt = time.Now().Add(40 * time.Millisecond) })
	w.eventually(0, "sk-existing", w.secrets["a"])
	w.revoke("a")
	w.eventually(0, "sk-existing")
	w.eventually(1, "sk-other")
	require.False(t, w.opens(0, w.secrets["a"]))
	w.state(0, func(s State) bool { return s.Status == Drifted && s.Drift[0].Kind == Unmanaged })
}

// TestWithinASecond: with the proxy's slow check of the management key, each change is there in time.
// It fails only where the machine stands still for long.
func TestWithinASecond(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Keys: []string{"sk-existing"}, Delay: 150 * time.Millisecond})
	w.state(0, func(s State) bool { return !s.CheckedAt.IsZero() })
	for name, do := range map[string]func(){
		"made": func() { w.make("a") }, "again": func() { w.make("b") },
	} {
		begin := time.Now()
		do()
		w.state(0, func(s State) bool { return s.Synced == len(w.secrets) })
		t.Log(name, time.Since(begin))
	}
	begin := time.Now()
	w.revoke("a")
	w.eventually(0, "sk-existing", w.secrets["b"])
	t.Log("revoked", time.Since(begin))
}

// TestNeverWithoutKeys: the last key is not removed but replaced by one that nobody has, until there is
// another.
func TestNeverWithoutKeys(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	w.state(0, func(s State) bool { return s.Status == Drifted && s.Drift[0].Kind == NoKeys })
	w.make("a")
	w.eventually(0, w.secrets["a"])
	w.revoke("a")
	s := w.state(0, func(s State) bool { return s.Status == Drifted && s.Drift[0].Kind == Locked })
	require.Equal(t, 1, s.Keys)
	require.False(t, w.opens(0, w.secrets["a"]))
	require.False(t, w.opens(0, ""), "nobody is let in")
	w.make("b")
	w.eventually(0, w.secrets["b"])
	w.state(0, func(s State) bool { return s.Status == InSync })
	for range 5 {
		w.rotate("b", 0)
		w.eventually(0, w.secrets["b"])
	}
	w.make("c")
	w.revoke("b")
	w.eventually(0, w.secrets["c"])
}

// TestDownThenUp: what changes while the proxy is away is made up for when it is back.
func TestDownThenUp(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Keys: []string{"sk-existing"}})
	w.make("a")
	w.eventually(0, "sk-existing", w.secrets["a"])
	w.proxies[0].Down()
	w.make("b")
	w.revoke("a")
	w.rotate("b", 0)
	s := w.state(0, func(s State) bool { return s.Status == Unreachable })
	require.NotEmpty(t, s.Error)
	w.proxies[0].Up()
	w.eventually(0, "sk-existing", w.secrets["b"])
	w.proxies[0].FailNext(3)
	w.make("c")
	w.eventually(0, "sk-existing", w.secrets["b"], w.secrets["c"])
	w.state(0, func(s State) bool { return s.Error == "" })
}

// TestChangedElsewhere: what somebody changes in the proxy itself is put right where that can be.
func TestChangedElsewhere(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Keys: []string{"sk-existing"}}, cliproxytest.Options{Keys: []string{"sk-existing"}})
	w.make("a")
	w.make("b")
	w.revoke("b")
	w.eventually(0, "sk-existing", w.secrets["a"])
	w.eventually(1, "sk-existing", w.secrets["a"])
	w.proxies[0].Set(func(o *cliproxytest.Options) { o.Keys = append(o.Keys, w.secrets["b"]) })
	w.eventually(0, "sk-existing", w.secrets["a"]) // a revoked key does not come back
	w.proxies[0].Set(func(o *cliproxytest.Options) { o.Keys = []string{"sk-existing"} })
	w.eventually(0, "sk-existing", w.secrets["a"]) // the other proxy has its secret
}

// TestAfterARestart: without its secret a key cannot be put back, which is said with what to do.
func TestAfterARestart(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Keys: []string{"sk-existing"}})
	w.make("a")
	w.store.change("a", func(k *store.Key) { k.Disabled = true })
	w.eventually(0, "sk-existing")
	w.sync.Close()
	w.start()
	w.store.change("a", func(k *store.Key) { k.Disabled = false })
	s := w.state(0, func(s State) bool { return s.Status == Drifted && len(s.Drift) == 2 })
	require.Equal(t, Drift{Kind: Missing, KeyID: "a", KeyName: "name of a", Display: usage.DisplayKey(w.secrets["a"]), Remedy: remedies[Missing]}, s.Drift[0])
	require.Contains(t, s.Drift[0].Remedy, "rotate")
	w.rotate("a", 0)
	w.eventually(0, "sk-existing", w.secrets["a"])
	w.state(0, func(s State) bool { return len(s.Drift) == 1 })
}

// TestImport: keys that the proxy had are shown by fingerprint; once they have a name they are kept
// like others, where they are.
func TestImport(t *testing.T) {
	const alice = "sk-alice-0123456789abcdef"
	w := newWorld(t, cliproxytest.Options{Keys: []string{alice, "sk-bob"}}, cliproxytest.Options{Keys: []string{"sk-other"}})
	s := w.state(0, func(s State) bool { return len(s.Drift) == 2 })
	i := slices.IndexFunc(s.Drift, func(d Drift) bool { return d.Fingerprint == usage.Fingerprint(alice) })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, usage.DisplayKey(alice), s.Drift[i].Display)
	w.store.add(store.Key{ID: "alice", Name: "alice", Fingerprint: s.Drift[i].Fingerprint, Display: s.Drift[i].Display, Imported: true})
	w.state(0, func(s State) bool { return s.Synced == 1 && len(s.Drift) == 1 })
	w.store.change("alice", func(k *store.Key) { k.Disabled = true })
	w.eventually(0, "sk-bob")
	w.store.change("alice", func(k *store.Key) { k.Disabled = false })
	w.eventually(0, alice, "sk-bob")
	require.Equal(t, []string{"sk-other"}, w.proxies[1].ClientKeys(), "a key that was made elsewhere opens no other proxy")
	require.NotContains(t, fmt.Sprint(w.sync.States()[1].Drift), "alice")

	const carol = "sk-carol-0123456789abcdef" // named by its value
	w.store.add(store.Key{ID: "carol", Name: "carol", Fingerprint: usage.Fingerprint(carol), Display: usage.DisplayKey(carol), Imported: true})
	w.sync.Add(carol)
	w.make("new")
	w.eventually(0, alice, "sk-bob", w.secrets["new"])
	_, held := w.sync.secretOf(usage.Fingerprint(carol))
	require.False(t, held, "nobody needs it")
}

func TestRepair(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Keys: []string{"sk-a", "sk-b"}}, cliproxytest.Options{Keys: []string{"sk-c"}}, cliproxytest.Options{Key: "another"})
	w.make("x")
	w.eventually(0, "sk-a", "sk-b", w.secrets["x"])
	w.eventually(1, "sk-c", w.secrets["x"])
	require.ErrorIs(t, w.sync.Repair(context.Background(), "nobody", false), ErrUnknownProxy)
	require.NoError(t, w.sync.Repair(context.Background(), "p0", false))
	w.eventually(0, "sk-a", "sk-b", w.secrets["x"])
	require.NoError(t, w.sync.Repair(context.Background(), "p0", true))
	w.eventually(0, w.secrets["x"])
	w.eventually(1, "sk-c", w.secrets["x"])
	w.state(0, func(s State) bool { return s.Status == InSync })
	require.ErrorIs(t, w.sync.Repair(context.Background(), "", false), cliproxy.ErrRefused)
	require.Equal(t, Refused, w.sync.States()[2].Status)
	require.Equal(t, 1, w.proxies[2].Asked(), "a wrong management key is sent once")
}

// TestManyChangesAtOnce: whatever happens in which order, in the end the proxies have what the store says.
func TestManyChangesAtOnce(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Keys: []string{"sk-existing"}}, cliproxytest.Options{Keys: []string{"sk-existing"}})
	var alive []string
	for i := range 120 {
		switch n := rand.IntN(10); {
		case n < 5 || len(alive) == 0:
			id := fmt.Sprint("k", i)
			w.make(id)
			alive = append(alive, id)
		case n < 7:
			w.rotate(alive[rand.IntN(len(alive))], 0)
		case n < 9:
			j := rand.IntN(len(alive))
			w.revoke(alive[j])
			alive = slices.Delete(alive, j, j+1)
		default:
			w.proxies[rand.IntN(2)].FailNext(rand.IntN(3))
		}
		if rand.IntN(4) == 0 {
			time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
		}
	}
	want := []string{"sk-existing"}
	for _, id := range alive {
		want = append(want, w.secrets[id])
	}
	w.eventually(0, slices.Clone(want)...)
	w.eventually(1, want...)
	w.state(0, func(s State) bool { return s.Synced == len(alive) })
	w.state(1, func(s State) bool { return s.Synced == len(alive) })
	require.Eventually(t, func() bool { // a proxy may still be at the end of its last round
		w.sync.settle()
		w.sync.mu.Lock()
		defer w.sync.mu.Unlock()
		return len(w.sync.secrets) == 0
	}, 2*time.Minute, 5*time.Millisecond, "no secret is held that all proxies have")
	said := fmt.Sprintf("%+v", w.sync.States())
	for _, l := range w.logs.All() {
		said += l.Message + fmt.Sprint(l.ContextMap())
	}
	for _, text := range w.secrets {
		require.False(t, strings.Contains(said, text))
	}
	for _, text := range w.old {
		require.False(t, strings.Contains(said, text))
	}
	require.False(t, strings.Contains(said, "sk-existing") || strings.Contains(said, managementKey))
}

// TestAddDoesNotWait: a key is made while the store is slow to list the others.
func TestAddDoesNotWait(t *testing.T) {
	reading, proceed := make(chan struct{}), make(chan struct{})
	s := New(Options{Keys: func(ctx context.Context, _ int64) ([]store.Key, int64, error) {
		select {
		case reading <- struct{}{}:
		case <-ctx.Done(): // what Learn asked for, when nobody waits for it any more
		}
		select {
		case <-proceed:
		case <-ctx.Done():
		}
		return nil, 1, ctx.Err()
	}})
	s.Start()
	defer s.Close()
	<-reading
	learned := make(chan struct{})
	go func() {
		defer close(learned)
		s.Add("tb-a-secret-of-the-tests")
	}()
	select {
	case <-learned:
	case <-time.After(time.Minute):
		t.Error("it waits for the store")
	}
	close(proceed)
	<-learned
}

// TestWaitEndsWithContext: who waits while the store or a proxy is asked stops waiting with its context.
func TestWaitEndsWithContext(t *testing.T) {
	s := New(Options{Proxies: []Proxy{{Name: "p"}}, Keys: func(context.Context, int64) ([]store.Key, int64, error) { return nil, 1, nil }})
	ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.True(t, s.reading.TryAcquire(1))
	require.ErrorIs(t, s.read(ended), context.DeadlineExceeded)
	s.reading.Release(1)
	require.NoError(t, s.read(t.Context()))
	p := s.proxies[0]
	require.True(t, p.work.TryAcquire(1))
	require.ErrorIs(t, p.reconcile(ended, false), context.DeadlineExceeded)
	p.work.Release(1)
}

// TestReplicas: of two processes with the same proxies, the one that made a key puts it into them, and both show the same. They never change a
// proxy's keys at the same time, and none undoes what the other did.
func TestReplicas(t *testing.T) {
	var alone sync.Mutex
	var within atomic.Int64
	one := func(_ context.Context, _ string, f func(context.Context) error) error {
		alone.Lock()
		defer alone.Unlock()
		if within.Add(1) != 1 {
			t.Error("two at a time")
		}
		defer within.Add(-1)
		return f(t.Context())
	}
	a := &world{t: t, store: &keyStore{}, secrets: map[string]string{}, alone: one}
	a.proxies = []*cliproxytest.Proxy{cliproxytest.Start(t, cliproxytest.Options{Key: managementKey}), cliproxytest.Start(t, cliproxytest.Options{Key: managementKey})}
	b := &world{t: t, store: a.store, secrets: a.secrets, proxies: a.proxies, alone: one}
	a.start()
	b.start()
	for i := range 6 {
		[]*world{a, b}[i%2].make(fmt.Sprint("k", i))
	}
	a.rotate("k0", 0)
	b.rotate("k1", 0)
	a.revoke("k2")
	b.revoke("k3")
	var want []string
	for _, id := range []string{"k0", "k1", "k4", "k5"} {
		want = append(want, a.secrets[id])
	}
	for i := range a.proxies {
		a.eventually(i, want...)
		for _, w := range []*world{a, b} {
			w.state(i, func(s State) bool { return s.Status == InSync && s.Synced == len(want) })
		}
	}
	changes := a.proxies[0].Changes()
	time.Sleep(200 * time.Millisecond) // several checks
	require.Equal(t, changes, a.proxies[0].Changes(), "nothing is done again")
}
