package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Targets of the design: with 10 M calls stored, unless they say otherwise.
const (
	targetDisk       = 200.0 // bytes a record
	targetIdleMemory = 60.0  // MB, empty
	targetLoadMemory = 250.0 // MB
	targetStart      = 2000.0
	targetCrowd      = 100.0 // ms
	targetDrop       = 1000.0
)

// count writes a number of calls as people do.
func count(n int) string {
	switch {
	case n%1_000_000 == 0:
		return strconv.Itoa(n/1_000_000) + " M"
	case n%1_000 == 0:
		return strconv.Itoa(n/1_000) + " k"
	}
	return strconv.Itoa(n)
}

// sizes reports what was measured with calls stored.
func (r *report) sizes(empty float64, all []*sized) {
	r.value("rss_mb_idle_empty", empty)
	r.growth(all)
	columns := []string{"with calls stored"}
	for _, s := range all {
		columns = append(columns, count(s.calls))
	}
	t := r.table("Size, memory, starts, clients", append(columns, "target")...)
	t.row(slices.Concat([]string{"memory idle, empty database, MB"}, slices.Repeat([]string{fmt.Sprintf("%.0f", empty)}, len(all)),
		[]string{r.target("rss_mb_idle_empty", targetIdleMemory, "MB")})...)
	for _, line := range sizeLines {
		cells, verdict := []string{line.name}, ""
		for _, s := range all {
			key := fmt.Sprintf("%s_%d_calls", line.key, s.calls)
			r.value(key, line.of(s))
			cells = append(cells, fmt.Sprintf(line.format, line.of(s)))
			if line.target > 0 { // of the largest, which comes last
				verdict = r.target(key, line.target, line.unit)
			}
		}
		t.row(append(cells, verdict)...)
	}
	for _, s := range all {
		r.latencies(s)
		for kind, times := range s.crowd.by {
			r.value(fmt.Sprintf("crowd_p99_ms_%s_%d_calls", strings.ReplaceAll(kind, " ", "_"), s.calls), times.p99())
		}
	}
	if len(all) > 1 {
		r.answersBySize(all)
	}
	if len(all) > 0 {
		r.sizing(all[len(all)-1])
		r.beside(all[len(all)-1])
	}
}

// sizeLine is a line of the table: a figure of each database. target is 0 for none.
type sizeLine struct {
	name, key, format string
	target            float64
	unit              string
	of                func(*sized) float64
}

var sizeLines = []sizeLine{
	{"bytes a record on disk, with all indexes", "disk_bytes_per_record", "%.0f", targetDisk, "B", func(s *sized) float64 { return float64(s.set.Bytes) / float64(s.set.Truth.Calls) }},
	{"memory idle, MB", "rss_mb_idle", "%.0f", 0, "", func(s *sized) float64 { return s.idle }},
	{"most memory with clients and writing, MB", "rss_mb_under_load", "%.0f", targetLoadMemory, "MB", func(s *sized) float64 { return s.crowdMemory }},
	{"start to the first answer, files in memory, ms", "start_ms_warm", "%.0f", targetStart, "ms", func(s *sized) float64 { return s.warm.answers }},
	{"start to the first answer, files on disk, ms", "start_ms_cold", "%.0f", targetStart, "ms", func(s *sized) float64 { return s.cold.answers }},
	{"start to the first calls acknowledged, files in memory, ms", "start_to_ack_ms_warm", "%.0f", 0, "", func(s *sized) float64 { return s.warm.accepts }},
	{"start to the first calls acknowledged, files on disk, ms", "start_to_ack_ms_cold", "%.0f", 0, "", func(s *sized) float64 { return s.cold.accepts }},
	{"CPU of a start to the first answer, files in memory, ms", "start_cpu_ms", "%.0f", 0, "", func(s *sized) float64 { return s.warm.answersCPU }},
	{"CPU of a start to the first calls acknowledged, ms", "start_to_ack_cpu_ms", "%.0f", 0, "", func(s *sized) float64 { return s.warm.acceptsCPU }},
	{"CPU of a live call, µs", "cpu_us_per_live_call", "%.1f", 0, "", func(s *sized) float64 { return s.live.cpu }},
	{"live calls acknowledged a second", "live_calls_per_second", "%.0f", 0, "", func(s *sized) float64 { return s.live.rate }},
	{"clients at one time, while writing: requests a second", "crowd_requests_per_second", "%.0f", 0, "", func(s *sized) float64 { return s.crowd.rate }},
	{"clients: errors", "crowd_errors", "%.0f", 0, "", func(s *sized) float64 { return float64(len(s.crowd.failures)) }},
	{"clients: p50, ms", "crowd_p50_ms", "%.1f", 0, "", func(s *sized) float64 { return s.crowd.times.median() }},
	{"clients: p99, ms", "crowd_p99_ms", "%.1f", targetCrowd, "ms", func(s *sized) float64 { return s.crowd.times.p99() }},
	{"clients: longest, ms", "crowd_max_ms", "%.0f", 0, "", func(s *sized) float64 { return s.crowd.times.most() }},
	{"clients: the server's CPU of a request, ms", "crowd_cpu_ms_per_request", "%.2f", 0, "", func(s *sized) float64 { return s.crowd.cpu }},
	{"clients: longest acknowledgement of a writer, ms", "crowd_longest_ack_ms", "%.0f", 0, "", func(s *sized) float64 { return s.crowdAck }},
	{"key checks a second", "key_checks_per_second", "%.0f", 0, "", func(s *sized) float64 { return s.verifyRate }},
	{"the server's CPU of a key check, µs", "key_check_cpu_us", "%.0f", 0, "", func(s *sized) float64 { return s.verifyCPU }},
	{"dropping the oldest day: records", "drop_records", "%.0f", 0, "", func(s *sized) float64 { return float64(s.dropped.records) }},
	{"dropping: from the first to the last, ms", "drop_ms", "%.0f", targetDrop, "ms", func(s *sized) float64 { return milliseconds(s.dropped.step) }},
	{"dropping: longest acknowledgement before, ms", "drop_longest_ack_before_ms", "%.0f", 0, "", func(s *sized) float64 { return s.dropped.ackBefore }},
	{"dropping: longest acknowledgement meanwhile, ms", "drop_longest_ack_ms", "%.0f", 0, "", func(s *sized) float64 { return s.dropped.ackMeanwhile }},
	{"dropping: size of the database before, MB", "drop_mb_before", "%.1f", 0, "", func(s *sized) float64 { return float64(s.dropped.before) / mega }},
	{"dropping: size of the database after, MB", "drop_mb_after", "%.1f", 0, "", func(s *sized) float64 { return float64(s.dropped.after) / mega }},
}

