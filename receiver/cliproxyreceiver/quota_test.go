package cliproxyreceiver

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/sources"
)

// TestQuotaHeaders: windows are named by their length, wherever the upstream puts them, and what cannot be is left out.
func TestQuotaHeaders(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	reset := at.Add(90 * time.Minute)
	unix := fmt.Sprint(reset.Unix())
	window := func(length time.Duration, used float64, reset time.Time) sources.Window {
		return sources.Window{Length: length, UsedPercent: used, ResetsAt: reset, At: at}
	}
	const fiveHours, week = 5 * time.Hour, 7 * 24 * time.Hour
	for name, c := range map[string]struct {
		headers string
		want    sources.Quota
	}{
		"codex": {`{"X-Codex-Primary-Used-Percent":["12.5"],"X-Codex-Primary-Window-Minutes":["300"],"X-Codex-Primary-Reset-At":["` + unix + `"],
			"X-Codex-Secondary-Used-Percent":["40"],"X-Codex-Secondary-Window-Minutes":["10080"],"X-Codex-Secondary-Reset-After-Seconds":["5400"]}`,
			sources.Quota{Windows: []sources.Window{window(fiveHours, 12.5, reset), window(week, 40, reset)}}},
		"codex, the slots exchanged": {`{"x-codex-secondary-used-percent":["12.5"],"x-codex-secondary-window-minutes":["300"],
			"x-codex-primary-used-percent":"40","x-codex-primary-window-minutes":10080}`,
			sources.Quota{Windows: []sources.Window{window(week, 40, time.Time{}), window(fiveHours, 12.5, time.Time{})}}},
		"codex, one window twice": {`{"x-codex-primary-used-percent":["12"],"x-codex-primary-window-minutes":["300"],
			"x-codex-secondary-used-percent":["13"],"x-codex-secondary-window-minutes":["300"]}`,
			sources.Quota{Windows: []sources.Window{window(fiveHours, 13, time.Time{})}}},
		"anthropic": {`{"Anthropic-Ratelimit-Unified-Status":["allowed_warning"],"Anthropic-Ratelimit-Unified-5h-Utilization":["0.25"],
			"Anthropic-Ratelimit-Unified-5h-Reset":["` + unix + `"],"Anthropic-Ratelimit-Unified-7d-Utilization":["1.01"],
			"Anthropic-Ratelimit-Unified-7d-Reset":["2026-11-24T13:30:00Z"]}`,
			sources.Quota{Status: "allowed_warning", Windows: []sources.Window{window(fiveHours, 25, reset), window(week, 101, reset)}}},
		"no length":          {`{"x-codex-primary-used-percent":["12"]}`, sources.Quota{}},
		"a reset long ago":   {`{"x-codex-primary-used-percent":["1"],"x-codex-primary-window-minutes":["60"],"x-codex-primary-reset-at":["1"]}`, sources.Quota{Windows: []sources.Window{window(time.Hour, 1, time.Time{})}}},
		"no numbers":         {`{"x-codex-primary-used-percent":["NaN"],"x-codex-primary-window-minutes":["300"],"x-codex-secondary-used-percent":["-1"],"x-codex-secondary-window-minutes":["1e99"]}`, sources.Quota{}},
		"too much":           {`{"anthropic-ratelimit-unified-5h-utilization":["99999"]}`, sources.Quota{}},
		"a status of markup": {`{"anthropic-ratelimit-unified-status":["<script>"]}`, sources.Quota{}},
		"other types":        {`{"anthropic-ratelimit-unified-status":{"a":1},"x-codex-primary-used-percent":[],"x-codex-primary-window-minutes":[["300"]]}`, sources.Quota{}},
		"no object":          {`["x"]`, sources.Quota{}},
		"other headers":      {`{"Set-Cookie":["secret"],"X-Codex-Primary-Over-Secondary-Limit-Percent":["1"]}`, sources.Quota{}},
	} {
		t.Run(name, func(t *testing.T) {
			var h quotaHeaders
			require.NoError(t, json.Unmarshal([]byte(c.headers), &h))
			got, some := h.quota(at)
			require.Equal(t, c.want, got)
			require.Equal(t, some, got.Status != "" || len(got.Windows) > 0)
			for name := range h {
				require.True(t, readQuotaHeader[name], "%s is not read", name)
			}
		})
	}
	require.Nil(t, func() (h quotaHeaders) {
		_ = json.Unmarshal([]byte(`{"x-codex-primary-used-percent":["`+strings.Repeat("1", 100)+`"]}`), &h)
		return h
	}())
}

