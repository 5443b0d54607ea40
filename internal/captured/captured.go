// Package captured has the truth of the captures in testdata/captures: what was served and billed while real emitters were
// recorded. testdata/README.md describes the files.
package captured

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Sums are the sums of a truth.json.
type Sums struct {
	Calls      int64 `json:"calls"`
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	CacheRead  int64 `json:"cache_read"`
	CacheWrite int64 `json:"cache_write"`
	Reasoning  int64 `json:"reasoning"`
}

// Countable has the sums that can be known from the telemetry of a capture, in total and by model.
type Countable struct {
	Sums
	ByModel map[string]Sums `json:"by_model"`
}

// Truth has the parts of a truth.json that tests read.
type Truth struct {
	Calls []struct {
		Status any `json:"status"`
	} `json:"calls"`
	Countable Countable `json:"countable"`
}

// Read reads the truth of the capture in a folder.
func Read(folder string) (t Truth, err error) {
	name := filepath.Join(folder, "truth.json")
	raw, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err != nil {
		return t, fmt.Errorf("read the truth of a capture: %s: %w", name, err)
	}
	return t, nil
}

// Billed returns the sums of the counted calls that have usage.
func Billed(s *usage.Counts) Sums {
	return Sums{
		Calls: s.Calls - s.NoUsage, Input: s.Tokens.Input(), Output: s.Tokens.Output(),
		CacheRead: s.Tokens.CacheRead, CacheWrite: s.Tokens.CacheWrite, Reasoning: s.Tokens.Reasoning,
	}
}

// Add adds other sums.
func (s *Sums) Add(o Sums) {
	s.Calls += o.Calls
	s.Input += o.Input
	s.Output += o.Output
	s.CacheRead += o.CacheRead
	s.CacheWrite += o.CacheWrite
	s.Reasoning += o.Reasoning
}
