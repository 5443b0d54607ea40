package send

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
)

// post sends a body as JSON. The answer is judged by the attempt.
func (t *try) post(address string, header map[string]string, body []byte) error {
	r, err := http.NewRequestWithContext(t.http.ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is none") //nolint:err113 // the cause holds the address
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "tokenboard")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := t.http.Do(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// closeAtOpsgenie closes an alert by its alias, see "Close Alert" of Opsgenie's Alert API.
func (t *try) closeAtOpsgenie(host string) error {
	body, _ := json.Marshal(map[string]string{"source": "tokenboard", "note": t.text(message.Plain(), 200, 8000).Whole}) // never fails
	return t.post("https://"+host+"/v2/alerts/"+url.PathEscape(t.n.Alert)+"/close?identifierType=alias",
		map[string]string{"Authorization": "GenieKey " + t.c.Secrets["api_key"]}, body)
}

// dingtalkTry writes to a custom robot. Where it has a signing secret, the request is signed as DingTalk's
// documentation says: HMAC-SHA256 of the time in milliseconds, a line feed and the secret, with the secret.
func dingtalkTry(t *try) error {
	address := t.c.Secrets["webhook_url"]
	if secret := t.c.Secrets["signing_secret"]; secret != "" {
		stamp := strconv.FormatInt(t.http.now().UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = mac.Write([]byte(stamp + "\n" + secret)) // never fails
		address += "&" + url.Values{"timestamp": {stamp}, "sign": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}.Encode()
	}
	text := message.Render(t.n, message.Style{Language: t.c.Language, Location: t.Location, Markup: message.Markdown(), Break: "\n\n", MaxTitle: 200, MaxBody: 15_000})
	body, _ := json.Marshal(map[string]any{"msgtype": "markdown", "markdown": map[string]string{"title": text.Title, "text": text.Whole}}) // never fails
	if err := t.post(address, nil, body); err != nil {
		return err
	}
	if !t.accepted("errcode", 0.0) {
		return errRefused
	}
	return nil
}

// errRefused says that an answer of a good status holds a refusal.
var errRefused = errors.New("the receiver refuses it")

// accepted reports whether a field of the last answer says so.
func (t *try) accepted(field string, good any) bool {
	var answer map[string]any
	return json.Unmarshal([]byte(t.http.body), &answer) == nil && answer[field] == good
}

// gotifyTry creates a message; the library mistakes the path of a server that is not at the root.
func gotifyTry(t *try) error {
	text := t.text(message.Plain(), 200, 8000)
	body, _ := json.Marshal(map[string]any{"title": text.Title, "message": text.Body, "priority": 2*t.level() - 2}) // never fails
	return t.post(strings.TrimSuffix(t.c.Settings["server"], "/")+"/message", map[string]string{"X-Gotify-Key": t.c.Secrets["token"]}, body)
}

// Event is the body of a webhook. Fields may be added.
type Event struct {
	Type       string      `json:"type"` // alert.firing, alert.resolved or alert.test
	ID         string      `json:"id"`   // of the delivery: the same in every try
	AlertID    string      `json:"alert_id,omitempty"`
	Severity   string      `json:"severity,omitempty"`
	Rule       string      `json:"rule,omitempty"`
	Kind       string      `json:"kind,omitempty"`
	Subject    string      `json:"subject,omitempty"`
	Value      *Figure     `json:"value,omitempty"`
	Limit      *Figure     `json:"limit,omitempty"`
	Causes     []CauseItem `json:"causes,omitempty"`
	StartedAt  *time.Time  `json:"started_at,omitempty"`
	ResolvedAt *time.Time  `json:"resolved_at,omitempty"`
	Link       string      `json:"link,omitempty"`
	Text       string      `json:"text"` // as other channels show it
}

// Figure is a number of a unit: USD, tokens, calls, percent, multiple (of the usual), ms, s or days.
type Figure struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// CauseItem is one of the parts that contribute most to the figure.
type CauseItem struct {
	Dimension string  `json:"dimension"`
	Name      string  `json:"name"`
	Value     *Figure `json:"value,omitempty"`
}

func figure(q message.Quantity) *Figure {
	if q == (message.Quantity{}) {
		return nil
	}
	return &Figure{Value: q.Value, Unit: string(q.Unit)}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (t *try) event() Event {
	n := t.n
	e := Event{
		Type: "alert." + string(n.Status), ID: n.Delivery, AlertID: n.Alert, Severity: string(n.Severity), Rule: n.Rule, Kind: n.Kind, Subject: n.Subject,
		Value: figure(n.Value), Limit: figure(n.Limit), StartedAt: moment(n.StartedAt), ResolvedAt: moment(n.EndedAt), Link: n.Link,
		Text: t.text(message.Plain(), 200, 4000).Whole,
	}
	for _, c := range n.Causes {
		e.Causes = append(e.Causes, CauseItem{Dimension: c.Dimension, Name: c.Name, Value: figure(c.Value)})
	}
	return e
}

// webhookTry posts an Event, signed as the Standard Webhooks specification says: HMAC-SHA256 of delivery id, time
// stamp and body.
func webhookTry(t *try) error {
	body, _ := json.Marshal(t.event()) // never fails
	stamp := strconv.FormatInt(t.http.now().Unix(), 10)
	return t.post(t.c.Settings["url"], map[string]string{
		"webhook-id": t.n.Delivery, "webhook-timestamp": stamp, "webhook-signature": sign(channel.WebhookKey(t.c.Secrets["signing_secret"]), t.n.Delivery, stamp, body),
	}, body)
}

// sign is the header webhook-signature.
func sign(key []byte, id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body) // never fails
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// firesFor is how long Alertmanager takes an alert for firing where nothing more is said of it. It is told once: without
// an end it would take it for resolved after its resolve_timeout.
const firesFor = 30 * 24 * time.Hour

// alertmanagerTry posts to Alertmanager's API v2.
func alertmanagerTry(t *try) error {
	n, text := t.n, t.text(message.Plain(), 200, 8000)
	name := message.Clean(n.Rule)
	if name == "" {
		name = "TokenboardTest"
	}
	labels := map[string]string{"alertname": name, "alert_id": alias(n), "source": "tokenboard"}
	for label, value := range map[string]string{"severity": string(n.Severity), "kind": n.Kind, "subject": message.Clean(n.Subject)} {
		if value != "" {
			labels[label] = value
		}
	}
	now := t.http.now()
	starts, ends := n.StartedAt, n.EndedAt
	if starts.IsZero() {
		starts = now
	}
	switch n.Status {
	case message.Test:
		ends = starts.Add(time.Minute)
	case message.Firing:
		ends = now.Add(firesFor)
	case message.Resolved:
		if ends.IsZero() || ends.After(now) {
			ends = now
		}
	}
	alert := map[string]any{
		"labels": labels, "annotations": map[string]string{"summary": text.Title, "description": text.Body},
		"startsAt": starts.UTC().Format(time.RFC3339Nano), "endsAt": ends.UTC().Format(time.RFC3339Nano),
	}
	if n.Link != "" {
		alert["generatorURL"] = n.Link
	}
	body, _ := json.Marshal([]any{alert}) // never fails
	header := map[string]string{}
	switch c := t.c; {
	case c.Secrets["token"] != "":
		header["Authorization"] = "Bearer " + c.Secrets["token"]
	case c.Settings["username"] != "" || c.Secrets["password"] != "":
		header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Settings["username"]+":"+c.Secrets["password"]))
	}
	return t.post(strings.TrimSuffix(t.c.Settings["url"], "/")+"/api/v2/alerts", header, body)
}
