package emitters

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/captured"
	"github.com/tokenboard/tokenboard/internal/fakeupstream"
)

// The document that has the table, between two comments.
const (
	document   = "../../docs/accuracy.md"
	tableBegin = "<!-- emitters: written by make emitters -->\n"
	tableEnd   = "<!-- /emitters -->"
)

func writeTable(table string) error {
	raw, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	before, rest, ok := strings.Cut(string(raw), tableBegin)
	old, after, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		return errors.New(document + " has no place for the table")
	}
	if err := os.WriteFile(document, []byte(before+tableBegin+merged(old, table)+tableEnd+after), 0o600); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

// merged returns a table with the rows of the emitters that were run, and the old rows of those that were not.
func merged(old, table string) string {
	rows := map[string]string{}
	for _, t := range []string{old, table} {
		for line := range strings.Lines(t) {
			rows[rowOf(line)] = line
		}
	}
	var b strings.Builder
	b.WriteString(tableHead)
	for i := range emitters {
		b.WriteString(rows[emitters[i].row()])
	}
	return b.String()
}

// rowOf returns what a row begins with: the emitter and its package, without the version.
func rowOf(line string) string {
	begin, _, _ := strings.Cut(line, "` ")
	return begin
}

func (e *emitter) row() string { return "| " + e.title + " | `" + e.pkg }

// sumsOf are the sums of one call.
func sumsOf(it *item) captured.Sums {
	return captured.Sums{
		Calls: 1, Input: value(it.Input), Output: value(it.Output), CacheRead: value(it.CacheRead), CacheWrite: value(it.CacheWrite),
		Reasoning: value(it.Reasoning),
	}
}

// writeTruth completes a capture: what was billed, and what can be known of it, which the test compared before.
func writeTruth(t *testing.T, r *row, served []fakeupstream.Served, items []item) {
	t.Helper()
	root := os.Getenv("TOKENBOARD_EMITTERS_RECORD")
	if root == "" {
		return
	}
	type call struct {
		ID         string `json:"call_id"`
		API        string `json:"api"`
		Model      string `json:"model"`
		Stream     bool   `json:"stream"`
		Status     int    `json:"status"`
		Reported   bool   `json:"told"` // the name in the recorded captures
		Input      int64  `json:"input_total"`
		Output     int64  `json:"output"`
		CacheRead  int64  `json:"cache_read"`
		CacheWrite int64  `json:"cache_write"`
		Reasoning  int64  `json:"reasoning"`
	}
	var all captured.Sums
	models := map[string]captured.Sums{}
	for i := range items {
		if it := &items[i]; it.Input != nil || it.Output != nil {
			all.Add(sumsOf(it))
			of := models[it.Model]
			of.Add(sumsOf(it))
			models[it.Model] = of
		}
	}
	calls := make([]call, len(served))
	for i, s := range served {
		calls[i] = call{
			ID: s.ID, API: s.API, Model: s.Model, Stream: s.Stream, Status: s.Status, Reported: s.Reported, Input: s.Bill.Input, Output: s.Bill.Output,
			CacheRead: s.Bill.CacheRead, CacheWrite: s.Bill.CacheWrite, Reasoning: s.Bill.Reasoning,
		}
		if s.Status >= http.StatusBadRequest {
			calls[i].Reported = false
		}
	}
	countable := captured.Countable{Sums: all, ByModel: models}
	raw, err := json.MarshalIndent(map[string]any{"emitter": r.pkg, "version": r.version, "calls": calls, "countable": countable}, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, r.name, "truth.json"), append(raw, '\n'), 0o600))
}
