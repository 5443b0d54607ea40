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
	p := stat.NewPanelBuilder().
		Title(look.Title).Description(look.Description).Unit(look.Unit).Datasource(Source()).
		Targets(atOnce(queries)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Orientation(common.VizOrientationAuto). // the SDK's default is "", which hides all figures but the first
		GraphMode(common.BigValueGraphModeNone).JustifyMode(common.BigValueJustifyModeAuto).
		TextMode(common.BigValueTextModeValue).ColorMode(common.BigValueColorModeNone)
	if len(queries) > 1 {
		p.TextMode(common.BigValueTextModeValueAndName)
	}
	if thresholds != nil {
		p.Thresholds(thresholds).ColorMode(common.BigValueColorModeValue)
	}
	return look.panel(p, 4)
}

// Graph draws lines.
func Graph(look Look, queries ...Query) Panel { return look.panel(graph(look, queries), 9) }

// Stacked draws areas one on the other, for parts of a whole.
func Stacked(look Look, queries ...Query) Panel {
	return look.panel(graph(look, queries).FillOpacity(40).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A")), 9)
}

func graph(look Look, queries []Query) *timeseries.PanelBuilder {
	return timeseries.NewPanelBuilder().
		Title(look.Title).Description(look.Description).Unit(look.Unit).Datasource(Source()).Min(0).
		Targets(overRange(queries)).
		LineWidth(1).FillOpacity(8).ShowPoints(common.VisibilityModeAuto).SpanNulls(common.BoolOrFloat64{Bool: ptr(false)}).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementRight).ShowLegend(true).Calcs([]string{"mean", "lastNotNull"})).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
}

// Heat draws a heat map of a histogram.
func Heat(look Look, expr string) Panel {
	p := heatmap.NewPanelBuilder().
		Title(look.Title).Description(look.Description).Unit(look.Unit).Datasource(Source()).
		WithTarget(query(Query{Expr: expr, Legend: "{{le}}"}, 0).Range().Format(prometheus.PromQueryFormatHeatmap)).
		Calculate(false).
		Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).Scheme("Oranges").Steps(64)).
		YAxis(heatmap.NewYAxisConfigBuilder().Unit(look.Unit)).
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
	if len(links) > 0 {
		for _, l := range labels {
			p.OverrideByName(l, []dashboard.DynamicConfigValue{{Id: "links", Value: links}})
		}
	}
	return look.panel(p, 10)
}
