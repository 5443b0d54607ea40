package channels_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/channels"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/queue"
	"github.com/tokenboard/tokenboard/internal/notify/send"
	"github.com/tokenboard/tokenboard/internal/outbound"
	"github.com/tokenboard/tokenboard/internal/store"
)

const planted = "planted-token-0123456789"

func body(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func alertmanager(name, url string) channels.NewChannel {
	return channels.NewChannel{Name: name, Kind: channel.Alertmanager, Settings: map[string]string{"url": url}, Secrets: map[string]string{"token": planted}}
}

func TestChannels(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	require.Empty(t, consoletest.Data[[]channels.Channel](b, "GET", "/alerts/channels", "", 200))
	made := consoletest.Data[channels.Channel](b, "POST", "/alerts/channels", body(alertmanager(" ops ", " https://am.example ")), 201)
	require.Equal(t, channels.Channel{
		ID: made.ID, Name: "ops", Kind: "alertmanager", Enabled: true, Language: "en", Settings: map[string]string{"url": "https://am.example"}, Secrets: []string{"token"},
		CreatedAt: consoletest.TestNow, UpdatedAt: consoletest.TestNow, Version: made.Version,
	}, made)
	require.Equal(t, made, consoletest.Data[channels.Channel](b, "GET", "/alerts/channels/"+made.ID, "", 200))
	require.Equal(t, []channels.Channel{made}, consoletest.Data[[]channels.Channel](b, "GET", "/alerts/channels", "", 200))
	other := consoletest.Data[channels.Channel](b, "POST", "/alerts/channels", `{"name":"mail","kind":"email","language":"zh","enabled":false,"settings":{"host":"mail.example","from":"a@b.example","to":"c@d.example"}}`, 201)
	require.False(t, other.Enabled)
	require.Equal(t, "zh", other.Language)
	require.Empty(t, other.Secrets)
	w := b.Do("GET", api.Base+"/alerts/channels?limit=1", "", nil)
	require.Equal(t, "2", w.Header().Get("X-Total-Count"))
	pages := consoletest.Decode[[]channels.Channel](t, w)
	pages = append(pages, consoletest.Data[[]channels.Channel](b, "GET", "/alerts/channels?limit=1&cursor="+w.Header().Get("X-Next-Cursor"), "", 200)...)
	require.ElementsMatch(t, []channels.Channel{made, other}, pages)

	changed := consoletest.Data[channels.Channel](b, "PATCH", "/alerts/channels/"+made.ID, fmt.Sprintf(`{"name":"Ops 2","enabled":false,"language":"zh","version":%d}`, made.Version), 200)
	require.Equal(t, "Ops 2", changed.Name)
	require.Equal(t, []string{"token"}, changed.Secrets, "it stays")
	require.Greater(t, changed.Version, made.Version)
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		reason, says         string
	}{
		"name taken":            {"POST", "", body(alertmanager("MAIL", "https://am.example")), 409, "channel_name_taken", "another name"},
		"no name":               {"POST", "", body(alertmanager(" ", "https://am.example")), 400, "name_empty", ""},
		"unknown kind":          {"POST", "", `{"name":"x","kind":"pigeon"}`, 400, "channel_unfit", "body.kind"},
		"bad setting":           {"POST", "", body(alertmanager("x", "https://am.example/?token=x")), 400, "channel_unfit", "body.settings.url: must be an https address"},
		"missing secret":        {"POST", "", `{"name":"x","kind":"slack"}`, 400, "channel_unfit", "body.secrets.webhook_url: must be set"},
		"secret in settings":    {"POST", "", `{"name":"x","kind":"slack","settings":{"webhook_url":"` + planted + `"}}`, 400, "channel_unfit", "body.secrets.webhook_url"},
		"old version":           {"PATCH", "/" + made.ID, fmt.Sprintf(`{"enabled":true,"version":%d}`, made.Version), 409, "changed_meanwhile", "read it again"},
		"nothing":               {"PATCH", "/" + made.ID, `{}`, 400, "change_empty", ""},
		"unknown field":         {"PATCH", "/" + made.ID, `{"kind":"slack"}`, 400, "", ""},
		"unknown channel":       {"PATCH", "/chn_none", `{"enabled":true}`, 404, "channel_unknown", ""},
		"secret sent elsewhere": {"PATCH", "/" + made.ID, `{"settings":{"url":"https://evil.example"}}`, 400, "channel_secrets_again", "another server: token"},
		"some of them sent":     {"PATCH", "/" + made.ID, `{"settings":{"url":"https://evil.example"},"secrets":{"password":"x"}}`, 400, "channel_secrets_again", "token"},
		"unknown to delete":     {"DELETE", "/chn_none", "", 404, "channel_unknown", ""},
		"unknown to test":       {"POST", "/chn_none/test", "", 404, "channel_unknown", ""},
	} {
		p := consoletest.RequireProblem(t, b.Do(c.method, api.Base+"/alerts/channels"+c.target, c.body, nil), c.status)
		if c.reason != "" {
			require.Equal(t, api.Reason(c.reason), p.Reason, name)
		}
		require.Contains(t, p.Message, c.says, name)
		require.NotContains(t, body(p), planted, name)
	}
	moved := consoletest.Data[channels.Channel](b, "PATCH", "/alerts/channels/"+made.ID, `{"settings":{"url":"https://am2.example"},"secrets":{"token":"another-token"}}`, 200)
	require.Equal(t, "https://am2.example", moved.Settings["url"])
	require.Empty(t, consoletest.Data[channels.Channel](b, "PATCH", "/alerts/channels/"+made.ID, `{"secrets":{"token":""}}`, 200).Secrets, "removed")
	consoletest.Data[channels.Deleted](b, "DELETE", "/alerts/channels/"+made.ID, "", 200)
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/alerts/channels/"+made.ID, "", nil), 404)

	entries := consoletest.Data[audit.Page](b, "GET", "/audit?target=alert_channel", "", 200).Items
	var actions []string
	for _, e := range entries {
		actions = append(actions, e.Action)
	}
	require.Equal(t, []string{"alert_channel.delete", "alert_channel.update", "alert_channel.update", "alert_channel.update", "alert_channel.create", "alert_channel.create"}, actions)
	require.JSONEq(t, `{"name":"Ops 2","kind":"alertmanager","enabled":false,"language":"zh","settings":{"url":"https://am2.example"},"set_secrets":["token"],"renewed_secrets":["token"]}`, string(entries[2].After))
	require.NotContains(t, body(entries), planted)
	stored, err := b.Directory.AlertChannels(t.Context())
	require.NoError(t, err)
	for _, c := range stored {
		require.NotContains(t, string(c.Document)+string(c.Secret), planted)
	}
}

