package storetest

import (
	"time"

	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// drawRecord draws one of few identities, so that records meet again, over some hours.
func drawRecord(t *rapid.T) store.Record {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	n := rapid.IntRange(1, 60).Draw(t, "n")
	r := record(n, start.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "at"))*7*time.Minute))
	r.Signal = usage.Signal(n % 2)
	if r.Signal == usage.SignalLog {
		r.ID[0] = 9
	}
	r.Model, r.Provider = pick("model", "m", "gpt-4o", "Ünïcode"), pick("provider", "openai", "anthropic")
	r.User, r.Service = pick("user", "", "alice", "bob"), pick("service", "", "s1")
	if key := pick("key", "", "k1", "k2"); key != "" {
		r.KeyFingerprint, r.KeyDisplay = usage.Fingerprint(key), "sk-…"+key
	}
	r.ResponseID, r.RequestID, r.Session = pick("response", "", "resp-ABC", "ÄÖ"), pick("request", "", "req-1"), pick("session", "", "Session")
	r.Operation, r.Path = pick("operation", "chat", "embeddings"), pick("path", "/v1/chat", "/v1/x")
	r.Tier = rapid.SampledFrom([]usage.Tier{usage.TierUnknown, usage.TierUnknown, usage.TierBatch, usage.TierOther}).Draw(t, "tier")
	r.Account = pick("account", "", "", "a…@e….com (552621c7)", "…")
	r.Environment, r.ErrorType, r.Scope = pick("environment", "", "prod"), pick("error type", "", "timeout"), pick("scope", "", "sdk")
	r.ErrorMessage = pick("message", "", "", "Rate limit reached", "ÜBERLAST: abc")
	r.Process = uint64(n % 3)
	r.Status = rapid.SampledFrom([]int{0, 200, 429, 503}).Draw(t, "status")
	r.Failed = rapid.Bool().Draw(t, "failed")
	if r.Counted = rapid.Bool().Draw(t, "counted"); !r.Counted {
		r.Reason = store.ReasonTwin
		r.SupersededBy = record(rapid.IntRange(1, 60).Draw(t, "by"), start).ID
	}
	r.Quality = rapid.SampledFrom([]usage.Quality{0, usage.Unpriced, usage.Estimated, usage.Inconsistent, usage.Unpriced | usage.Estimated}).Draw(t, "quality")
	r.Cost, r.Tokens.OutputText, r.Tokens.CacheRead = usage.NanoUSD(n%7), int64(n*3), int64(n*100)
	r.Duration, r.TTFT = time.Duration(n%5)*time.Second, time.Duration(n%3)*time.Second
	if r.HasReportedCost = n%13 == 0; n%11 == 0 {
		r.Tokens = usage.Tokens{} // it reported no usage
	}
	return r
}

func drawTime(t *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(t, label) {
		return time.Time{}
	}
	return start.Add(time.Duration(rapid.IntRange(-5, 160).Draw(t, label)) * time.Minute)
}

func drawFilter(t *rapid.T) store.Filter {
	some := func(label string, of ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID).Draw(t, label)
	}
	f := store.Filter{
		From: drawTime(t, "from"), To: drawTime(t, "to"), Superseded: rapid.Bool().Draw(t, "superseded"), None: rapid.IntRange(0, 30).Draw(t, "none") == 0,
	}
	if rapid.Bool().Draw(t, "filtered") {
		f.Models, f.Users, f.Statuses = some("models", "m", "gpt-4o", "absent"), some("users", "", "alice", "carol"), some("statuses", "ok", "error", "429", "503")
		f.Keys = some("keys", "", usage.Fingerprint("k1"), "unknown")
		f.Providers, f.Services, f.Projects = some("providers", "openai"), some("services", "s1"), some("projects", "", "none")
		f.Tiers = some("tiers", "", "batch", "flex", "no tier")
		f.Accounts = some("accounts", "", "…", "absent")
		f.Operations, f.Environments = some("operations", "chat", "", "absent"), some("environments", "", "prod", "s1")
		f.ErrorTypes, f.Emitters = some("error types", "", "timeout"), some("emitters", "", "sdk")
		f.Sessions, f.Qualities = some("sessions", "", "Session", "session"), some("qualities", "", "estimated,unpriced", "unpriced", "none")
		if rapid.IntRange(0, 2).Draw(t, "any") == 0 {
			f.Any = &store.AnyOf{Keys: some("any keys", "", usage.Fingerprint("k2"), "unknown"), Users: some("any users", "", "bob", "carol"), Projects: some("any projects", "", "none")}
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "terms") {
		f.Text = append(f.Text, drawTerm(t))
	}
	return f
}

