package send

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
	"github.com/tokenboard/tokenboard/internal/outbound"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func of(kind string, settings map[string]string, secrets channel.Secrets) channel.Channel {
	return channel.Channel{ID: "ch_1", Kind: kind, Language: message.English, Settings: settings, Secrets: secrets}
}

// cases are the kinds that speak HTTP.
func cases() []vendorCase {
	hook := "whsec_" + base64.StdEncoding.EncodeToString([]byte(secretPart))
	return []vendorCase{
		{name: channel.Slack, c: of(channel.Slack, nil, channel.Secrets{"webhook_url": "https://hooks.slack.com/services/T00000000/B00000000/" + secretPart}),
			accepts: text(200, "ok"), refuses: text(200, "invalid_payload"), check: func(t *testing.T, r seen) {
				require.Equal(t, "/services/T00000000/B00000000/"+secretPart, r.path)
				require.Contains(t, fieldOf(t, r, "text"), "*[Critical] Budget &lt;!channel&gt; ∗b∗*")
				require.Contains(t, string(r.body), "92.1% (limit 90%)")
			}},
		{name: channel.Discord, c: of(channel.Discord, nil, channel.Secrets{"webhook_url": "https://discord.com/api/webhooks/1234567890/" + secretPart}),
			accepts: text(204, ""), check: func(t *testing.T, r seen) {
				require.Equal(t, "/api/webhooks/1234567890/"+secretPart, r.path)
				embeds, ok := fieldOf(t, r, "embeds").([]any)
				require.True(t, ok)
				require.Len(t, embeds, 1)
				require.Contains(t, embeds[0].(map[string]any)["description"], "92.1% \\(limit 90%\\)")
				require.InDelta(t, 0xd60510, embeds[0].(map[string]any)["color"], 0)
			}},
		{name: channel.Teams, c: of(channel.Teams, nil, channel.Secrets{"webhook_url": "https://prod-1.westus.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=" + secretPart}),
			accepts: text(202, ""), check: func(t *testing.T, r seen) {
				require.Equal(t, "/workflows/abc/triggers/manual/paths/invoke", r.path)
				require.Equal(t, secretPart, r.query.Get("sig"))
				require.Equal(t, "/triggers/manual/run", r.query.Get("sp"))
				require.Equal(t, "message", fieldOf(t, r, "type"))
				card := fieldOf(t, r, "attachments").([]any)[0].(map[string]any)
				require.Equal(t, "application/vnd.microsoft.card.adaptive", card["contentType"])
				require.Contains(t, string(r.body), "92.1%")
			}},
		{name: channel.Telegram, c: of(channel.Telegram, map[string]string{"chat": "-1001234567890"}, channel.Secrets{"token": "123456789:AA" + secretPart + "x"}),
			accepts: text(200, `{"ok":true,"result":{"message_id":1}}`), refuses: text(200, `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`), check: func(t *testing.T, r seen) {
				require.Equal(t, "/bot123456789:AA"+secretPart+"x/sendMessage", r.path)
				require.Equal(t, "-1001234567890", fieldOf(t, r, "chat_id"))
				require.Equal(t, "HTML", fieldOf(t, r, "parse_mode"))
				require.Contains(t, fieldOf(t, r, "text"), "<b>[Critical] Budget &lt;!channel&gt; *b*</b>\nFor: team search")
				require.Contains(t, fieldOf(t, r, "text"), `<a href="https://tb.example/console/logs?model=gpt-5&amp;key=ci">Show details</a>`)
			}},
		{name: channel.Lark, c: of(channel.Lark, nil, channel.Secrets{"webhook_url": "https://open.feishu.cn/open-apis/bot/v2/hook/" + secretPart, "signing_secret": "sign" + secretPart}),
			accepts: text(200, `{"code":0,"msg":"success","data":{}}`), refuses: text(200, `{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}`), check: func(t *testing.T, r seen) {
				require.Equal(t, "/open-apis/bot/v2/hook/"+secretPart, r.path)
				require.Equal(t, "text", fieldOf(t, r, "msg_type"))
				stamp := fieldOf(t, r, "timestamp").(string)
				mac := hmac.New(sha256.New, []byte(stamp+"\nsign"+secretPart)) // as Feishu's documentation has it: the text is the key
				require.Equal(t, base64.StdEncoding.EncodeToString(mac.Sum(nil)), fieldOf(t, r, "sign"))
				require.NotContains(t, fieldOf(t, r, "content", "text"), "<")
			}},
		{name: channel.WeCom, c: of(channel.WeCom, nil, channel.Secrets{"webhook_url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"}),
			accepts: text(200, `{"errcode":0,"errmsg":"ok"}`), refuses: text(200, `{"errcode":45009,"errmsg":"api freq out of limit"}`), check: func(t *testing.T, r seen) {
				require.Equal(t, "/cgi-bin/webhook/send", r.path)
				require.Equal(t, "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa", r.query.Get("key"))
				require.Equal(t, "text", fieldOf(t, r, "msgtype"))
				require.LessOrEqual(t, len(fieldOf(t, r, "text", "content").(string)), 2048)
			}},
		{name: channel.DingTalk, c: of(channel.DingTalk, nil, channel.Secrets{"webhook_url": "https://oapi.dingtalk.com/robot/send?access_token=" + secretPart, "signing_secret": "SEC" + secretPart}),
			accepts: text(200, `{"errcode":0,"errmsg":"ok"}`), refuses: text(200, `{"errcode":310000,"errmsg":"sign not match"}`), check: func(t *testing.T, r seen) {
				require.Equal(t, "/robot/send", r.path)
				require.Equal(t, secretPart, r.query.Get("access_token"))
				stamp, err := strconv.ParseInt(r.query.Get("timestamp"), 10, 64)
				require.NoError(t, err)
				require.WithinDuration(t, time.Now(), time.UnixMilli(stamp), time.Hour, "DingTalk refuses others")
				mac := hmac.New(sha256.New, []byte("SEC"+secretPart))
				_, _ = fmt.Fprintf(mac, "%d\n%s", stamp, "SEC"+secretPart)
				require.Equal(t, base64.StdEncoding.EncodeToString(mac.Sum(nil)), r.query.Get("sign"))
				require.Equal(t, "markdown", fieldOf(t, r, "msgtype"))
				require.Equal(t, "[Critical] Budget <!channel> *b*", fieldOf(t, r, "markdown", "title"))
				require.Contains(t, fieldOf(t, r, "markdown", "text"), "\n\nBudget used: 92.1%")
			}},
		{name: channel.Ntfy, c: of(channel.Ntfy, map[string]string{"server": "https://ntfy.example", "topic": "tokens", "username": "u"}, channel.Secrets{"password": secretPart}),
			accepts: text(200, `{"id":"x","event":"message"}`), check: func(t *testing.T, r seen) {
				require.Equal(t, "/tokens", r.path)
				require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("u:"+secretPart)), r.header.Get("Authorization"))
				require.Equal(t, "[Critical] Budget <!channel> *b*", r.header.Get("Title"))
				require.Equal(t, "5", ntfyPriority[r.header.Get("Priority")])
				require.Contains(t, string(r.body), "92.1%")
			}},
		{name: channel.Gotify, c: of(channel.Gotify, map[string]string{"server": "https://gotify.example/sub"}, channel.Secrets{"token": "Aabcdefghijklmn"}),
			accepts: text(200, `{"id":1,"appid":1}`), check: func(t *testing.T, r seen) {
				require.Equal(t, "/sub/message", r.path)
				require.Equal(t, "Aabcdefghijklmn", r.header.Get("X-Gotify-Key"))
				require.Empty(t, r.query)
				require.InDelta(t, 8, fieldOf(t, r, "priority"), 0)
			}},
		{name: channel.PagerDuty, c: of(channel.PagerDuty, nil, channel.Secrets{"integration_key": "0123456789abcdef0123456789abcdef"}),
			accepts: text(202, `{"status":"success","message":"Event processed","dedup_key":"alr_1"}`), check: func(t *testing.T, r seen) {
				require.Equal(t, "events.pagerduty.com:443", r.host)
				require.Equal(t, "/v2/enqueue", r.path)
				require.Equal(t, "0123456789abcdef0123456789abcdef", fieldOf(t, r, "routing_key"))
				require.Equal(t, "trigger", fieldOf(t, r, "event_action"))
				require.Equal(t, "alr_1", fieldOf(t, r, "dedup_key"))
				require.Equal(t, "critical", fieldOf(t, r, "payload", "severity"))
				require.LessOrEqual(t, len(fieldOf(t, r, "payload", "summary").(string)), 1024)
			}},
		{name: channel.Opsgenie, c: of(channel.Opsgenie, map[string]string{"region": "eu"}, channel.Secrets{"api_key": secretPart}),
			accepts: text(202, `{"result":"Request will be processed","took":0.3,"requestId":"r"}`), check: func(t *testing.T, r seen) {
				require.Equal(t, "api.eu.opsgenie.com:443", r.host)
				require.Equal(t, "/v2/alerts", r.path)
				require.Equal(t, "GenieKey "+secretPart, r.header.Get("Authorization"))
				require.Equal(t, "alr_1", fieldOf(t, r, "alias"))
				require.Equal(t, "P1", fieldOf(t, r, "priority"))
				require.LessOrEqual(t, len(fieldOf(t, r, "message").(string)), 130)
			}},
		{name: channel.Webhook, c: of(channel.Webhook, map[string]string{"url": "https://hook.example/in"}, channel.Secrets{"signing_secret": hook}),
			accepts: text(204, ""), check: func(t *testing.T, r seen) {
				require.Equal(t, "/in", r.path)
				require.Equal(t, "dlv_1", r.header.Get("webhook-id"))
				require.NoError(t, verify(r.header, r.body, hook, time.Now()))
				var e Event
				require.NoError(t, json.Unmarshal(r.body, &e))
				require.Equal(t, "alert.firing", e.Type)
				require.Equal(t, "dlv_1", e.ID)
				require.Equal(t, &Figure{92.1, "percent"}, e.Value)
			}},
		{name: channel.Alertmanager, c: of(channel.Alertmanager, map[string]string{"url": "https://am.example/alertmanager"}, channel.Secrets{"token": secretPart}),
			accepts: text(200, ""), check: func(t *testing.T, r seen) {
				require.Equal(t, "/alertmanager/api/v2/alerts", r.path)
				require.Equal(t, "Bearer "+secretPart, r.header.Get("Authorization"))
				var alerts []struct {
					Labels, Annotations map[string]string
					StartsAt, EndsAt    time.Time
					GeneratorURL        string
				}
				require.NoError(t, json.Unmarshal(r.body, &alerts))
				require.Equal(t, "alr_1", alerts[0].Labels["alert_id"])
				require.True(t, alerts[0].EndsAt.After(time.Now()), "it fires until it is told to be resolved")
			}},
		{name: "mattermost", c: of(channel.Shoutrrr, nil, channel.Secrets{"url": "mattermost://chat.example/" + secretPart}), accepts: text(200, "ok")},
		{name: "rocketchat", c: of(channel.Shoutrrr, nil, channel.Secrets{"url": "rocketchat://rocket.example/" + secretPart + "/tokenb"}), accepts: text(200, `{"success":true}`)},
		{name: "googlechat", c: of(channel.Shoutrrr, nil, channel.Secrets{"url": "googlechat://chat.googleapis.com/v1/spaces/FOO/messages?key=bar&token=" + secretPart}), accepts: text(200, `{}`)},
		{name: "zulip", mayRequest: 2, c: of(channel.Shoutrrr, nil, channel.Secrets{"url": "zulip://bot%40zulip.example:" + secretPart + "@zulip.example/?stream=alerts&topic=tokens"}), accepts: text(200, `{"result":"success"}`)},
		{name: "bark", c: of(channel.Shoutrrr, nil, channel.Secrets{"url": "bark://:" + secretPart + "@bark.example/"}), accepts: text(200, `{"code":200,"message":"success","timestamp":1}`)},
		{name: "pushover", c: of(channel.Shoutrrr, nil, channel.Secrets{"url": "pushover://shoutrrr:" + secretPart + "@userkey/"}), accepts: text(200, `{"status":1}`)},
		{name: "matrix", c: of(channel.Shoutrrr, nil, channel.Secrets{"url": "matrix://:" + secretPart + "@matrix.example/?rooms=!room:matrix.example"}), mayRequest: 3,
			accepts: text(200, `{"event_id":"$1","room_id":"!room:matrix.example","joined_rooms":["!room:matrix.example"]}`)},
	}
}

