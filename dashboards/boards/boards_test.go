package boards

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/dashboards/panels"
	"github.com/tokenboard/tokenboard/dashboards/queries"
)

func TestMain(m *testing.M) {
	plugins.RegisterDefaultPlugins() // the strict decoder needs them for the panels' options
	os.Exit(m.Run())
}

func built(t *testing.T) (all []dashboard.Dashboard) {
	t.Helper()
	for _, b := range All() {
		d, err := b.Build()
		require.NoError(t, err)
		all = append(all, d)
	}
	return all
}

// panelsOf returns the panels of a dashboard without its rows.
func panelsOf(d *dashboard.Dashboard) (all []dashboard.Panel) {
	for _, p := range d.Panels {
		if p.Panel != nil {
			all = append(all, *p.Panel)
			continue
		}
		all = append(all, p.RowPanel.Panels...)
	}
	return all
}

func targets(t *testing.T, p *dashboard.Panel) (all []prometheus.Dataquery) {
	t.Helper()
	for _, q := range p.Targets {
		one, ok := q.(prometheus.Dataquery)
		require.True(t, ok, "%T", q)
		all = append(all, one)
	}
	return all
}

// TestFilesAreCommitted: what is committed is what the source returns, each time.
func TestFilesAreCommitted(t *testing.T) {
	files, err := Files()
	require.NoError(t, err)
	again, err := Files()
	require.NoError(t, err)
	require.Equal(t, files, again)
	require.Len(t, files, 6)
	for name, text := range files {
		committed, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		require.NoError(t, err)
		require.Equal(t, string(committed), string(text), "%s is stale: make dashboards", name)
	}
}

// decode decodes strictly. The SDK returns an empty list of errors as an error.
func decode(text []byte, into *dashboard.Dashboard) cog.BuildErrors {
	err := into.UnmarshalJSONStrict(text)
	var all cog.BuildErrors
	if err != nil && !errors.As(err, &all) {
		return cog.MakeBuildErrors("dashboard", err)
	}
	return all
}

// TestStrict: the SDK's strict decoder and its validation accept every file, and refuse what is wrong.
func TestStrict(t *testing.T) {
	files, err := Files()
	require.NoError(t, err)
	for name, text := range files {
		var d dashboard.Dashboard
		require.Empty(t, decode(text, &d), name)
		require.NoError(t, d.Validate(), name)
		wrong := strings.Replace(string(text), `"gridPos"`, `"gridPosition"`, 1)
		require.NotEmpty(t, decode([]byte(wrong), new(dashboard.Dashboard)))
		wrong = strings.Replace(string(text), `"refId"`, `"reference"`, 1)
		require.NotEmpty(t, decode([]byte(wrong), new(dashboard.Dashboard)))
	}
}

func TestPanels(t *testing.T) {
	for _, d := range built(t) {
		titles, ids, taken := map[string]bool{}, map[uint32]bool{}, map[[2]uint32]string{}
		for _, p := range panelsOf(&d) {
			what := *d.Title + ": " + *p.Title
			require.True(t, strings.HasSuffix(*p.Description, "."), what)
			require.NotEmpty(t, *p.FieldConfig.Defaults.Unit, what)
			require.Equal(t, panels.Source(), *p.Datasource, what)
			require.False(t, titles[*p.Title], "%s: the title is there twice", what)
			require.False(t, ids[*p.Id], "%s: the id is there twice", what)
			titles[*p.Title], ids[*p.Id] = true, true
			references := map[string]bool{}
			all := targets(t, &p)
			require.NotEmpty(t, all, what)
			for _, q := range all {
				require.Equal(t, panels.Source(), *q.Datasource, what)
				require.False(t, references[*q.RefId], what)
				references[*q.RefId] = true
			}
			g := p.GridPos
			require.LessOrEqual(t, g.X+g.W, uint32(24), what)
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					require.Empty(t, taken[[2]uint32{x, y}], "%s lies on another panel", what)
					taken[[2]uint32{x, y}] = what
				}
			}
		}
	}
}

// around returns the names of the functions whose parentheses are open at a place of a query.
func around(expr string, place int) (open []string) {
	name := regexp.MustCompile(`\w*$`)
	for i, c := range expr[:place] {
		switch c {
		case '(':
			open = append(open, name.FindString(expr[:i]))
		case ')':
			open = open[:len(open)-1]
		}
	}
	return open
}

var (
	// counters are known by their names, which is a convention that the metrics keep.
	counters = regexp.MustCompile(`\btokenboard_\w+_total\b`)
	ranges   = regexp.MustCompile(`\[([^\]]*)\](?: @ end\(\))?`)
	matchers = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"([^"]*)"`)
	variable = regexp.MustCompile(`^\$(\w+)$`)
)

