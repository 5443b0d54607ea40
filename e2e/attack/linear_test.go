package attack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heavy is telemetry that is as much work as possible for its bytes, of each kind of thing that there may be
// many of in a request.
var heavy = []hostile{
	{"spans", spansJSON, `{},`, "{}]}]}]}", false},
	{"calls", spansJSON, newCall, "{}]}]}]}", true},
	{"attributes of a call", aCallJSON, `{"key":"k%d","value":{"stringValue":"v"}},`, `{}]}]}]}]}`, true},
	{"attributes with the names of secrets", aCallJSON, `{"key":"api_key_%[1]d","value":{"stringValue":"secret-%[1]08d-of-many"}},`, `{}]}]}]}]}`, true},
	{"texts beside secrets", aCallJSON, `{"key":"api_key_%[1]d","value":{"stringValue":"secret-%[1]08d-of-many"}},{"key":"note%[1]d","value":{"stringValue":"is it secret-%[1]08d-of-man?"}},`, `{}]}]}]}]}`, true},
	{"maps", aCallJSON + `{"key":"m","value":{"kvlistValue":{"values":[`, `{"key":"k%d","value":{"kvlistValue":{"values":[{"key":"authorization","value":{"kvlistValue":{"values":[{"key":"x","value":{"stringValue":"y"}}]}}}]}}},`, `{}]}}}]}]}]}]}`, true},
	{"links", spansJSON + `{"attributes":[` + operationJSON + `{}],"links":[`, `{"attributes":[{"key":"token","value":{"stringValue":"secret-%d"}}]},`, "{}]}]}]}]}", true},
	{"events", spansJSON + `{"attributes":[` + operationJSON + `{}],"events":[`, `{"name":"gen_ai.choice","attributes":[{"key":"token","value":{"stringValue":"secret-%d"}}]},`, "{}]}]}]}]}", true},
	{"a text of keys", aCallJSON + `{"key":"error.message","value":{"stringValue":"`, `sk-%032d `, `"}}]}]}]}]}`, true},
	{"a text of what is nearly keys", aCallJSON + `{"key":"error.message","value":{"stringValue":"`, `{\"token\":\"sk-eyJ-bearer `, `"}}]}]}]}]}`, false},
	{"a text of one letter", aCallJSON + `{"key":"error.message","value":{"stringValue":"`, `a`, `"}}]}]}]}]}`, false},
	{"a text of JSON", aCallJSON + `{"key":"error.message","value":{"stringValue":"[`, `{\"api_key\":\"x%d\"},`, `{}]"}}]}]}]}]}`, true},
	{"a text of brackets", aCallJSON + `{"key":"gen_ai.input.messages","value":{"stringValue":"`, `[`, `"}}]}]}]}]}`, false},
}

const (
	operationJSON = `{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},`
	aCallJSON     = attrsJSON + operationJSON
	// In newCall, FRESH is another number and NOW the time whenever it is sent: what is stored is less work.
	newCall = `{"traceId":"FRESH%026[1]x","spanId":"%016[1]x","startTimeUnixNano":"NOW","endTimeUnixNano":"NOW","attributes":[` + operationJSON + `{"key":"user.id","value":{"stringValue":"u%[1]d"}}]},`
)

// telemetryTime measures the processor time of requests of one, two and four MiB, from the receiver to the
// ledger. The process lets every request pass, and has memory enough: what it does then is linear in bytes.
func telemetryTime(t *testing.T, _ *target) string {
	b := runWith(t, "open", func(config string) string {
		for _, limit := range [][2]string{
			{"  otlpguard:\n", "  otlpguard: {max_request_memory_mib: 4000, max_memory_mib: 8000}\n"}, {"limit_mib: 512\n", "limit_mib: 8000\n"},
		} {
			require.Contains(t, config, limit[0])
			config = strings.Replace(config, limit[0], limit[1], 1)
		}
		return config
	}, "GOMEMLIMIT=off")
	defer b.stop()
	var worst string
	most, fresh := 0.0, 0
	for _, h := range heavy {
		var spent [3]time.Duration
		for i, size := range [3]int{1 << 20, 2 << 20, 4 << 20} {
			text := h.body(size - 1<<10)
			for again := range 3 { // the garbage collector has its own times
				fresh++
				body := []byte(strings.NewReplacer("FRESH", fmt.Sprintf("%06x", fresh), "NOW", fmt.Sprint(time.Now().UnixNano())).Replace(text))
				took := b.spent(func() {
					status, answer, err := b.post(t.Context(), "traces", body, nil)
					require.NoError(t, err)
					require.Equal(t, 200, status, "%s: %.200s", h.name, answer)
				})
				if spent[i] == 0 && again == 0 || took < spent[i] {
					spent[i] = took
				}
			}
		}
		line := fmt.Sprintf("%s %v", h.name, spent)
		t.Log(line)
		// Four times the bytes; a square would be sixteen times. What takes few ticks of 10 ms says nothing.
		const floor, times = 60 * time.Millisecond, 8
		require.Less(t, spent[2], times*max(spent[0], floor), line)
		if perMiB := spent[2].Seconds() / 4; perMiB > most {
			most, worst = perMiB, h.name
		}
	}
	return fmt.Sprintf("at most %.0f ms a MiB (%s)", most*1000, worst)
}