var ntfyPriority = map[string]string{"5": "5", "max": "5", "Max": "5"}

// verify is what docs/notifications.md shows receivers of the webhook, in Go.
func verify(h http.Header, body []byte, secret string, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	stamp, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(stamp, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("too old: %s", h.Get("webhook-timestamp"))
	}
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), stamp, body)
	for _, signature := range strings.Fields(h.Get("webhook-signature")) {
		got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1,"))
		if err == nil && hmac.Equal(got, mac.Sum(nil)) {
			return nil
		}
	}
	return fmt.Errorf("wrong signature")
}

// TestEveryKindSends: each kind's request is what its vendor documents, and is accepted.
func TestEveryKindSends(t *testing.T) {
	tested := map[string]bool{channel.Email: true} // in email_test.go
	for _, c := range cases() {
		tested[c.c.Kind] = true
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.c.Check())
			v := newVendor(t, c.accepts)
			require.Equal(t, Outcome{Sent: true}, v.sender.Send(t.Context(), &c.c, firing()))
			got := v.requests()
			require.NotEmpty(t, got)
			require.LessOrEqual(t, len(got), max(c.mayRequest, 1))
			require.Contains(t, []string{http.MethodPost, http.MethodPut}, got[len(got)-1].method)
			if c.check != nil {
				c.check(t, got[0])
			}
			for _, status := range []message.Notification{resolved(), {Delivery: "dlv_3", Status: message.Test}} {
				require.Equal(t, Outcome{Sent: true}, v.sender.Send(t.Context(), &c.c, status))
			}
			chinese := c.c
			chinese.Language = message.Chinese
			require.Equal(t, Outcome{Sent: true}, v.sender.Send(t.Context(), &chinese, firing()))
			body := string(v.requests()[len(v.requests())-1].body)
			if form, err := url.QueryUnescape(body); err == nil {
				body += form
			}
			require.Contains(t, body, "预算使用率")
		})
	}
	for _, k := range channel.Kinds() {
		require.True(t, tested[k.Name], k.Name)
		require.True(t, k.Name == channel.Email || senders[k.Name] != nil, k.Name)
	}
	for _, scheme := range channel.ShoutrrrSchemes() {
		require.NotNil(t, others[scheme], scheme)
	}
	require.Len(t, others, len(channel.ShoutrrrSchemes()))
}

