package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// progress prints what is being done, separately from the report.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// report collects what was measured: figures for machines, tables for people.
type report struct {
	machine machine
	made    []string // the command, as far as it decides what is measured
	figures map[string]figure
	tables  []*table
}

// machine is where it was measured.
type machine struct {
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Memory float64   `json:"memory_gb"`
	Load   float64   `json:"load"` // how many programs wanted to run when it began, over the minute before
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

// value notes a figure.
func (r *report) value(key string, v float64) { r.figures[key] = figure{Value: v} }

// rounds notes the figures of several rounds.
func (r *report) rounds(key string, s series) {
	if len(s) == 0 {
		return
	}
	least, most := s.least(), s.most()
	r.figures[key] = figure{Value: s.median(), Least: &least, Most: &most, Rounds: len(s)}
}

// target notes the target of a figure, and returns the figure's cell in a table.
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
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(b), &r.machine.Load)
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		r.machine.Kernel = strings.TrimSpace(string(b))
	}
	if out, err := command(ctx, root, "git", "describe", "--always", "--dirty", "--exclude=*"); err == nil {
		r.machine.Commit = strings.TrimSpace(out)
	}
	return r
}