// TestKinds: the description of the kinds is enough to make a form of.
func TestKinds(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	kinds := consoletest.Data[[]channels.Kind](b, "GET", "/alerts/channels/kinds", "", 200)
	require.Len(t, kinds, len(channel.Kinds()))
	for _, k := range kinds {
		require.NotEmpty(t, k.Fields, k.Kind)
		for _, f := range k.Fields {
			require.True(t, len(f.Values) > 0 || f.Form != "", "%s.%s", k.Kind, f.Name)
		}
	}
}

func TestTooManyChannels(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for i := range 100 {
		consoletest.Data[channels.Channel](b, "POST", "/alerts/channels", body(alertmanager(fmt.Sprint("c", i), "https://am.example")), 201)
	}
	p := consoletest.RequireProblem(t, b.Do("POST", api.Base+"/alerts/channels", body(alertmanager("one more", "https://am.example")), nil), 409)
	require.Equal(t, api.Reason("channels_full"), p.Reason)
}

// TestWithoutAKeySecret: nothing is stored in clear where it cannot be encrypted.
func TestWithoutAKeySecret(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) { o.Sealer = nil })
	p := consoletest.RequireProblem(t, b.Do("POST", api.Base+"/alerts/channels", body(alertmanager("x", "https://am.example")), nil), 409)
	require.Equal(t, api.Reason("key_secret_none"), p.Reason)
}

// sending is a console with a queue that sends to servers of this machine.
func sending(t *testing.T) *consoletest.Bench {
	t.Helper()
	var q *queue.Queue
	b := consoletest.NewBench(t, func(o *console.Options) {
		allowed := outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
		q = queue.New(queue.Options{Store: o.Directory, Sealer: o.Sealer, Sender: &send.Sender{Client: outbound.New(outbound.Options{Policy: allowed})}, Now: o.Now, Poll: time.Hour})
		o.Notify = q.Wake
	})
	q.Start()
	t.Cleanup(q.Close)
	return b
}

// TestTestButton: a test is sent at once, and its result told: accepted, refused, an address that is not allowed.
func TestTestButton(t *testing.T) {
	b := sending(t)
	var got []string
	status := 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.Path+" "+r.Header.Get("Authorization"))
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, "you sent ", r.Header.Get("Authorization"))
	}))
	defer server.Close()
	c := consoletest.Data[channels.Channel](b, "POST", "/alerts/channels", body(alertmanager("ops", server.URL)), 201)
	d := consoletest.Data[channels.Delivery](b, "POST", "/alerts/channels/"+c.ID+"/test", "", 200)
	require.Equal(t, "sent", d.Status)
	require.Equal(t, []string{"/api/v2/alerts Bearer " + planted}, got)
	status = 400
	d = consoletest.Data[channels.Delivery](b, "POST", "/alerts/channels/"+c.ID+"/test", "", 200)
	require.Equal(t, "dead", d.Status)
	require.Equal(t, "HTTP 400: you sent Bearer ***", d.LastError)
	require.Equal(t, "test", d.State)
	require.Nil(t, d.NextAt)
	inside := consoletest.Data[channels.Channel](b, "POST", "/alerts/channels", body(alertmanager("inside", "http://169.254.169.254")), 201)
	d = consoletest.Data[channels.Delivery](b, "POST", "/alerts/channels/"+inside.ID+"/test", "", 200)
	require.Equal(t, "dead", d.Status)
	require.Contains(t, d.LastError, "not allowed")
	require.Len(t, consoletest.Data[[]channels.Delivery](b, "GET", "/alerts/deliveries?channel="+c.ID, "", 200), 2)
	require.Len(t, consoletest.Data[audit.Page](b, "GET", "/audit?action=alert_channel.test", "", 200).Items, 3)
}

