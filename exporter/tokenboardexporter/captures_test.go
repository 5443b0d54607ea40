package tokenboardexporter

import (
	"context"
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
	"github.com/tokenboard/tokenboard/internal/captured"
	"github.com/tokenboard/tokenboard/internal/jsonlines"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// host returns the components what they look for.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// running is a store with exporters on it.
type running struct {
	ledger *ledger.Ledger
	dir    string
	traces exporter.Traces
	logs   exporter.Logs
}

// start runs the exporters and a store in a folder until the test ends.
func start(t *testing.T, dir string) *running {
	t.Helper()
	r := startOn(t, func(c *tokenstoreextension.Config) { c.Directory = dir })
	r.dir = dir
	return r
}

// startOn runs the exporters and a store that is configured by a function, until the test ends.
func startOn(t *testing.T, configure func(*tokenstoreextension.Config)) *running {
	t.Helper()
	ctx := context.Background()
	factory := tokenstoreextension.NewFactory()
	storeConfig := factory.CreateDefaultConfig().(*tokenstoreextension.Config)
	storeConfig.Retention.MaxAge = 0 // captures keep their own times
	configure(storeConfig)
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

// captures are the recorded emitters, with what is particular about the truth of some.
var captures = []struct {
	name string
	// byRequested: its truth names the models that were asked for, where the telemetry has the ones that answered too.
	byRequested bool
	// except says how the layer that counts differs from the truth's, where several report each call. See docs/accuracy.md.
	except func(*captured.Sums)
	// otherNames: the models are then not compared.
	otherNames bool
}{
	{name: "claude-code"}, {name: "codex"}, {name: "copilot-cli"}, {name: "gemini-cli"}, {name: "genkit"}, {name: "google-adk-js"},
	{name: "js-voltagent"}, {name: "jvm-spring-ai"}, {name: "jvm-spring-ai-1"},
	// the cache writes that the truth's layer does not report stand in the other, and in its answers
	{name: "langchain-nested", except: func(f *captured.Sums) { f.CacheWrite = 1600 }, otherNames: true},
	{name: "langfuse"}, {name: "langsmith", byRequested: true}, {name: "litellm-proxy"}, {name: "litellm-proxy-v2"}, {name: "mastra"},
	{name: "openai-agents"}, {name: "openinference"}, {name: "openinference-bedrock"}, {name: "openlit"}, {name: "openllmetry"},
	{name: "py-crewai-nested"}, {name: "py-google-adk"}, {name: "py-haystack"}, {name: "py-langchain-nested", otherNames: true},
	{name: "py-langgraph"}, {name: "py-llamaindex"}, {name: "py-logfire"}, {name: "py-logfire-anthropic"}, {name: "py-mlflow"}, {name: "py-mlflow-openai"},
	// of a stream that was cut the parent says one output token, the child that counts none
	{name: "py-openinference", except: func(f *captured.Sums) { f.Output-- }, otherNames: true},
	{name: "py-openlit"}, {name: "py-openllmetry"}, {name: "py-otel-genai"}, {name: "py-pydantic-ai"}, {name: "py-strands"},
	{name: "qwen-code"}, {name: "rust-rig-0.36"}, {name: "strands-openai"}, {name: "tanstack-ai"}, {name: "vercel-ai"}, {name: "vercel-ai-5"}, {name: "vercel-ai-7"},
}

// TestCaptures replays real telemetry, all signals, shuffled, every request twice, through the processor
// and without it: the ledger shows what a perfect accountant can derive from it.
func TestCaptures(t *testing.T) {
	root := filepath.Join("..", "..", "testdata", "captures")
	folders, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, captures, len(folders), "a capture is replayed by name")
	for _, tc := range captures {
		want, err := captured.Read(filepath.Join(root, tc.name))
		require.NoError(t, err)
		for seed := range uint64(4) {
			processed := seed%2 == 1
			t.Run(fmt.Sprintf("%s/%d", tc.name, seed), func(t *testing.T) {
				r := replay(t, filepath.Join(root, tc.name), seed, processed)
				sum, models, requested := sums(t, r)
				all := want.Countable.Sums
				if tc.except != nil {
					tc.except(&all)
				}
				require.Equal(t, all, sum)
				if tc.otherNames {
					return
				}
				if tc.byRequested {
					models = requested
				}
				require.Equal(t, want.Countable.ByModel, models)
			})
		}
	}
}

// replay sends a capture.
func replay(t *testing.T, folder string, seed uint64, processed bool) *ledger.Ledger {
	t.Helper()
	p := startPipeline(t)
	sends := capturedSends(t, folder, 0)
	sends = append(sends, sends...)
	rng := rand.New(rand.NewPCG(seed, 7))
	rng.Shuffle(len(sends), func(i, j int) { sends[i], sends[j] = sends[j], sends[i] })
	for _, send := range sends {
		require.NoError(t, send(p, processed))
	}
	return p.ledger
}

// capturedSends returns a function for each request of a capture that sends it. Captures of different places have no trace,
// and no time in which their records could be one call, in common.
func capturedSends(t *testing.T, folder string, place int) (sends []func(p *pipeline, processed bool) error) {
	t.Helper()
	ctx := context.Background()
	for _, line := range jsonlines.Read(t, filepath.Join(folder, "traces.jsonl")) {
		sends = append(sends, func(p *pipeline, processed bool) error {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			require.NoError(t, err)
			placeTraces(td, place)
			if processed {
				return p.traces.ConsumeTraces(ctx, td)
			}
			return p.running.traces.ConsumeTraces(ctx, td)
		})
	}
	for _, line := range jsonlines.Read(t, filepath.Join(folder, "logs.jsonl")) {
		sends = append(sends, func(p *pipeline, processed bool) error {
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
			require.NoError(t, err)
			placeLogs(ld, place)
			if processed {
				return p.logs.ConsumeLogs(ctx, ld)
			}
			return p.running.logs.ConsumeLogs(ctx, ld)
		})
	}
	return sends
}

// sums returns the figures of a ledger in all, by the model that answered and by the one that was asked for.
func sums(t *testing.T, l *ledger.Ledger) (all captured.Sums, models, requested map[string]captured.Sums) {
	t.Helper()
	answer, err := l.Query(context.Background(), ledger.Query{By: ledger.ByModel})
	require.NoError(t, err)
	var sum ledger.Sums
	models, requested = map[string]captured.Sums{}, map[string]captured.Sums{}
	for _, g := range answer.Groups {
		sum.Merge(&g.Points[0])
		if f := captured.Billed(&g.Points[0].Counts); f.Calls > 0 {
			model := g.Value
			if model == "" { // which any provider's can be
				model = "undefined"
				f.Add(models[model])
			}
			require.True(t, model == "undefined" || models[model] == (captured.Sums{}), "%s: one model under two providers", model)
			models[model] = f
		}
	}
	require.NoError(t, l.Scan(context.Background(), store.Filter{}, func(r *store.Record) error {
		if r.Counted && r.Tokens.Reported() {
			f := requested[r.RequestModel]
			f.Calls++
			f.Input += r.Tokens.Input()
			f.Output += r.Tokens.Output()
			f.CacheRead += r.Tokens.CacheRead
			f.CacheWrite += r.Tokens.CacheWrite
			f.Reasoning += r.Tokens.Reasoning
			requested[r.RequestModel] = f
		}
		return nil
	}))
	return captured.Billed(&sum.Counts), models, requested
}
