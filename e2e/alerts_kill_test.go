package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

// alertKills is how often the binary dies in TestAlertsKilled: few times, or as TOKENBOARD_ALERT_KILLS says (make torture).
func alertKills(t *testing.T, few int) int {
	text := os.Getenv("TOKENBOARD_ALERT_KILLS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// told is a message that the receiver took.
type told struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	AlertID string `json:"alert_id"`
	Rule    string `json:"rule"`
}

// webhookReceiver takes the signed webhook. It knows a message that it has by its delivery id, as the documentation says.
type webhookReceiver struct {
	t      *testing.T
	server *httptest.Server
	key    []byte

	mu       sync.Mutex // guards what follows
	messages []told     // each once
	bodies   map[string]string
	repeats  int
	waiting  map[string]func(*http.Request) // by type and rule: called when such a message arrives, before it is answered
	refused  []string
}

func newWebhookReceiver(t *testing.T) *webhookReceiver {
	t.Helper()
	r := &webhookReceiver{t: t, key: []byte("the key of the receiver of the test"), bodies: map[string]string{}, waiting: map[string]func(*http.Request){}}
	r.server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.server.Close)
	return r
}

// take takes a message whose signature is right and whose time stamp is not off by more than five minutes.
func (r *webhookReceiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender died
	}
	id, stamp := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	seconds, _ := strconv.ParseInt(stamp, 10, 64)
	mac := hmac.New(sha256.New, r.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	var m told
	if req.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) ||
		time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute || json.Unmarshal(body, &m) != nil || m.ID != id {
		r.mu.Lock()
		r.refused = append(r.refused, string(body))
		r.mu.Unlock()
		w.WriteHeader(http.StatusForbidden)
		return
	}
	r.mu.Lock()
	was, repeat := r.bodies[id]
	switch {
	case !repeat:
		r.bodies[id] = string(body)
		r.messages = append(r.messages, m)
	case was != string(body):
		r.refused = append(r.refused, "one id, two messages: "+was+" and "+string(body))
	default:
		r.repeats++
	}
	arrived := r.waiting[m.Type+" "+m.Rule]
	delete(r.waiting, m.Type+" "+m.Rule)
	r.mu.Unlock()
	if arrived != nil {
		arrived(req)
	}
}

// when has a function called once, when the next message of a type about a rule arrives.
func (r *webhookReceiver) when(kind, rule string, call func(*http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[kind+" "+rule] = call
}

// of returns the messages of a type about a rule.
func (r *webhookReceiver) of(kind, rule string) (some []told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.messages {
		if m.Type == kind && m.Rule == rule {
			some = append(some, m)
		}
	}
	return some
}

// waitFor waits until there is a message of a type about a rule.
func (r *webhookReceiver) waitFor(kind, rule string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return len(r.of(kind, rule)) > 0 }, time.Minute, 5*time.Millisecond, "%s of %s is not lost", kind, rule)
}

// reachable returns the arguments by which the binary may send to this machine.
func reachable(t *testing.T) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "notifications.yaml")
	require.NoError(t, os.WriteFile(file, []byte("extensions:\n  tokenconsole:\n    notifications:\n      allow: [127.0.0.1]\n"), 0o600))
	return []string{"--config", filepath.Join("..", "examples", "quickstart", "config.yaml"), "--config", file}
}

// ask sends a request to the console, and returns its status and data.
func ask[T any](p *process, method, path string, body any) (data T, status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return data, 0, err
	}
	req, err := http.NewRequestWithContext(context.Background(), method, p.console+"/api/console"+path, bytes.NewReader(text))
	if err != nil {
		return data, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return data, 0, err
	}
	defer res.Body.Close()
	var e struct{ Data T }
	return e.Data, res.StatusCode, json.NewDecoder(res.Body).Decode(&e)
}

// watched is one rule of the test: it watches a model of its own, and fires with the first call of it.
type watched struct {
	id, name, model string
	ends            bool // it was switched off or deleted
}

// alertsKilled is TestAlertsKilled of one store.
type alertsKilled struct {
	t     *testing.T
	begin func() *process
	p     *process
	r     *webhookReceiver
	rules []*watched
	start time.Time
}

