package cliproxyreceiver

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/sources"
)

// quotaHeaders are the headers of an upstream's answer that say how much of an account's quota is used. Nothing else of
// an answer's headers is decoded.
type quotaHeaders map[string]string

// maxHeader bounds the value of a header: it is a number, a time or a word.
const maxHeader = 64

// codexSlots begin the headers of the two windows that OpenAI's Codex reports. Which window is in which slot differs by
// plan: a window is named by its length.
var codexSlots = []string{"x-codex-primary-", "x-codex-secondary-"}

// anthropicWindows are the windows that Anthropic reports for subscriptions, by what their headers have in their names.
var anthropicWindows = []struct {
	name   string
	length time.Duration
}{{"5h", 5 * time.Hour}, {"7d", 7 * 24 * time.Hour}}

const anthropicQuota = "anthropic-ratelimit-unified-"

// readQuotaHeader has the names of the headers that are decoded.
var readQuotaHeader = func() map[string]bool {
	names := map[string]bool{
		anthropicQuota + "status": true, anthropicQuota + "5h-utilization": true, anthropicQuota + "5h-reset": true,
		anthropicQuota + "7d-utilization": true, anthropicQuota + "7d-reset": true, anthropicQuota + "7d-status": true,
	}
	for _, slot := range codexSlots {
		for _, name := range []string{"used-percent", "window-minutes", "reset-at", "reset-after-seconds"} {
			names[slot+name] = true
		}
	}
	return names
}()

// UnmarshalJSON reads an object of lists or texts by the names of headers, and passes over what is not known.
func (h *quotaHeaders) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil //nolint:nilerr // something else than ever seen: the rest of the event is read
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // likewise
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil
		}
		text, _ := name.(string)
		if text = strings.ToLower(text); len(text) > maxHeader || !readQuotaHeader[text] {
			continue
		}
		if v := headerValue(value); v != "" {
			if *h == nil {
				*h = quotaHeaders{}
			}
			(*h)[text] = v
		}
	}
	return nil
}

// headerValue returns a text, a number, or the first of a list of them; "" for what is none or is too long.
func headerValue(b json.RawMessage) string {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) == nil {
		if len(list) == 0 {
			return ""
		}
		b = list[0]
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		var n json.Number
		if json.Unmarshal(b, &n) != nil {
			return ""
		}
		s = n.String()
	}
	if s = strings.TrimSpace(s); len(s) > maxHeader {
		return ""
	}
	return s
}

// longestWindow bounds the length of a window, and how far away its end can be.
const longestWindow = 400 * 24 * time.Hour

// quota returns what the headers say at a time; false where they say nothing of a window or the account's state.
func (h quotaHeaders) quota(at time.Time) (q sources.Quota, some bool) {
	q.Status = word(h[anthropicQuota+"status"])
	add := func(length time.Duration, used float64, known bool, reset time.Time) {
		if !known || length < time.Minute || length > longestWindow {
			return
		}
		if reset.Before(at) || reset.Sub(at) > longestWindow {
			reset = time.Time{}
		}
		q.Add(sources.Window{Length: length, UsedPercent: used, ResetsAt: reset, At: at})
	}
	for _, slot := range codexSlots {
		minutes, _ := number(h[slot+"window-minutes"], longestWindow.Minutes())
		used, known := number(h[slot+"used-percent"], mostPercent)
		reset := moment(h[slot+"reset-at"])
		if after, ok := number(h[slot+"reset-after-seconds"], longestWindow.Seconds()); ok && reset.IsZero() {
			reset = at.Add(time.Duration(after * float64(time.Second))).Truncate(time.Second)
		}
		add(time.Duration(minutes)*time.Minute, used, known, reset)
	}
	const percent = 100
	for _, w := range anthropicWindows {
		used, known := number(h[anthropicQuota+w.name+"-utilization"], mostPercent/percent)
		add(w.length, used*percent, known, moment(h[anthropicQuota+w.name+"-reset"]))
	}
	return q, q.Status != "" || len(q.Windows) > 0
}

// mostPercent bounds a used share: quotas can be exceeded, but not by that much.
const mostPercent = 1000

// number reads a number from 0 to most.
func number(s string, most float64) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > most {
		return 0, false
	}
	return n, true
}

// moment reads a time as Unix seconds or in RFC 3339; zero for what is none.
func moment(s string) time.Time {
	const last = 1 << 36 // Unix seconds; far beyond any window
	if n, ok := number(s, last); ok && n > 0 {
		return time.Unix(int64(n), 0).UTC()
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// word returns a state's name, such as allowed_warning; "" for what cannot be one.
func word(s string) string {
	s = strings.ToLower(s)
	const most = 24
	if len(s) > most || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_-") != "" {
		return ""
	}
	return s
}
