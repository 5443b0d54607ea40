package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
)

// progress tells what goes on, beside the report.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// report collects what was measured: figures for machines, tables for people.
type report struct {
	machine machine
	figures map[string]figure
	tables  []*table
}

// machine is where it was measured.
type machine struct {
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Memory float64   `json:"memory_gb"`
	Kernel string    `json:"kernel"`
	Go     string    `json:"go"`
	Commit string    `json:"commit"`
	Time   time.Time `json:"time"`
}

// figure is one measured value. Its key names the unit.
type figure struct {
	Value   float64  `json:"value"`
	Least   *float64 `json:"min,omitempty"`
	Most    *float64 `json:"max,omitempty"`
	Rounds  int      `json:"rounds,omitempty"`
	AtMost  *float64 `json:"target_at_most,omitempty"`
	Reached *bool    `json:"met,omitempty"`
}

type table struct {
	title   string
	columns []string
	rows    [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (r *report) table(title string, columns ...string) *table {
	t := &table{title: title, columns: columns}
	r.tables = append(r.tables, t)
	return t
}

// rounds notes the figures of several rounds.
func (r *report) rounds(key string, s series) {
	if len(s) == 0 {
		return
	}
	least, most := s.least(), s.most()
	r.figures[key] = figure{Value: s.median(), Least: &least, Most: &most, Rounds: len(s)}
}

// target says what a figure that was noted is to reach, and gives what stands in a table for it.
func (r *report) target(key string, atMost float64, unit string) string {
	f := r.figures[key]
	reached := f.Value <= atMost
	f.AtMost, f.Reached = &atMost, &reached
	r.figures[key] = f
	verdict := "met"
	if !reached {
		verdict = "MISSED"
	}
	return strings.TrimSpace(fmt.Sprintf("≤ %g %s", atMost, unit)) + ": " + verdict
}

func newReport(ctx context.Context, root string) *report {
	r := &report{figures: map[string]figure{}}
	r.machine = machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Time: time.Now().UTC().Truncate(time.Second), CPU: "unknown", Commit: "unknown"}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				r.machine.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib float64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %f kB", &kib); err == nil {
			r.machine.Memory = float64(int(kib*1024/1e8)) / 10
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		r.machine.Kernel = strings.TrimSpace(string(b))
	}
	if out, err := command(ctx, root, "git", "describe", "--always", "--dirty", "--exclude=*"); err == nil {
		r.machine.Commit = strings.TrimSpace(out)
	}
	return r
}

// cpu reports the processor time of calls.
func (r *report) cpu(all []*contender, spans, bytesEach int, plan cpuPlan) {
	t := r.table(fmt.Sprintf("Processor time of a call, from OTLP to its acknowledgement (%d rounds by turns, %d calls each, %d bytes a span, %d spans a request, %d connections)",
		plan.rounds, spans, bytesEach, plan.batch, plan.connections),
		"pipeline", "CPU µs a call", "min..max", "until exit", "against nop", "against spanmetrics", "calls/s", "RSS MB", "peak MB", "bytes a record")
	by := map[string]*contender{}
	for _, c := range all {
		by[c.key] = c
	}
	for _, c := range all {
		key := strings.ReplaceAll(c.key, "-", "_")
		r.rounds("cpu_us_per_call_"+key, c.cpu)
		r.rounds("cpu_us_per_call_until_exit_"+key, c.total)
		r.rounds("calls_per_second_acknowledged_"+key, c.rate)
		r.rounds("rss_mb_after_load_"+key, c.rss)
		r.rounds("rss_mb_peak_"+key, c.peak)
		cells := []string{c.name, fmt.Sprintf("%.2f", c.cpu.median()), c.cpu.spread("%.2f"), fmt.Sprintf("%.2f", c.total.median())}
		for _, base := range []string{"nop", "spanmetrics"} {
			cell := ""
			if b := by[base]; b != nil && b != c {
				ratio := c.cpu.ratio(b.cpu)
				name := "cpu_ratio_" + key + "_to_" + base
				r.rounds(name, ratio)
				cell = fmt.Sprintf("%.2f", ratio.median())
				if c.ours && base == "spanmetrics" {
					const atMost = 2.5
					cell += " (" + r.target(name, atMost, "") + ")"
				}
			}
			cells = append(cells, cell)
		}
		cells = append(cells, fmt.Sprintf("%.0f", c.rate.median()), fmt.Sprintf("%.0f", c.rss.median()), fmt.Sprintf("%.0f", c.peak.median()))
		if c.ours {
			r.rounds("disk_bytes_per_record_live", c.disk)
			cells = append(cells, fmt.Sprintf("%.0f", c.disk.median()))
		} else {
			cells = append(cells, "")
		}
		t.row(cells...)
	}
}

// output is where a report goes.
type output struct{ json *string }

func outputFlags(f *flag.FlagSet) output {
	return output{json: f.String("json", "", "write the figures to this file, too")}
}

func (o output) write(r *report) error {
	r.text(os.Stdout)
	if *o.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(struct {
		Machine machine           `json:"machine"`
		Figures map[string]figure `json:"figures"`
	}{r.machine, r.figures}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the figures: %w", err)
	}
	if err := os.WriteFile(*o.json, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}

// text prints the report for a terminal.
func (r *report) text(w io.Writer) {
	m := &r.machine
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, %d cores, %g GB, Linux %s, %s, commit %s, %s\n", m.CPU, m.Cores, m.Memory, m.Kernel, m.Go, m.Commit, m.Time.Format(time.RFC3339))
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n%s\n", t.title)
		widths := make([]int, len(t.columns))
		for _, row := range append([][]string{t.columns}, t.rows...) {
			for i, cell := range row {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
		for _, row := range append([][]string{t.columns}, t.rows...) {
			line := "  "
			for i, cell := range row {
				pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
				if i == 0 {
					line += cell + pad
				} else {
					line += "  " + pad + cell
				}
			}
			fmt.Fprintln(&b, strings.TrimRight(line, " "))
		}
	}
	_, _ = w.Write(b.Bytes())
}
