package emitters

import (
	"cmp"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
)

// item is a record as the console shows it.
type item struct {
	Provider     string   `json:"provider"`
	Model        string   `json:"model"`
	RequestModel string   `json:"request_model"`
	ResponseID   string   `json:"response_id"`
	Failed       bool     `json:"failed"`
	Status       *int     `json:"status"`
	Input        *int64   `json:"input_tokens"`
	Output       *int64   `json:"output_tokens"`
	CacheRead    *int64   `json:"cache_read_tokens"`
	CacheWrite   *int64   `json:"cache_write_tokens"`
	Reasoning    *int64   `json:"reasoning_tokens"`
	Operation    string   `json:"operation"`
	Quality      []string `json:"quality"`
}

// providers are the names of who answers an API.
var providers = map[string][]string{
	"chat": {"openai"}, "completions": {"openai"}, "responses": {"openai"}, "embeddings": {"openai"}, "messages": {"anthropic"},
	"generateContent": {"gcp.gemini", "gcp.gen_ai", "gcp.vertex_ai", "google"},
}

// verdict is what became of a call, or a record that stands for no call.
type verdict struct {
	Model string
	What  []string // in what the record differs, see differences; none where it is exact
	Line  string   // what was billed, and what is shown
}

// judge compares each call with its record. A call and a record are of one model, and have one response id or, where the
// emitter has none or one of its own, the same figures.
func judge(served []fakeupstream.Served, items []item) (out []verdict) {
	taken := make([]bool, len(items))
	records := make([]int, len(served))
	for pass := range 3 {
		for i, s := range served {
			if pass == 0 {
				records[i] = -1
			}
			for j := range items {
				if records[i] < 0 && !taken[j] && names(&items[j], s.Model, pass) && alike(&s, &items[j], pass) {
					records[i], taken[j] = j, true
				}
			}
		}
	}
	for i, s := range served {
		v := verdict{Model: s.Model, What: []string{"missing"}, Line: fmt.Sprintf("%s %d reported=%v %+v", s.API, s.Status, s.Reported, s.Bill)}
		if j := records[i]; j >= 0 {
			v.What = differences(&s, &items[j])
			v.Line += " <> " + items[j].String()
		}
		out = append(out, v)
	}
	for j := range items {
		if !taken[j] {
			out = append(out, verdict{Model: cmp.Or(items[j].Model, items[j].RequestModel, "?"), What: []string{"extra"}, Line: items[j].String()})
		}
	}
	return out
}

// names reports whether a record is of a model; a gateway's or a library's prefix does not matter here, and in the last
// pass one that names no model is of any.
func names(it *item, model string, pass int) bool {
	if it.Model == "" && it.RequestModel == "" {
		return pass == 2
	}
	for _, name := range []string{it.Model, it.RequestModel} {
		if name == model || strings.HasSuffix(name, "/"+model) {
			return true
		}
	}
	return false
}

// alike reports whether a record is that of a call: in the first pass by its id, then by its figures, and at last by
// whether it failed or has no usage.
func alike(s *fakeupstream.Served, it *item, pass int) bool {
	switch pass {
	case 0:
		return it.ResponseID == s.ID
	case 1:
		return it.Input != nil && value(it.Input) == s.Bill.Input && it.Output != nil && value(it.Output) == s.Bill.Output
	}
	withoutUsage := it.Input == nil && it.Output == nil
	return it.ResponseID == "" || s.Status >= http.StatusBadRequest || !s.Reported && withoutUsage
}

// differences names what a record has otherwise than the provider's account.
func differences(s *fakeupstream.Served, it *item) (what []string) {
	differs := func(name string, yes bool) {
		if yes {
			what = append(what, name)
		}
	}
	differs("model", it.Model != s.Model)
	differs("provider", !slices.Contains(providers[s.API], it.Provider))
	failed := s.Status >= http.StatusBadRequest
	differs("status", it.Failed != failed && (s.Reported || failed) || it.Status != nil && failed && *it.Status != s.Status)
	none := it.Input == nil && it.Output == nil
	if failed || (!s.Reported && none) {
		differs("usage", !none && value(it.Input)+value(it.Output) > 0)
		return what
	}
	if s.Reported && none {
		return append(what, "usage")
	}
	differs("input", value(it.Input) != s.Bill.Input && (s.Reported || it.Input != nil))
	differs("output", value(it.Output) != s.Bill.Output && s.Reported || value(it.Output) > s.Bill.Output)
	differs("cache_read", value(it.CacheRead) != s.Bill.CacheRead)
	differs("cache_write", value(it.CacheWrite) != s.Bill.CacheWrite)
	differs("reasoning", value(it.Reasoning) != s.Bill.Reasoning && s.Reported)
	return what
}

func value(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func (it *item) String() string {
	figure := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return fmt.Sprint(*n)
	}
	status := ""
	if it.Status != nil {
		status = fmt.Sprint(*it.Status)
	}
	return fmt.Sprintf("%s|%s %s %s in=%s out=%s read=%s write=%s reasoning=%s failed=%v %s id=%s %v", it.Model, it.RequestModel, it.Provider, it.Operation,
		figure(it.Input), figure(it.Output), figure(it.CacheRead), figure(it.CacheWrite), figure(it.Reasoning), it.Failed, status, it.ResponseID, it.Quality)
}

// gap is what an emitter is known to leave out or to report otherwise.
type gap struct {
	models string // patterns of path.Match, with spaces between
	what   string // of differences, with spaces between
	why    string // for the reader of docs/accuracy.md
}

func (g *gap) covers(model, what string) bool {
	if !slices.Contains(strings.Fields(g.what), what) {
		return false
	}
	return slices.ContainsFunc(strings.Fields(g.models), func(pattern string) bool {
		ok, err := path.Match(pattern, model)
		return ok && err == nil
	})
}

// unexpected returns the verdicts that no gap covers, and the gaps that cover nothing: those are fixed, and their entries stale.
func unexpected(verdicts []verdict, gaps []gap) (out []string) {
	seen := make([]bool, len(gaps))
	for _, v := range verdicts {
		for _, what := range v.What {
			covered := false
			for i := range gaps {
				if gaps[i].covers(v.Model, what) {
					seen[i], covered = true, true
				}
			}
			if !covered {
				out = append(out, fmt.Sprintf("%s: %s: %s", v.Model, strings.Join(v.What, " "), v.Line))
				break
			}
		}
	}
	for i, g := range gaps {
		if !seen[i] {
			out = append(out, fmt.Sprintf("the gap %q (%s) was not seen: remove it", g.models, g.what))
		}
	}
	return out
}
