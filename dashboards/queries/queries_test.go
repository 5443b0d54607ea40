package queries

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// promtool evaluates expressions over series, at a time. Variables are filled as Grafana fills them for
// a range of an hour without filters.
func promtool(t *testing.T, series map[string]string, at string, want map[string][]map[string]any) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("promtool is missing; sh tools/install-test-packages.sh installs it")
	}
	var inputs, tests []map[string]any
	for name, values := range series {
		inputs = append(inputs, map[string]any{"series": name, "values": values})
	}
	for expr, samples := range want {
		filled := strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", `=~"$instance"`, `=~".*"`, `=~"$provider"`, `=~".*"`,
			`=~"$model"`, `=~".*"`, `=~"$service"`, `=~".*"`, `=~"$key"`, `=~".*"`).Replace(expr)
		tests = append(tests, map[string]any{"expr": filled, "eval_time": at, "exp_samples": samples})
	}
	file := filepath.Join(t.TempDir(), "test.yaml")
	text, err := yaml.Marshal(map[string]any{"evaluation_interval": "1m", "tests": []any{
		map[string]any{"interval": "1m", "input_series": inputs, "promql_expr_test": tests},
	}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	out, err := exec.Command("promtool", "test", "rules", file).CombinedOutput()
	require.NoError(t, err, string(out))
}

func none() []map[string]any { return nil }

func sample(labels string, v float64) []map[string]any {
	return []map[string]any{{"labels": labels, "value": v}}
}

// TestChange: a change is against the range before, and there is none before that was watched as a whole.
func TestChange(t *testing.T) {
	change := Change(Counted("calls_total", Of{}))
	calls, records := `tokenboard_calls_total{instance="t",model="m"}`, `tokenboard_store_records{instance="t"}`
	always := map[string]string{calls: "0+1x60 63+3x59 240x200", records: "1x400"}
	promtool(t, always, "30m", map[string][]map[string]any{change: none()})
	promtool(t, always, "1h50m", map[string][]map[string]any{change: none()})
	promtool(t, always, "2h", map[string][]map[string]any{change: sample("{}", 120)})
	promtool(t, always, "3h", map[string][]map[string]any{change: sample("{}", -180)})
	later := map[string]string{calls: "_x65 0+2x100", records: "1x400"}
	promtool(t, later, "2h5m", map[string][]map[string]any{change: sample("{}", 120)}) // watched, and there were no calls
}

func TestCounted(t *testing.T) {
	uneven := map[string]string{`tokenboard_errors_total{instance="t",model="m"}`: "0x7 1 1 2 2 5x30 _x5 7x20"}
	promtool(t, uneven, "61m", map[string][]map[string]any{Counted("errors_total", Of{}): sample("{}", 7)})
}

// TestTop: the largest are those of the whole range, at each of its points.
func TestTop(t *testing.T) {
	of := Of{By: []string{"key"}}
	top := Top(1, Rate("calls_total", of)+" * 60", "calls_total", of)
	series := map[string]string{
		`tokenboard_calls_total{instance="t",key="steady"}`: "0+15x60",
		`tokenboard_calls_total{instance="t",key="burst"}`:  "0x50 0+10x10",
	}
	promtool(t, series, "59m", map[string][]map[string]any{
		strings.ReplaceAll(top, " @ end()", ""): sample(`{key="steady"}`, 15),
	})
}