// TestDeliveries: the log of deliveries can be filtered and paged, and what was given up can be sent again.
func TestDeliveries(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	c := consoletest.Data[channels.Channel](b, "POST", "/alerts/channels", body(alertmanager("ops", "https://am.example")), 201)
	at := consoletest.TestNow
	var deliveries []store.AlertDelivery
	for i := range 5 {
		deliveries = append(deliveries, store.AlertDelivery{
			ID: fmt.Sprint("dlv_", i), Channel: c.ID, Alert: fmt.Sprint("alr_", i%2), Rule: "rul_1", CreatedAt: at.Add(time.Duration(i)), UpdatedAt: at, NextAt: at, Status: store.DeliveryWaiting, Version: 1,
			Notification: json.RawMessage(`{"state":"firing","rule_name":"Spend","severity":"warning","subject":"ci"}`),
		})
	}
	require.NoError(t, b.Directory.WriteAlerts(t.Context(), store.AlertWrite{Deliveries: deliveries}))
	dead := deliveries[2]
	dead.Attempts, dead.Status, dead.LastError, dead.UpdatedAt = 3, store.DeliveryDead, "HTTP 404", at.Add(time.Minute)
	require.NoError(t, b.Directory.UpdateDelivery(t.Context(), 0, dead))
	ids := func(query string) string {
		var out []string
		for _, d := range consoletest.Data[[]channels.Delivery](b, "GET", "/alerts/deliveries?"+query, "", 200) {
			out = append(out, strings.TrimPrefix(d.ID, "dlv_"))
		}
		return strings.Join(out, "")
	}
	require.Equal(t, "43210", ids(""))
	require.Equal(t, "420", ids("alert=alr_0"))
	require.Equal(t, "2", ids("status=dead"))
	require.Equal(t, "43210", ids("status=dead&status=waiting&rule=rul_1"))
	require.Empty(t, ids("channel=chn_none"))
	w := b.Do("GET", api.Base+"/alerts/deliveries?alert=alr_0&limit=2", "", nil)
	require.Equal(t, "3", w.Header().Get("X-Total-Count"))
	require.Contains(t, w.Header().Get("Link"), "alert=alr_0")
	require.Equal(t, "0", ids("alert=alr_0&limit=2&cursor="+w.Header().Get("X-Next-Cursor")))
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/alerts/deliveries?status=lost", "", nil), 400)
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/alerts/deliveries?cursor=dlv_none", "", nil), 400)

	got := consoletest.Data[[]channels.Delivery](b, "GET", "/alerts/deliveries?status=dead", "", 200)[0]
	tried := at.Add(time.Minute)
	require.Equal(t, channels.Delivery{
		ID: "dlv_2", ChannelID: c.ID, Channel: "ops", RuleID: "rul_1", Rule: "Spend", AlertID: "alr_0", State: "firing", Severity: "warning", Subject: "ci", Status: "dead",
		Attempts: 3, LastError: "HTTP 404", CreatedAt: at.Add(2), TriedAt: &tried,
	}, got)
	require.Equal(t, api.Reason("delivery_not_dead"), consoletest.RequireProblem(t, b.Do("POST", api.Base+"/alerts/deliveries/dlv_1/retry", "", nil), 409).Reason)
	require.Equal(t, api.Reason("delivery_unknown"), consoletest.RequireProblem(t, b.Do("POST", api.Base+"/alerts/deliveries/none/retry", "", nil), 404).Reason)
	again := consoletest.Data[channels.Delivery](b, "POST", "/alerts/deliveries/dlv_2/retry", "", 200)
	require.Equal(t, "waiting", again.Status)
	require.Zero(t, again.Attempts)
	consoletest.Data[channels.Deleted](b, "DELETE", "/alerts/channels/"+c.ID, "", 200)
	require.Equal(t, "43210", ids("status=dead"), "what waits for a channel that is deleted is given up")
	require.Equal(t, api.Reason("channel_unknown"), consoletest.RequireProblem(t, b.Do("POST", api.Base+"/alerts/deliveries/dlv_2/retry", "", nil), 404).Reason)
}
