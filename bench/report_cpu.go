package main

import (
	"fmt"
	"slices"
	"strings"
)

// cpu reports the processor time of calls.
func (r *report) cpu(all []*contender, spans, bytesEach int, plan cpuPlan) {
	columns := []string{"pipeline", "CPU µs a call", "min..max", "until exit", "against nop", "spanmetrics by model", "spanmetrics", "calls/s", "RSS MB", "peak MB", "bytes a record"}
	bases := []string{"nop", "spanmetrics-few", "spanmetrics"}
	if plan.against != "" {
		columns, bases = slices.Insert(columns, 7, "the other build"), append(bases, "against")
	}
	t := r.table(fmt.Sprintf("Processor time of a call, from OTLP to its acknowledgement (%d rounds by turns, %d calls each, %d bytes a span, %d spans a request, %d connections)",
		plan.rounds, spans, bytesEach, plan.batch, plan.connections), columns...)
	by := map[string]*contender{}
	for _, c := range all {
		by[c.key] = c
	}
	for _, c := range all {
		key := strings.ReplaceAll(c.key, "-", "_")
		if plan.batch != sdkBatch {
			key += fmt.Sprintf("_%d_spans_a_request", plan.batch)
		}
		r.rounds("cpu_us_per_call_"+key, c.cpu)
		r.rounds("cpu_us_per_call_until_exit_"+key, c.total)
		r.rounds("calls_per_second_acknowledged_"+key, c.rate)
		r.rounds("rss_mb_after_load_"+key, c.rss)
		r.rounds("rss_mb_peak_"+key, c.peak)
		cells := []string{c.name, fmt.Sprintf("%.2f", c.cpu.median()), c.cpu.spread("%.2f"), fmt.Sprintf("%.2f", c.total.median())}
		for _, base := range bases {
			cell := ""
			if b := by[base]; b != nil && b != c {
				ratio := c.cpu.ratio(b.cpu)
				name := "cpu_ratio_" + key + "_to_" + strings.ReplaceAll(base, "-", "_")
				r.rounds(name, ratio)
				cell = fmt.Sprintf("%.2f", ratio.median())
				if c.ours && base == "spanmetrics" && plan.batch == sdkBatch {
					const atMost = 2.5
					cell += " (" + r.target(name, atMost, "") + ")"
				}
			}
			cells = append(cells, cell)
		}
		cells = append(cells, fmt.Sprintf("%.0f", c.rate.median()), fmt.Sprintf("%.0f", c.rss.median()), fmt.Sprintf("%.0f", c.peak.median()))
		if c.ours {
			r.rounds("disk_bytes_per_record_live_"+key, c.disk)
			cells = append(cells, fmt.Sprintf("%.0f", c.disk.median()))
		} else {
			cells = append(cells, "")
		}
		t.row(cells...)
	}
}
