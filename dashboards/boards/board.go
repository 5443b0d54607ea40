// Package boards describes the six dashboards and builds them.
package boards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/tokenboard/tokenboard/dashboards/panels"
	"github.com/tokenboard/tokenboard/dashboards/queries"
)

// Board is a dashboard: sections of panels.
type Board struct {
	Name, Title, Description string
	Variables                []string // of provider, model, service, key
	Sections                 []Section
}

// allVariables are the labels of counters that a dashboard filters by.
var allVariables = []string{"provider", "model", "service", "key"}

// Section is a row of the dashboard with panels below it.
type Section struct {
	Title     string
	Collapsed bool
	Panels    []panels.Panel
}

// Find returns the uid of a board and the id of one of its panels.
func Find(board, panel string) (uid string, id uint32, err error) {
	for _, b := range All() {
		if b.Name != board {
			continue
		}
		l := &layout{}
		for _, s := range b.Sections {
			l.id() // of the row
			for _, p := range s.Panels {
				if id := l.id(); p.Title == panel {
					return b.uid(), id, nil
				}
			}
		}
	}
	return "", 0, fmt.Errorf("no panel %q on the dashboard %q", panel, board)
}

func (b Board) uid() string { return "tokenboard-" + b.Name }

// All returns the boards in the order of the navigation.
func All() []Board { return []Board{overview(), models(), keys(), cost(), latency(), health()} }

// variables returns the dashboard's variables, each offering what those before it leave.
func variables(names []string) []cog.Builder[dashboard.VariableModel] {
	out := []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus").
			// Grafana opens the first data source by the alphabet where this one is not there.
			Current(dashboard.VariableOption{Selected: ptr(false), Text: one("Prometheus of Tokenboard"), Value: one(panels.DefaultSource)}),
	}
	var before []string
	for _, name := range append([]string{"instance"}, names...) {
		metric := "tokenboard_calls_total"
		if len(before) > 0 {
			metric += "{" + strings.Join(before, ",") + "}"
		}
		out = append(out, dashboard.NewQueryVariableBuilder(name).
			Label(strings.ToUpper(name[:1])+name[1:]).Datasource(panels.Source()).
			Query(dashboard.StringOrMap{Map: map[string]any{"qryType": 1, "query": "label_values(" + metric + ", " + name + ")", "refId": "variable-" + name}}).
			Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc).
			Multi(true).IncludeAll(true).AllValue(".*").
			Current(dashboard.VariableOption{Selected: ptr(true), Text: several("All"), Value: several("$__all")}))
		before = append(before, name+`=~"$`+name+`"`)
	}
	return append(out, dashboard.NewTextBoxVariableBuilder("console").Label("Console").
		DefaultValue(dashboard.StringOrMap{String: ptr("http://localhost:8317")}).
		Description("Address of Tokenboard's console, to which links lead."))
}

func one(text string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{String: &text}
}

func several(one string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{ArrayOfString: []string{one}}
}

func ptr[T any](v T) *T { return &v }

// links returns the links at the dashboard's top: the other dashboards, and the console.
func links(b Board) []cog.Builder[dashboard.DashboardLink] {
	others := panels.Link("Tokenboard", "")
	others.Type, others.Tags = dashboard.DashboardLinkTypeDashboards, []string{"tokenboard"}
	others.AsDropdown, others.TargetBlank, others.IncludeVars, others.KeepTime = true, false, true, true
	url := "${console}/console/from-grafana?" + panels.Times
	for _, v := range b.Variables {
		url += "&${" + v + ":queryparam}"
	}
	return []cog.Builder[dashboard.DashboardLink]{
		panels.Built[dashboard.DashboardLink]{Value: others},
		panels.Built[dashboard.DashboardLink]{Value: panels.Link("Console", url)},
	}
}

// annotations mark when a Tokenboard was started and when its price book changed.
func annotations() []cog.Builder[dashboard.AnnotationQuery] {
	mark := func(name, colour, expr, title, text string, value bool) cog.Builder[dashboard.AnnotationQuery] {
		source := panels.Source()
		return panels.Built[dashboard.AnnotationQuery]{Value: dashboard.AnnotationQuery{
			Name: name, Enable: true, IconColor: colour, Datasource: &source, Expr: &expr, TitleFormat: &title, TextFormat: &text, UseValueForTime: &value,
		}}
	}
	of := "{" + queries.ByInstance + "}"
	return []cog.Builder[dashboard.AnnotationQuery]{
		mark("Restarts", "blue", "tokenboard_start_time_seconds"+of+" * 1000", "Restart", "{{instance}} was started", true),
		mark("Prices", "orange", "(tokenboard_price_book_info"+of+" unless tokenboard_price_book_info"+of+" offset 5m)"+
			" and on (instance) tokenboard_store_records"+of+" offset 5m", "Other prices", "{{instance}} prices calls by {{version}}", false),
	}
}

const columns = 24

// Build returns the dashboard. Panels get their ids and places here: the SDK gives none, and has no type
// for panels that are not built yet.
func (b Board) Build() (dashboard.Dashboard, error) {
	d := dashboard.NewDashboardBuilder(b.Title).
		Uid(b.uid()).Description(b.Description).Tags([]string{"tokenboard"}).
		Time("now-24h", "now").Refresh("1m").Timezone("browser").Editable().Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Variables(variables(b.Variables)).Links(links(b)).Annotations(annotations())
	l := &layout{}
	for _, s := range b.Sections {
		row := dashboard.NewRowBuilder(s.Title).Id(l.id()).Collapsed(s.Collapsed).GridPos(dashboard.GridPos{Y: l.y, W: columns, H: 1})
		l.y++
		placed, err := l.section(s)
		if err != nil {
			return dashboard.Dashboard{}, fmt.Errorf("%s, %s: %w", b.Name, s.Title, err)
		}
		if s.Collapsed {
			for _, p := range placed {
				row.WithPanel(p)
			}
			d.WithRow(row)
			continue
		}
		d.WithRow(row)
		for _, p := range placed {
			d.WithPanel(p)
		}
	}
	made, err := d.Build()
	if err != nil {
		return made, fmt.Errorf("%s: %w", b.Name, err)
	}
	for i := range made.Links { // Grafana hides a link whose placement is set
		made.Links[i].Placement = nil
	}
	return made, nil
}

// layout places panels from left to right, and on the next line where a line is full.
type layout struct{ last, y uint32 }

func (l *layout) id() uint32 {
	l.last++
	return l.last
}

func (l *layout) section(s Section) (placed []cog.Builder[dashboard.Panel], err error) {
	var x, height uint32
	for _, one := range s.Panels {
		p, err := one.Builder.Build()
		if err != nil {
			return nil, fmt.Errorf("build a panel: %w", err)
		}
		if x+one.Width > columns {
			x, l.y, height = 0, l.y+height, 0
		}
		p.Id, p.GridPos = ptr(l.id()), &dashboard.GridPos{X: x, Y: l.y, W: one.Width, H: one.Height}
		x, height = x+one.Width, max(height, one.Height)
		placed = append(placed, panels.Built[dashboard.Panel]{Value: p})
	}
	l.y += height
	return placed, nil
}