func TestQueries(t *testing.T) {
	for _, d := range built(t) {
		names := map[string]bool{}
		for _, v := range d.Templating.List {
			names[v.Name] = true
		}
		for _, p := range panelsOf(&d) {
			for _, q := range targets(t, &p) {
				what := *d.Title + ": " + *p.Title + ": " + q.Expr
				for _, at := range counters.FindAllStringIndex(q.Expr, -1) {
					inside := around(q.Expr, at[0])
					rate := slices.Contains(inside, "rate") || slices.Contains(inside, "increase")
					allTime := strings.HasSuffix(*p.Title, ", all time") && strings.HasPrefix(q.Expr, "sum("+q.Expr[at[0]:at[1]]+"{")
					require.True(t, rate || allTime, what)
				}
				requireRanges(t, p.Type, what, q.Expr)
				for _, m := range matchers.FindAllStringSubmatch(q.Expr, -1) {
					if v := variable.FindStringSubmatch(m[2]); v != nil {
						require.Equal(t, m[1], v[1], what)
						require.True(t, names[v[1]], "%s: there is no variable %s", what, v[1])
					} else {
						require.True(t, m[1] == "kind" || m[2] == "", "%s: %s=%q is a name that not everybody has", what, m[1], m[2])
					}
				}
				require.Contains(t, q.Expr, `instance=~"$instance"`, what)
			}
		}
	}
}

// requireRanges requires that graphs look back by $__rate_interval at each point, and figures and tables
// by $__range.
func requireRanges(t *testing.T, kind, what, expr string) {
	t.Helper()
	for _, m := range ranges.FindAllStringSubmatch(expr, -1) {
		switch {
		case strings.HasSuffix(m[0], "@ end()"), m[1] == queries.HistoryLookback: // the same at each point
		case kind == "timeseries" || kind == "heatmap":
			require.Equal(t, "$__rate_interval", m[1], what)
		default:
			require.Equal(t, "$__range", m[1], what)
		}
	}
}

func TestVariables(t *testing.T) {
	for _, d := range built(t) {
		list := d.Templating.List
		require.Equal(t, dashboard.VariableTypeDatasource, list[0].Type)
		require.Equal(t, "prometheus", *list[0].Query.String)
		var before []string
		for _, v := range list {
			if v.Type != dashboard.VariableTypeQuery {
				continue
			}
			metric := "tokenboard_calls_total"
			if len(before) > 0 {
				metric += "{" + strings.Join(before, ",") + "}"
			}
			require.Equal(t, fmt.Sprintf("label_values(%s, %s)", metric, v.Name), v.Query.Map["query"])
			require.Equal(t, panels.Source(), *v.Datasource)
			require.True(t, *v.IncludeAll && *v.Multi && *v.AllValue == ".*")
			before = append(before, v.Name+`=~"$`+v.Name+`"`)
			require.True(t, slices.ContainsFunc(panelsOf(&d), func(p dashboard.Panel) bool {
				return slices.ContainsFunc(targets(t, &p), func(q prometheus.Dataquery) bool { return strings.Contains(q.Expr, `"$`+v.Name+`"`) })
			}), "%s: $%s is not used", *d.Title, v.Name)
		}
		require.Equal(t, "console", list[len(list)-1].Name)
	}
}

func TestLinks(t *testing.T) {
	elsewhere := regexp.MustCompile(`https?://`)
	for i, d := range built(t) {
		require.Len(t, d.Links, 2)
		others, console := d.Links[0], d.Links[1]
		require.True(t, others.Type == dashboard.DashboardLinkTypeDashboards && others.IncludeVars && others.KeepTime && slices.Contains(others.Tags, "tokenboard"))
		require.Contains(t, *console.Url, "${console}/console/from-grafana?from=${__from:date:iso}&to=${__to:date:iso}")
		for _, v := range All()[i].Variables {
			require.Contains(t, *console.Url, "${"+v+":queryparam}")
		}
		for _, l := range d.Links {
			require.Nil(t, l.Placement, "Grafana hides links that have a placement")
		}
		text, err := json.Marshal(d)
		require.NoError(t, err)
		for _, at := range elsewhere.FindAllIndex(text, -1) {
			require.True(t, strings.HasPrefix(string(text[at[0]:]), "http://localhost:8317"), "a link to elsewhere: %.60s", text[at[0]:])
		}
	}
}

// TestUIDs: links and bookmarks have them.
func TestUIDs(t *testing.T) {
	var uids []string
	for _, d := range built(t) {
		uids = append(uids, *d.Uid)
	}
	require.Equal(t, []string{
		"tokenboard-overview", "tokenboard-models", "tokenboard-keys-and-users", "tokenboard-cost-and-budgets", "tokenboard-latency", "tokenboard-collector-health",
	}, uids)
}
