package panels

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Figures shows the last value of each query, with its name where there are several.
func Figures(look Look, queries []Query, thresholds *dashboard.ThresholdsConfigBuilder) Panel {
	p := figures(look, queries)
	if len(queries) > 1 {
		p.TextMode(common.BigValueTextModeValueAndName)
	}
	if thresholds != nil {
		p.Thresholds(thresholds).ColorMode(common.BigValueColorModeValue)
	}
	return look.panel(p, 4)
}

// Named shows the last value of each series of a query with its name.
func Named(look Look, q Query) Panel {
	return look.panel(figures(look, []Query{q}).TextMode(common.BigValueTextModeValueAndName), 4)
}

func figures(look Look, queries []Query) *stat.PanelBuilder {
	p := stat.NewPanelBuilder().
		Title(look.Title).Description(look.Description).Unit(look.Unit).Datasource(Source()).
		Targets(atOnce(queries)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Orientation(common.VizOrientationAuto). // the SDK's default is "", which hides all figures but the first
		GraphMode(common.BigValueGraphModeNone).JustifyMode(common.BigValueJustifyModeAuto).
		TextMode(common.BigValueTextModeValue).ColorMode(common.BigValueColorModeNone)
	if look.Empty != "" {
		p.NoValue(look.Empty)
	}
	return p
}

// Graph draws lines.
func Graph(look Look, queries ...Query) Panel { return look.panel(graph(look, queries), 9) }

// Stacked draws areas one on the other, for parts of a whole.
func Stacked(look Look, queries ...Query) Panel {
	return look.panel(graph(look, queries).FillOpacity(40).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A")), 9)
}

func graph(look Look, queries []Query) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().
		Title(look.Title).Description(look.Description).Unit(look.Unit).Datasource(Source()).Min(0).
		Targets(overRange(queries)).
		LineWidth(1).FillOpacity(8).ShowPoints(common.VisibilityModeAuto).SpanNulls(common.BoolOrFloat64{Bool: ptr(false)}).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassicByName)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	legend := common.NewVizLegendOptionsBuilder().ShowLegend(true)
	if look.Width < 24 { // a table beside the graph would take half of it
		legend.DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).Calcs([]string{})
	} else {
		legend.DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementRight).Calcs([]string{"mean", "lastNotNull"})
	}
	if look.Empty != "" {
		p.NoValue(look.Empty)
	}
	return fixed(p.Legend(legend))
}

// fixed sets the colours of statuses and kinds of tokens, which are the same on all dashboards. All others have
// one by their name, so that a filter does not change it.
func fixed(p *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	for _, c := range []struct{ names, colour string }{
		{"ok|2xx", "green"}, {"3xx", "super-light-green"}, {"4xx", "orange"}, {"5xx", "red"}, {"error", "dark-red"},
		{"input_uncached", "blue"}, {"cache_read", "light-blue"}, {"cache_write", "super-light-blue"},
		{"output_text", "purple"}, {"reasoning", "light-purple"},
	} {
		p.OverrideByRegexp("/^("+c.names+")$/", []dashboard.DynamicConfigValue{
			{Id: "color", Value: map[string]any{"mode": "fixed", "fixedColor": c.colour}},
		})
	}
	return p
}

// Heat draws a heat map of a histogram of calls: its axis has the unit of the look, its cells are calls in a second.
func Heat(look Look, expr string) Panel {
	p := heatmap.NewPanelBuilder().
		Title(look.Title).Description(look.Description).Unit(CallsPerSecond).Datasource(Source()). // the legend has the unit of the field
		WithTarget(query(Query{Expr: expr, Legend: "{{le}}"}, 0).Range().Format(prometheus.PromQueryFormatHeatmap)).
		Calculate(false).
		Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).Scheme("Oranges").Steps(64)).
		YAxis(heatmap.NewYAxisConfigBuilder().Unit(look.Unit)).CellValues(heatmap.NewCellValuesBuilder().Unit(CallsPerSecond)).
		Tooltip(heatmap.NewHeatmapTooltipBuilder().Mode(common.TooltipDisplayModeSingle)).
		CellGap(1)
	return look.panel(p, 9)
}

// Shares shows a bar from 0 to 1 for each series.
func Shares(look Look, queries ...Query) Panel {
	p := bargauge.NewPanelBuilder().
		Title(look.Title).Description(look.Description).Unit(look.Unit).Datasource(Source()).Min(0).Max(1).
		Targets(atOnce(queries)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Orientation(common.VizOrientationHorizontal).DisplayMode(common.BarGaugeDisplayModeBasic).
		Thresholds(Warning(0.8, 1))
	if look.Empty != "" {
		p.NoValue(look.Empty)
	}
	return look.panel(p, 9)
}

// Column is a column of a table.
type Column struct{ Name, Expr, Unit string }

// Rows shows a table with a row for each combination of labels and a column for each query.
func Rows(look Look, labels []string, columns []Column, links ...dashboard.DashboardLink) Panel {
	renamed, order := map[string]any{}, map[string]any{}
	for i, l := range labels {
		order[l] = i
	}
	p := table.NewPanelBuilder().
		Title(look.Title).Description(look.Description).Unit(look.Unit).Datasource(Source()).
		Footer(common.NewTableFooterOptionsBuilder().Reducer([]string{}).CountRows(false)). // the SDK's default is null, which its own decoder refuses
		SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName(columns[0].Name).Desc(true)})
	for i, c := range columns {
		p.WithTarget(query(Query{Expr: c.Expr}, i).Instant().Format(prometheus.PromQueryFormatTable))
		value := "Value #" + letter(i)
		renamed[value], order[value] = c.Name, len(labels)+i
		p.OverrideByName(c.Name, []dashboard.DynamicConfigValue{{Id: "unit", Value: c.Unit}})
	}
	p.WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]any{"Time": true, "__name__": true, "job": true}, "indexByName": order, "renameByName": renamed,
		}})
	if look.Empty != "" {
		p.NoValue(look.Empty)
	}
	if len(links) > 0 {
		for _, l := range labels {
			p.OverrideByName(l, []dashboard.DynamicConfigValue{{Id: "links", Value: links}})
		}
	}
	return look.panel(p, 10)
}
