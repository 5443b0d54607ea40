package pricing

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestReference compares with what the package that the book comes from works out itself (in
// floating point, so that the last nano-USD may differ). `make prices` makes the file.
func TestReference(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "reference.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	b := book(t)
	sc := bufio.NewScanner(f)
	compared := 0
	for sc.Scan() {
		var r struct {
			Provider   string    `json:"provider"`
			Model      string    `json:"model"`
			At         time.Time `json:"at"`
			Input      int64     `json:"input_tokens"`
			Output     int64     `json:"output_tokens"`
			CacheRead  int64     `json:"cache_read_tokens"`
			CacheWrite int64     `json:"cache_write_tokens"`
			USD        *float64  `json:"usd"`
		}
		require.NoError(t, json.Unmarshal(sc.Bytes(), &r))
		m := b.byID[r.Provider].model(r.Model)
		if m == nil || r.USD == nil {
			continue // names that only a longer name fits; models without a price
		}
		c := call(r.Provider, r.Model, usage.Tokens{
			InputUncached: r.Input - r.CacheRead - r.CacheWrite, CacheRead: r.CacheRead, CacheWrite: r.CacheWrite, OutputText: r.Output,
		})
		got, ok := m.at(r.At).cost(&c.Tokens)
		if !ok {
			continue // a kind of token without a rate, which the package takes for free
		}
		require.InDelta(t, math.Round(*r.USD*1e9), float64(got), 1, sc.Text())
		compared++
	}
	require.NoError(t, sc.Err())
	require.Greater(t, compared, 1000)
	t.Logf("compared %d costs", compared)
}