func drawTerm(t *rapid.T) store.Term {
	term := store.Term{
		Field: rapid.SampledFrom([]string{"", "request_id", "trace_id", "span_id", "model", "path", "user", "key", "session", "operation", "account", "message"}).Draw(t, "field"),
		Value: rapid.SampledFrom([]string{"abc", "äö", "req", "0000", "0102", "gpt", "ünï", "v1", "ali", "k1", "sess", "chat", "zz", "E….COM", "…", "LIMIT", "überl"}).Draw(t, "value"),
		Not:   rapid.Bool().Draw(t, "not"),
	}
	switch rapid.IntRange(0, 6).Draw(t, "whole") {
	case 4:
		term.Field, term.Value = store.FieldNameTier, rapid.SampledFrom([]string{"batch", "Other", "flex"}).Draw(t, "is")
	case 0:
		term.Field, term.Value = store.FieldNameStatus, rapid.SampledFrom([]string{"ok", "4xx", "503"}).Draw(t, "is")
	case 1:
		term.Field, term.Value = store.FieldNameQuality, rapid.SampledFrom([]string{"unpriced", "estimated"}).Draw(t, "is")
	case 2:
		term.Field, term.Value = store.FieldNameSuperseded, rapid.SampledFrom([]string{"yes", "no", "twin", "echo"}).Draw(t, "is")
	case 3:
		term.Keys = []string{usage.Fingerprint("k2")}
	}
	return term
}

func drawLookup(t *rapid.T, known []store.Record) store.Lookup {
	pick := func(label string) store.Record {
		if len(known) > 0 && rapid.IntRange(0, 3).Draw(t, label) > 0 {
			return rapid.SampledFrom(known).Draw(t, label)
		}
		return drawRecord(t)
	}
	q := store.Lookup{From: drawTime(t, "from"), To: drawTime(t, "to"), Max: rapid.SampledFrom([]int{0, 1, 5, 1000}).Draw(t, "max")}
	for range rapid.IntRange(0, 5).Draw(t, "lists") {
		r := pick("like")
		switch rapid.IntRange(0, 4).Draw(t, "by") {
		case 0:
			q.Refs = append(q.Refs, store.Ref{ID: r.ID, Start: r.Start})
		case 1:
			q.IDs = append(q.IDs, r.ID)
		case 2:
			q.SupersededBy = append(q.SupersededBy, record(rapid.IntRange(1, 60).Draw(t, "by"), start).ID)
		case 3:
			q.CallIDs = append(q.CallIDs, "resp-ABC")
		case 4:
			q.Processes = append(q.Processes, 2)
		}
	}
	return q
}

// drawWrite draws a write that meets what is there.
func drawWrite(t *rapid.T, known []store.Record) store.Write {
	w := store.Write{ID: store.NewWriteID(), At: start}
	pick := func(label string) store.Record {
		if len(known) > 0 && rapid.Bool().Draw(t, label) {
			return rapid.SampledFrom(known).Draw(t, label)
		}
		return drawRecord(t)
	}
	for range rapid.IntRange(0, 2).Draw(t, "removes") {
		r := pick("remove")
		w.Remove = append(w.Remove, store.Ref{ID: r.ID, Start: r.Start})
	}
	for range rapid.IntRange(0, 12).Draw(t, "puts") {
		w.Put = append(w.Put, drawRecord(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "marks") {
		r := pick("mark")
		mark := store.Mark{ID: r.ID, Start: r.Start, Counted: rapid.Bool().Draw(t, "counts")}
		if !mark.Counted {
			mark.Reason, mark.SupersededBy = store.ReasonEcho, usage.ID{7}
		}
		w.Mark = append(w.Mark, mark)
	}
	for range rapid.IntRange(0, 2).Draw(t, "costs") {
		r := pick("cost")
		w.Costs = append(w.Costs, store.Cost{ID: r.ID, Start: r.Start, Cost: 77, PriceVersion: "v2", Quality: usage.Estimated})
	}
	return w
}
