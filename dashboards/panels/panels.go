// Package panels makes the kinds of panels that the dashboards consist of: figures, graphs, heat maps, bars
// and tables. Each has a description, a unit, and the data source that the dashboard's variable chooses.
package panels

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// Query is a PromQL expression and the legend of its series.
type Query struct{ Expr, Legend string }

// Look is how a panel appears.
type Look struct {
	Title, Description, Unit string
	Width, Height            uint32 // in columns of 24, and in lines; a Height of 0 is the usual one of the kind
	Empty                    string // what is shown where there are no data
}

// Panel is a panel that has no place yet.
type Panel struct {
	Title         string
	Builder       cog.Builder[dashboard.Panel]
	Width, Height uint32
}

// PerSecond are units of what Grafana has none for.
const (
	CallsPerSecond  = "suffix: calls/s"
	TokensPerSecond = "suffix: tokens/s"
)

func (l Look) panel(b cog.Builder[dashboard.Panel], usual uint32) Panel {
	height := l.Height
	if height == 0 {
		height = usual
	}
	return Panel{Title: l.Title, Builder: b, Width: l.Width, Height: height}
}

// DefaultSource is the uid of the data source that examples/grafana provisions: the dashboards open with it where
// it is there, and the alert rules ask it, which can have no variable.
const DefaultSource = "tokenboard-prometheus"

// Source is the data source that the dashboard's variable chooses.
func Source() common.DataSourceRef {
	return common.DataSourceRef{Type: ptr("prometheus"), Uid: ptr("${datasource}")}
}

// Built is a value as a builder, for what the SDK has no builder for or needs changed after its build.
type Built[T any] struct{ Value T }

// Build returns the value.
func (b Built[T]) Build() (T, error) { return b.Value, nil }

func ptr[T any](v T) *T { return &v }

// letter returns the reference of the query with an index: A, B, ...
func letter(i int) string { return string(rune('A' + i)) }

func query(q Query, i int) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().Expr(q.Expr).LegendFormat(q.Legend).RefId(letter(i)).Datasource(Source())
}

func overRange(all []Query) []cog.Builder[variants.Dataquery] {
	out := make([]cog.Builder[variants.Dataquery], len(all))
	for i, q := range all {
		out[i] = query(q, i).Range()
	}
	return out
}

func atOnce(all []Query) []cog.Builder[variants.Dataquery] {
	out := make([]cog.Builder[variants.Dataquery], len(all))
	for i, q := range all {
		out[i] = query(q, i).Instant()
	}
	return out
}

// Warning returns thresholds: yellow from one value on, red from another.
func Warning(yellow, red float64) *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps([]dashboard.Threshold{
		{Color: "green"}, {Value: &yellow, Color: "yellow"}, {Value: &red, Color: "red"},
	})
}