// growth reports how the cost of a call changes while a database grows.
func (r *report) growth(all []*sized) {
	for _, s := range all {
		t := r.table(fmt.Sprintf("Filling a database with %s calls over %d days in batches of 4,000, within one process", count(s.calls), s.set.Days), "calls stored", "CPU µs a call")
		for _, step := range s.set.Steps {
			r.value(fmt.Sprintf("fill_cpu_us_per_call_%d_of_%d_calls", step.Calls, s.calls), step.CPU)
			t.row(count(step.Calls), fmt.Sprintf("%.1f", step.CPU))
		}
	}
}

// answersBySize shows how answer times change as a database grows.
func (r *report) answersBySize(all []*sized) {
	columns := []string{"query"}
	for _, s := range all {
		columns = append(columns, "p50 with "+count(s.calls), "CPU")
	}
	t := r.table("How answers grow with what is stored: one client, alone, ms", columns...)
	for i := range all[0].alone {
		cells := []string{all[0].alone[i].name}
		for _, s := range all {
			q := &s.alone[i]
			if len(q.times) == 0 {
				cells = append(cells, "failed", "")
				continue
			}
			cells = append(cells, short(q.times.median()), short(q.cpu))
		}
		t.row(cells...)
	}
}

// latencies reports how long queries took.
func (r *report) latencies(s *sized) {
	t := r.table(fmt.Sprintf("Answers of the API with %s calls stored, one client, ms; writing: while 500 calls a second are written", count(s.calls)),
		"query", "p50", "p99", "max", "CPU", "writing p50", "p99", "max", "requests", "target of p99", "alone", "writing")
	for i := range s.alone {
		q := &s.alone[i]
		cells := []string{q.name}
		verdicts := []string{"", "", ""}
		if q.target > 0 {
			verdicts[0] = fmt.Sprintf("≤ %g", q.target)
		}
		for j, timing := range []*timing{q, &s.writing[i]} {
			if timing.failed != nil || len(timing.times) == 0 {
				cells = append(cells, []string{"failed", "", "", ""}[:4-j]...)
				progress("%s: %v", q.name, timing.failed)
				continue
			}
			how := []string{"alone", "writing"}[j]
			key := func(what string) string {
				return fmt.Sprintf("latency_ms_%s_%s_%s_%d_calls", what, how, q.key, s.calls)
			}
			r.value(key("p50"), timing.times.median())
			r.value(key("p99"), timing.times.p99())
			r.value(key("max"), timing.times.most())
			cells = append(cells, short(timing.times.median()), short(timing.times.p99()), short(timing.times.most()))
			if j == 0 {
				r.value(fmt.Sprintf("cpu_ms_per_request_%s_%d_calls", q.key, s.calls), q.cpu)
				cells = append(cells, short(q.cpu))
			}
			if q.target > 0 {
				r.target(key("p99"), q.target, "ms")
				verdicts[1+j] = "met"
				if !*r.figures[key("p99")].Reached {
					verdicts[1+j] = "MISSED"
				}
			}
		}
		t.row(slices.Concat(cells, []string{strconv.Itoa(len(q.times))}, verdicts)...)
	}
}

// short returns milliseconds with a sensible number of decimal places.
func short(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2f", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}
