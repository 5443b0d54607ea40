package budgets_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
)

var update = flag.Bool("update", false, "write testdata/form.json again")

// TestForm: testdata/form.json says which budgets the API takes. The tests of the page's form (web/tests/unit/budget-form.test.ts) read
// it: the form offers these and no others.
func TestForm(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	key := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"ci"}`, 201).ID
	team := consoletest.Data[budgets.Team](b, "POST", "/teams", `{"name":"Research"}`, 201).ID
	n := 0
	takes := func(over map[string]any) bool {
		n++
		body := map[string]any{"name": fmt.Sprint("budget ", n), "scope": "all", "period": "day", "tokens": 5}
		for name, value := range over {
			if body[name] = value; value == nil {
				delete(body, name)
			}
		}
		text, err := json.Marshal(body)
		require.NoError(t, err)
		w := b.Do("POST", api.Base+"/budgets", string(text), nil)
		require.Contains(t, []int{http.StatusCreated, http.StatusBadRequest}, w.Code, "%s: %s", text, w.Body)
		return w.Code == http.StatusCreated
	}
	type scope struct {
		Subject bool `json:"subject"` // it is needed; else it must not be there
		Hard    bool `json:"hard"`    // it may be hard
	}
	type period struct {
		Week  bool `json:"week_begins"` // it may be there
		Month bool `json:"month_begins"`
	}
	out := struct {
		Scopes  map[string]scope  `json:"scopes"`
		Periods map[string]period `json:"periods"`
		Tokens  map[string]bool   `json:"tokens"` // limits that it takes, or not
		USD     map[string]bool   `json:"usd"`
	}{map[string]scope{}, map[string]period{}, map[string]bool{}, map[string]bool{}}
	for _, name := range []string{"all", "key", "user", "team", "model", "provider", "account"} {
		subject := any("x")
		switch name {
		case "key":
			subject = key
		case "team":
			subject = team
		}
		with, without := takes(map[string]any{"scope": name, "subject": subject}), takes(map[string]any{"scope": name})
		require.NotEqual(t, with, without, name)
		s := scope{Subject: with}
		if !with {
			subject = nil
		}
		s.Hard = takes(map[string]any{"scope": name, "subject": subject, "hard": true})
		for _, unit := range []string{"tokens", "usd"} {
			for _, p := range []string{"day", "week", "month", "total"} {
				require.True(t, takes(map[string]any{"scope": name, "subject": subject, "tokens": nil, unit: 5, "period": p, "hard": s.Hard}), "%s %s %s", name, unit, p)
			}
		}
		out.Scopes[name] = s
	}
	for _, p := range []string{"day", "week", "month", "total"} {
		out.Periods[p] = period{
			Week: takes(map[string]any{"period": p, "week_begins": "sunday"}), Month: takes(map[string]any{"period": p, "month_begins": 31}),
		}
	}
	for _, limit := range []string{"0", "1", "1.5", "9007199254740991", "9007199254740992", "9007199254740994"} {
		out.Tokens[limit] = takes(map[string]any{"tokens": json.Number(limit)})
	}
	for _, limit := range []string{"0", "0.0000000001", "0.000000001", "0.5", "1000000000", "1000000001"} {
		out.USD[limit] = takes(map[string]any{"tokens": nil, "usd": json.Number(limit)})
	}
	require.False(t, takes(map[string]any{"tokens": nil}))
	require.False(t, takes(map[string]any{"usd": 5}), "both")
	text, err := json.MarshalIndent(out, "", "  ")
	require.NoError(t, err)
	golden := filepath.Join("testdata", "form.json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, append(text, '\n'), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(text), "go test ./internal/console/budgets -run Form -update; then the form and its test")
}
