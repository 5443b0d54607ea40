package tokenboardexporter

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/exporter/tokenboardexporter/internal/metadata"
	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/jsonlines"
	"github.com/tokenboard/tokenboard/internal/ledger"
)

// figures are the sums of a truth.json, in its words.
type figures struct {
	Calls      int64 `json:"calls"`
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	CacheRead  int64 `json:"cache_read"`
	CacheWrite int64 `json:"cache_write"`
	Reasoning  int64 `json:"reasoning"`
}

// billed gives the figures of calls that bear usage.
func billed(s *ledger.Sums) figures {
	return figures{
		Calls: s.Calls - s.NoUsage, Input: s.Tokens.Input(), Output: s.Tokens.Output(),
		CacheRead: s.Tokens.CacheRead, CacheWrite: s.Tokens.CacheWrite, Reasoning: s.Tokens.Reasoning,
	}
}

type truth struct {
	Countable struct {
		figures
		ByModel map[string]figures `json:"by_model"`
	} `json:"countable"`
}

// host gives the components what they look for.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// running is a store with exporters on it.
type running struct {
	ledger *ledger.Ledger
	traces exporter.Traces
	logs   exporter.Logs
}

// start runs the exporters and a store in a folder until the test ends.
func start(t *testing.T, dir string) *running {
	t.Helper()
	ctx := context.Background()
	factory := tokenstoreextension.NewFactory()
	storeConfig := factory.CreateDefaultConfig().(*tokenstoreextension.Config)
	storeConfig.Directory, storeConfig.Retention.MaxAge = dir, 0 // captures keep their own times
	store, err := factory.Create(ctx, extensiontest.NewNopSettings(factory.Type()), storeConfig)
	require.NoError(t, err)
	require.NoError(t, store.Start(ctx, componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, store.Shutdown(ctx)) })

	id := component.MustNewID("tokenstore")
	cfg := createDefaultConfig().(*Config)
	cfg.Storage = id
	r := &running{ledger: store.(*tokenstoreextension.Store).Ledger()}
	r.traces, err = NewFactory().CreateTraces(ctx, exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	r.logs, err = NewFactory().CreateLogs(ctx, exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	for _, e := range []component.Component{r.traces, r.logs} {
		require.NoError(t, e.Start(ctx, host{id: store}))
		t.Cleanup(func() { require.NoError(t, e.Shutdown(ctx)) })
	}
	return r
}

// TestCaptures replays real telemetry, all signals, shuffled, every request twice: the ledger shows
// what a perfect accountant can know from it.
func TestCaptures(t *testing.T) {
	root := filepath.Join("..", "..", "testdata", "captures")
	for _, name := range []string{"vercel-ai", "openllmetry", "openinference", "claude-code", "gemini-cli",
		"codex", "genkit", "langfuse", "langsmith", "openai-agents", "openlit", "qwen-code", "vercel-ai-7"} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprint(name, "/", seed), func(t *testing.T) {
				raw, err := os.ReadFile(filepath.Join(root, name, "truth.json"))
				require.NoError(t, err)
				var want truth
				require.NoError(t, json.Unmarshal(raw, &want))
				r := start(t, t.TempDir())
				var sends []func() error
				for _, line := range jsonlines.Read(t, filepath.Join(root, name, "traces.jsonl")) {
					td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
					require.NoError(t, err)
					sends = append(sends, func() error { return r.traces.ConsumeTraces(context.Background(), td) })
				}
				for _, line := range jsonlines.Read(t, filepath.Join(root, name, "logs.jsonl")) {
					ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
					require.NoError(t, err)
					sends = append(sends, func() error { return r.logs.ConsumeLogs(context.Background(), ld) })
				}
				sends = append(sends, sends...)
				rng := rand.New(rand.NewPCG(seed, 7))
				rng.Shuffle(len(sends), func(i, j int) { sends[i], sends[j] = sends[j], sends[i] })
				for _, send := range sends {
					require.NoError(t, send())
				}

				answer, err := r.ledger.Query(context.Background(), ledger.Query{By: ledger.ByModel})
				require.NoError(t, err)
				var sum ledger.Sums
				models := map[string]figures{}
				for _, g := range answer.Groups {
					sum.Merge(&g.Points[0])
					if f := billed(&g.Points[0]); f.Calls > 0 {
						require.NotContains(t, models, g.Value, "one model under two providers")
						models[g.Value] = f
					}
				}
				require.Equal(t, want.Countable.figures, billed(&sum))
				if name != "langsmith" { // its truth goes by the requested model, we by the one that answered
					require.Equal(t, want.Countable.ByModel, models)
				}
			})
		}
	}
}