// TestEveryKindFails: what goes wrong is noticed, judged and told without a secret, for every kind. The library loses some
// of these errors.
func TestEveryKindFails(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // without it the server would answer 200 now
	}
	cut := func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }
	half := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"ok":true`))
	}
	header := func(status int, name, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(name, value)
			w.WriteHeader(status)
		}
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintln(w, "no", r.URL, r.Header)
	}
	inAMinute := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	for _, c := range cases() {
		for name, f := range map[string]struct {
			answer    http.HandlerFunc
			permanent bool
			after     time.Duration
			detail    string
		}{
			"429 with seconds":     {header(429, "Retry-After", "7"), false, 7 * time.Second, "HTTP 429"},
			"429 with a date":      {header(429, "Retry-After", inAMinute), false, 90 * time.Second, "HTTP 429"},
			"429 with an age":      {header(429, "Retry-After", "999999999"), false, time.Hour, "HTTP 429"},
			"429 with nonsense":    {header(429, "Retry-After", "-x"), false, 0, "HTTP 429"},
			"429 in the body":      {text(429, `{"retry_after":1.5}`), false, 1500 * time.Millisecond, "HTTP 429"},
			"500":                  {text(500, "<html>oops</html>"), false, 0, "HTTP 500: <html>oops</html>"},
			"503 with Retry-After": {header(503, "Retry-After", "30"), false, 30 * time.Second, "HTTP 503"},
			"401":                  {text(401, "no"), true, 0, "HTTP 401: no"},
			"404":                  {text(404, ""), true, 0, "HTTP 404"},
			"redirect to metadata": {header(307, "Location", "http://169.254.169.254/latest/meta-data/"), true, 0, "HTTP 307: the server redirects"},
			"cut off":              {cut, false, 0, "no connection"},
			"half an answer":       {half, false, 0, "no connection"},
			"hanging":              {hang, false, 0, "in time"},
			"echoing secrets":      {echo, true, 0, "HTTP 403"},
		} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				v := newVendor(t, f.answer)
				if name == "hanging" {
					v.sender.Timeout = 100 * time.Millisecond
				}
				o := v.sender.Send(t.Context(), &c.c, firing())
				require.False(t, o.Sent)
				require.Equal(t, f.permanent, o.Permanent, o.Detail)
				require.InDelta(t, f.after.Seconds(), o.RetryAfter.Seconds(), 30)
				require.Contains(t, o.Detail, f.detail)
				require.Len(t, v.requests(), 1, "one request of a try that fails")
				requireNoSecret(t, o.Detail, c.c.Secrets)
			})
		}
		if c.refuses != nil {
			t.Run(c.name+"/refuses", func(t *testing.T) {
				v := newVendor(t, c.refuses)
				o := v.sender.Send(t.Context(), &c.c, firing())
				require.False(t, o.Sent)
				require.Contains(t, o.Detail, "the receiver refuses it: ")
			})
		}
	}
}

func requireNoSecret(t *testing.T, text string, secrets channel.Secrets) {
	t.Helper()
	require.NotContains(t, text, secretPart)
	for name, value := range secrets {
		for _, part := range secretParts(value) {
			require.NotContains(t, text, part, name)
		}
	}
}

// TestNothingIsSentToRefusedAddresses: with the real dialler no kind connects to this machine, also where the vendor's name
// resolves to it, and the try is over at once.
func TestNothingIsSentToRefusedAddresses(t *testing.T) {
	for _, address := range []string{"https://127.0.0.1:1/x", "https://localhost:1/x", "https://169.254.169.254/x", "http://127.0.0.1:1/x"} {
		s := &Sender{Client: outbound.New(outbound.Options{})}
		c := of(channel.Alertmanager, map[string]string{"url": address}, nil)
		o := s.Send(t.Context(), &c, firing())
		require.True(t, o.Permanent, "%s: %s", address, o.Detail)
		require.Contains(t, o.Detail, "not allowed")
	}
	// Every kind goes through the client that it is given: where that refuses all, nothing is sent.
	refusing := &Sender{Client: outbound.New(outbound.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, fmt.Errorf("%w: test", outbound.ErrRefused)
	}})}
	for _, c := range cases() {
		o := refusing.Send(t.Context(), &c.c, firing())
		require.True(t, o.Permanent, c.name)
		require.Contains(t, o.Detail, "not allowed", c.name)
	}
}

// TestIncidentsAreResolved: vendors that keep incidents are told the end of the one that they know.
func TestIncidentsAreResolved(t *testing.T) {
	for _, c := range cases() {
		v := newVendor(t, c.accepts)
		switch c.c.Kind {
		case channel.PagerDuty:
			v.sender.Send(t.Context(), &c.c, resolved())
			require.Equal(t, "resolve", fieldOf(t, v.requests()[0], "event_action"))
			require.Equal(t, "alr_1", fieldOf(t, v.requests()[0], "dedup_key"))
		case channel.Opsgenie:
			v.sender.Send(t.Context(), &c.c, resolved())
			require.Equal(t, "/v2/alerts/alr_1/close", v.requests()[0].path)
			require.Equal(t, "alias", v.requests()[0].query.Get("identifierType"))
			require.Equal(t, "GenieKey "+secretPart, v.requests()[0].header.Get("Authorization"))
		case channel.Alertmanager:
			v.sender.Send(t.Context(), &c.c, firing())
			v.sender.Send(t.Context(), &c.c, resolved())
			var alerts [2][]struct {
				Labels map[string]string
				EndsAt time.Time
			}
			for i, r := range v.requests() {
				require.NoError(t, json.Unmarshal(r.body, &alerts[i]))
			}
			require.Equal(t, alerts[0][0].Labels, alerts[1][0].Labels, "Alertmanager knows an alert by its labels")
			require.False(t, alerts[1][0].EndsAt.After(time.Now()))
		}
	}
}

// TestTheDeliveryIDStays: it is the same in every try, and signed.
func TestTheDeliveryIDStays(t *testing.T) {
	for _, c := range cases() {
		if c.c.Kind != channel.Webhook {
			continue
		}
		v := newVendor(t, text(503, ""))
		for range 3 {
			v.sender.Send(t.Context(), &c.c, firing())
		}
		for _, r := range v.requests() {
			require.Equal(t, "dlv_1", r.header.Get("webhook-id"))
			require.NoError(t, verify(r.header, r.body, c.c.Secrets["signing_secret"], time.Now()))
			r.header.Set("webhook-id", "dlv_2")
			require.Error(t, verify(r.header, r.body, c.c.Secrets["signing_secret"], time.Now()))
		}
	}
}