// quotaEvent is an event of an account with an e-mail address whose answer reports a quota.
func quotaEvent(i int, used string) string {
	return fmt.Sprintf(`{"timestamp":"2026-11-24T12:%02d:00Z","source":"alice@example.com","auth_index":"552621c7783b2593","provider":"codex","model":"gpt-5",`+
		`"endpoint":"POST /v1/responses","request_id":"q%d","tokens":{"input_tokens":1,"output_tokens":1},`+
		`"response_headers":{"X-Codex-Primary-Used-Percent":[%q],"X-Codex-Primary-Window-Minutes":["300"],"X-Codex-Primary-Reset-After-Seconds":["60"],"Set-Cookie":["private"]}}`, i, i, used)
}

// TestQuotasAreKept: the quotas of an account are shown, without its address, and are there again after a restart.
func TestQuotasAreKept(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	w.proxy.Emit(quotaEvent(0, "10"), quotaEvent(20, "30"), quotaEvent(10, "20"))
	w.start()
	shown := func() []sources.Account { return w.r.(*cliproxyReceiver).feeds[0].account.shown().Accounts }
	w.eventually("the quotas", func() bool { return w.next.len() == 3 && len(shown()) == 1 })
	a := shown()[0]
	require.Equal(t, []any{"a…@e….com (552621c7)", "openai"}, []any{a.Name, a.Provider})
	require.Len(t, a.Windows, 1)
	require.Equal(t, []any{"5h", 30.0}, []any{a.Windows[0].Name(), a.Windows[0].UsedPercent})
	require.Equal(t, time.Date(2026, 11, 24, 12, 21, 0, 0, time.UTC), a.Windows[0].ResetsAt)
	w.stop()
	w.start()
	w.eventually("the quotas again", func() bool { return len(shown()) == 1 })
	require.Equal(t, a, shown()[0])
	w.stop()
}

// TestQuickRestart: a proxy that was restarted between two pulls, which both had an answer, has lost what its queue held.
func TestQuickRestart(t *testing.T) {
	for name, counters := range map[string]bool{"with counters": true, "without counters": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cliproxytest.Options{Release: "7.2.1", NoCounters: !counters})
			p := &w.config.Proxies[0]
			p.MinInterval, p.MaxInterval = 300*time.Millisecond, 300*time.Millisecond
			w.start()
			w.proxy.Emit(events(0, 3)...)
			w.eventually("events", func() bool { return w.next.len() == 3 && w.proxy.Pulls() > 3 })
			require.Zero(t, w.metric("receiver_cliproxy_gaps"))
			f := w.r.(*cliproxyReceiver).feeds[0]
			for restarted := false; !restarted; { // until it falls between two pulls
				before := w.proxy.Pulls()
				w.eventually("a pull", func() bool { return w.proxy.Pulls() > before })
				w.proxy.Down()
				w.proxy.Up()
				w.eventually("a gap", func() bool { return w.metric("receiver_cliproxy_gaps") > 0 })
				restarted = f.account.shown().Gaps[gapRestarted] > 0
			}
			before := w.proxy.Pulls()
			w.eventually("more pulls", func() bool { return w.proxy.Pulls() > before+3 })
			n := w.metric("receiver_cliproxy_gaps", "reason", gapRestarted)
			require.LessOrEqual(t, n, int64(2), "the check of the counters may see it too, later")
		})
	}
}

// FuzzQuotaHeaders: whatever an upstream sends, windows stay within their bounds.
func FuzzQuotaHeaders(f *testing.F) {
	f.Add([]byte(`{"X-Codex-Primary-Used-Percent":["12.5"],"X-Codex-Primary-Window-Minutes":["300"],"x-codex-primary-reset-at":["1764000000"]}`))
	f.Add([]byte(`{"anthropic-ratelimit-unified-5h-utilization":"0.5","anthropic-ratelimit-unified-5h-reset":1764000000}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h quotaHeaders
		if json.Unmarshal(b, &h) != nil {
			return
		}
		at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
		q, _ := h.quota(at)
		require.LessOrEqual(t, len(q.Windows), 4)
		for _, w := range q.Windows {
			require.True(t, w.UsedPercent >= 0 && w.UsedPercent <= mostPercent)
			require.True(t, w.Length >= time.Minute && w.Length <= longestWindow)
			require.True(t, w.ResetsAt.IsZero() || (!w.ResetsAt.Before(at) && w.ResetsAt.Sub(at) <= longestWindow))
		}
	})
}
