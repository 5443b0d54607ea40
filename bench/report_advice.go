package main

import (
	"fmt"
	"strconv"
)

// sizing turns what was measured into what a rate of calls needs.
func (r *report) sizing(s *sized) {
	const secondsOfYear, giga, calls = 365 * 24 * 3600, 1e9, 3
	each := float64(s.set.Bytes) / float64(s.set.Truth.Calls)
	t := r.table(fmt.Sprintf("What a rate of calls needs, by the figures with %s stored (%.0f bytes a record, %.1f µs a call)", count(s.calls), each, s.live.cpu),
		"calls a second, on average", "calls a year", "GB on disk for a year", "of one core")
	rate := 1.0
	for range calls {
		t.row(fmt.Sprintf("%g", rate), fmt.Sprintf("%.0f M", rate*secondsOfYear/1e6), fmt.Sprintf("%.0f", rate*secondsOfYear*each/giga),
			fmt.Sprintf("%.3f %%", rate*s.live.cpu/1e4))
		rate *= 10
	}
}

// others are figures that others published, see docs/capacity.md.
var others = []struct {
	what, figure, source string
	ours                 func(*sized) string
}{
	{"bytes on disk for a call", "638", "cpa-usage-keeper, its own report", bytesEach},
	{"bytes on disk for a call", "21,200 (200,000 in 4.24 GB)", "CPA-Manager-Plus issue 332", bytesEach},
	{"calls taken a second", "500, four cores", "cpa-usage-keeper, its own report", func(s *sized) string { return fmt.Sprintf("%.0f", s.live.rate) }},
	{"a page of figures, p99", "0.63 to 1.3 s with 3.2 M calls", "cpa-usage-keeper, its own report", func(s *sized) string { return s.slowest("stats", "trend_90d", "trend_90d_by_model") }},
	{"spending by user", "20 to 30 s with 300,000 rows", "LiteLLM issue 2171", func(s *sized) string { return s.slowest("breakdown_user") }},
	{"values of a filter", "80 s with 8.4 GB", "Bifrost issue 4838", func(s *sized) string { return s.slowest("dimension_user") }},
	{"requests for a page of the log", "51, every 15 s", "LiteLLM issue 20720", func(*sized) string { return "1" }},
	{"memory", "473 to 996 MiB", "cpa-usage-keeper, its own report", func(s *sized) string {
		return fmt.Sprintf("%.0f MB idle, %.0f MB under load", s.idle, s.crowdMemory)
	}},
}

func bytesEach(s *sized) string {
	return strconv.Itoa(int(float64(s.set.Bytes)/float64(s.set.Truth.Calls) + .5))
}

// slowest is the longest p99 of some queries, alone.
func (s *sized) slowest(keys ...string) string {
	most := 0.0
	for i := range s.alone {
		for _, k := range keys {
			if s.alone[i].key == k && len(s.alone[i].times) > 0 {
				most = max(most, s.alone[i].times.p99())
			}
		}
	}
	return short(most) + " ms"
}

// beside sets figures of others beside ours.
func (r *report) beside(s *sized) {
	t := r.table("Published figures of others, on their machines with their calls, beside ours on this one with "+count(s.calls)+" calls stored",
		"what", "theirs", "source", "Tokenboard")
	for _, o := range others {
		t.row(o.what, o.figure, o.source, o.ours(s))
	}
}