// call is the call that makes a rule true.
func (k *alertsKilled) call(i int, w *watched) []byte {
	return []byte(fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"chat","kind":3,
"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
{"key":"gen_ai.response.model","value":{"stringValue":"%s"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"100"}},
{"key":"gen_ai.usage.output_tokens","value":{"intValue":"1"}}]}]}]}]}`, i+1, i+1, k.start.UnixNano(), k.start.UnixNano()+1e9, w.model))
}

func (k *alertsKilled) rule() *watched {
	k.t.Helper()
	name := fmt.Sprintf("rule %d", len(k.rules))
	w := &watched{name: name, model: strings.ReplaceAll(name, " ", "-")}
	made, status, err := ask[struct{ ID string }](k.p, http.MethodPost, "/alerts/rules", map[string]any{
		"name": name, "kind": "tokens", "severity": "warning", "enabled": true, "limit": 50, "window": "24h", "send_resolved": true,
		"filter": map[string]any{"model": []string{w.model}},
	})
	require.NoError(k.t, err)
	require.Equal(k.t, http.StatusCreated, status)
	w.id = made.ID
	k.rules = append(k.rules, w)
	return w
}

// moment is one between that a rule becomes true, or ends, and that its message is delivered.
type moment int

const (
	whileItIsStored moment = iota // the call, or the change of the rule
	afterwards                    // at any time in the two seconds after the answer
	alertStored                   // the alert is in the history
	messageSent                   // the receiver has it, and has not answered
	messageTaken                  // the receiver has answered
	moments
)

func (m moment) String() string {
	return [...]string{"while it is stored", "afterwards", "when the alert is stored", "when the message is sent", "when the message is taken"}[m]
}

// killAt does something that is told as a message of a type, and kills the process at a moment. What was not acknowledged is
// done again with the next process.
func (k *alertsKilled) killAt(at moment, do func() (ok bool), kind string, w *watched) {
	k.t.Helper()
	kill := make(chan struct{})
	switch at {
	case messageSent:
		k.r.when(kind, w.name, func(req *http.Request) {
			close(kill)
			<-req.Context().Done()
		})
	case messageTaken:
		k.r.when(kind, w.name, func(*http.Request) { close(kill) })
	}
	done := make(chan bool, 1)
	go func() { done <- do() }()
	var acknowledged bool
	if at == whileItIsStored {
		time.Sleep(rand.N(20 * time.Millisecond))
	} else {
		acknowledged = <-done
		require.True(k.t, acknowledged)
	}
	switch at {
	case whileItIsStored:
	case afterwards:
		time.Sleep(rand.N(2 * time.Second))
	case alertStored:
		want := map[string]string{"alert.firing": "firing", "alert.resolved": "ended"}[kind]
		require.Eventually(k.t, func() bool {
			alerts := get[[]struct{ State string }](k.p, "/alerts?rule="+w.id)
			return len(alerts) == 1 && alerts[0].State == want
		}, time.Minute, time.Millisecond)
	default:
		select {
		case <-kill:
		case <-time.After(time.Minute):
			require.Fail(k.t, "lost", "%s of %s", kind, w.name)
		}
		if at == messageTaken {
			time.Sleep(rand.N(10 * time.Millisecond))
		}
	}
	k.p.stop(syscall.SIGKILL)
	if at == whileItIsStored {
		acknowledged = <-done
	}
	k.p = k.begin()
	if !acknowledged {
		require.True(k.t, do(), "after the restart")
	}
	k.r.waitFor(kind, w.name)
}

// fires sends the call that makes a rule true.
func (k *alertsKilled) fires(i int, w *watched) func() bool {
	return func() bool { return k.p.send(context.Background(), "traces", k.call(i, w)) }
}

// ends switches a rule off, or deletes it, which is told too.
func (k *alertsKilled) ends(w *watched, deletes bool) func() bool {
	w.ends = true
	return func() bool {
		if deletes {
			_, status, _ := ask[any](k.p, http.MethodDelete, "/alerts/rules/"+w.id, nil)
			return status == http.StatusOK || status == http.StatusNotFound // it was done before
		}
		_, status, _ := ask[any](k.p, http.MethodPatch, "/alerts/rules/"+w.id, map[string]any{"enabled": false})
		return status == http.StatusOK
	}
}

// run kills the process n times. Then each rule has fired once, and each state of it was told once.
func (k *alertsKilled) run(n int) {
	t := k.t
	k.r, k.start = newWebhookReceiver(t), time.Now()
	k.p = k.begin()
	_, status, err := ask[any](k.p, http.MethodPost, "/alerts/channels", map[string]any{
		"name": "receiver", "kind": "webhook", "settings": map[string]string{"url": k.r.server.URL},
		"secrets": map[string]string{"signing_secret": "whsec_" + base64.StdEncoding.EncodeToString(k.r.key)},
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, status)
	first := rand.IntN(2 * int(moments)) // a few kills are others in each run
	for i := range n {
		w := k.rule()
		at := moment((first + i) % int(moments))
		if ending := (first+i)/int(moments)%2 == 1; !ending {
			k.killAt(at, k.fires(i, w), "alert.firing", w)
		} else {
			require.True(t, k.fires(i, w)())
			k.r.waitFor("alert.firing", w.name)
			k.killAt(at, k.ends(w, rand.IntN(2) == 0), "alert.resolved", w)
		}
		t.Logf("kill %d, %s: told", i, at)
	}
	last := k.rule() // when it was told, all that is due before it was looked at too
	require.True(t, k.fires(n, last)())
	k.r.waitFor("alert.firing", last.name)
	k.requireOnce()
	k.p.stop(syscall.SIGTERM)
}

// requireOnce fails unless each rule has fired once, and was told of once in each state.
func (k *alertsKilled) requireOnce() {
	t := k.t
	t.Helper()
	total := 0
	for _, w := range k.rules {
		alerts := get[[]struct{ ID, State string }](k.p, "/alerts?rule="+w.id)
		require.Len(t, alerts, 1, w.name)
		want := []string{"alert.firing"}
		if w.ends {
			want = append(want, "alert.resolved")
			require.Equal(t, "ended", alerts[0].State, w.name)
		}
		for _, kind := range []string{"alert.firing", "alert.resolved"} {
			messages := k.r.of(kind, w.name)
			if !slices.Contains(want, kind) {
				require.Empty(t, messages, w.name)
				continue
			}
			require.Len(t, messages, 1, "%s of %s: one delivery id", kind, w.name)
			require.Equal(t, alerts[0].ID, messages[0].AlertID, w.name)
			total++
		}
	}
	type delivery struct{ ID, Status string }
	require.Eventually(t, func() bool {
		all := get[[]delivery](k.p, "/alerts/deliveries?limit=1000")
		return len(all) == total && !slices.ContainsFunc(all, func(d delivery) bool { return d.Status != "sent" })
	}, time.Minute, 20*time.Millisecond, "the delivery log has each once, as sent")
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	require.Empty(t, k.r.refused)
	require.Len(t, k.r.messages, total)
	t.Logf("%d rules, %d messages, %d repeats with an id that the receiver had", len(k.rules), total, k.r.repeats)
}

// TestAlertsKilled kills the binary with SIGKILL at any moment between that a rule becomes true and that its message was
// delivered: no alert is lost, and none is told twice. A message that is sent again has the id that it had.
func TestAlertsKilled(t *testing.T) {
	dir := t.TempDir()
	args := reachable(t)
	k := &alertsKilled{t: t, begin: func() *process { return run(t, dir, args...) }}
	k.run(alertKills(t, 6))
}

// TestAlertsKilledOnPostgres is TestAlertsKilled with the data in PostgreSQL, where who starts evaluates when the lease of the
// one that was killed has ended.
func TestAlertsKilledOnPostgres(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	args := append(reachable(t), onPostgres(t, server.Schema(t))[2:]...)
	k := &alertsKilled{t: t, begin: func() *process { return run(t, t.TempDir(), args...) }}
	k.run(alertKills(t, 2))
}
