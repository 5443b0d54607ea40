// How all dashboards look: one row of figures, then graphs with the legend as a table on the right,
// then tables; each panel with a description, a unit and the data source that the variable chooses.
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

export const datasource: common.DataSourceRef = { type: "prometheus", uid: "${datasource}" };

/** A query and what its series are called. */
export type Query = [expr: string, legend: string];

const letter = (i: number): string => String.fromCharCode("A".charCodeAt(0) + i);

const range = ([expr, legend]: Query, i: number): Builder<Dataquery> =>
  new prometheus.DataqueryBuilder().expr(expr).legendFormat(legend).range().refId(letter(i)).datasource(datasource);
const instant = ([expr, legend]: Query, i: number): prometheus.DataqueryBuilder =>
  new prometheus.DataqueryBuilder().expr(expr).legendFormat(legend).instant().refId(letter(i)).datasource(datasource);

export interface Look {
  title: string;
  description: string;
  unit: string;
  /** columns of 24 */
  width: number;
  height?: number;
}

type Panel = Builder<dashboard.Panel> & { id(id: number): unknown; gridPos(p: dashboard.GridPos): unknown };

/** A panel that has no place yet. */
export interface Placed { panel: Panel; width: number; height: number }

const placed = (panel: Panel, look: Look, height: number): Placed => ({ panel, width: look.width, height: look.height ?? height });

/** Colours by share of what is allowed. */
export const warning = (yellow: number, red: number): dashboard.ThresholdsConfig => ({
  mode: dashboard.ThresholdsMode.Absolute,
  steps: [{ value: null, color: "green" }, { value: yellow, color: "yellow" }, { value: red, color: "red" }],
});
const built = <T>(value: T): Builder<T> => ({ build: () => value });

/** Figures. Of several queries each has its name beside it. */
export function figures(look: Look, queries: Query[], thresholds?: dashboard.ThresholdsConfig): Placed {
  const p = new stat.PanelBuilder()
    .title(look.title).description(look.description).unit(look.unit).datasource(datasource)
    .targets(queries.map(instant))
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .graphMode(common.BigValueGraphMode.None).justifyMode(common.BigValueJustifyMode.Auto)
    .textMode(queries.length > 1 ? common.BigValueTextMode.ValueAndName : common.BigValueTextMode.Value)
    .colorMode(thresholds ? common.BigValueColorMode.Value : common.BigValueColorMode.None);
  if (thresholds) p.thresholds(built(thresholds));
  return placed(p, look, 4);
}

/** Lines, or areas one on the other. */
export function graph(look: Look, queries: Query[], stacked = false): Placed {
  const p = new timeseries.PanelBuilder()
    .title(look.title).description(look.description).unit(look.unit).datasource(datasource).min(0)
    .targets(queries.map(range))
    .lineWidth(1).fillOpacity(stacked ? 40 : 8).showPoints(common.VisibilityMode.Auto).spanNulls(false)
    .legend(new common.VizLegendOptionsBuilder()
      .displayMode(common.LegendDisplayMode.Table).placement(common.LegendPlacement.Right).showLegend(true).calcs(["mean", "lastNotNull"]))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending));
  if (stacked) p.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group("A"));
  return placed(p, look, 9);
}

/** A heat map of a histogram. */
export function heat(look: Look, expr: string): Placed {
  const p = new heatmap.PanelBuilder()
    .title(look.title).description(look.description).unit(look.unit).datasource(datasource)
    .withTarget(new prometheus.DataqueryBuilder().expr(expr).legendFormat("{{le}}").range().format(prometheus.PromQueryFormat.Heatmap).refId("A").datasource(datasource))
    .calculate(false)
    .color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme("Oranges").steps(64))
    .yAxis(new heatmap.YAxisConfigBuilder().unit(look.unit))
    .cellGap(1);
  return placed(p, look, 9);
}

/** Bars, one for each series, from nothing to 1. */
export function shares(look: Look, queries: Query[]): Placed {
  const p = new bargauge.PanelBuilder()
    .title(look.title).description(look.description).unit(look.unit).datasource(datasource).min(0).max(1)
    .targets(queries.map(instant))
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .orientation(common.VizOrientation.Horizontal).displayMode(common.BarGaugeDisplayMode.Basic)
    .thresholds(built(warning(0.8, 1)));
  return placed(p, look, 9);
}

export interface Column { name: string; expr: string; unit: string }

/** A table with one row for each combination of labels, and a column for each query. */
export function rows(look: Look, labels: string[], columns: Column[], links: dashboard.DashboardLink[] = []): Placed {
  const renamed = Object.fromEntries(columns.map((c, i) => [`Value #${letter(i)}`, c.name]));
  const order = Object.fromEntries([...labels, ...columns.map((_, i) => `Value #${letter(i)}`)].map((n, i) => [n, i]));
  const p = new table.PanelBuilder()
    .title(look.title).description(look.description).unit(look.unit).datasource(datasource)
    .targets(columns.map((c, i) => instant([c.expr, ""], i).format(prometheus.PromQueryFormat.Table)))
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({ id: "organize", options: { excludeByName: { Time: true, __name__: true, job: true }, indexByName: order, renameByName: renamed } })
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(columns[0]!.name).desc(true)]);
  for (const c of columns) p.overrideByName(c.name, [{ id: "unit", value: c.unit }]);
  if (links.length > 0) for (const l of labels) p.overrideByName(l, [{ id: "links", value: links }]);
  return placed(p, look, 10);
}

/** Panels under a heading. */
export interface Section { title: string; collapsed?: boolean; panels: Placed[] }

export type Variable = "provider" | "model" | "service" | "key";

/** The dashboard's variables, each chosen among what those before it leave. */
function variables(names: Variable[]): Builder<dashboard.VariableModel>[] {
  const out: Builder<dashboard.VariableModel>[] = [
    new dashboard.DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"),
  ];
  const before: string[] = [];
  for (const name of ["instance", ...names]) {
    const metric = `tokenboard_calls_total${before.length > 0 ? `{${before.map((b) => `${b}=~"$${b}"`).join(",")}}` : ""}`;
    out.push(
      new dashboard.QueryVariableBuilder(name)
        .label(name[0]!.toUpperCase() + name.slice(1)).datasource(datasource)
        .query({ qryType: 1, query: `label_values(${metric}, ${name})`, refId: `variable-${name}` })
        .refresh(dashboard.VariableRefresh.OnTimeRangeChanged).sort(dashboard.VariableSort.AlphabeticalAsc)
        .multi(true).includeAll(true).allValue(".*").current({ selected: true, text: ["All"], value: ["$__all"] }),
    );
    before.push(name);
  }
  out.push(new dashboard.TextBoxVariableBuilder("console").label("Console").defaultValue("http://localhost:8317")
    .description("Where the console of Tokenboard is; links lead there."));
  return out;
}

const link = (title: string, url: string): dashboard.DashboardLink => ({
  title, url, type: dashboard.DashboardLinkType.Link, icon: "external link", tooltip: "", tags: [], asDropdown: false, targetBlank: true, includeVars: false, keepTime: false,
});

const times = "from=${__from:date:iso}&to=${__to:date:iso}";

/** A link to the console's log with the labels of a row. */
export const toLog = (labels: string[]): dashboard.DashboardLink =>
  link("The calls in the console's log", "${console}/console/from-grafana?" + times + labels.map((l) => `&var-${l}=\${__data.fields.${l}:percentencode}`).join(""));

export interface Board {
  name: string;
  title: string;
  description: string;
  variables: Variable[];
  sections: Section[];
}

const columnsInAll = 24;

/** Makes the dashboard. Panels get their ids and places here: the SDK gives no ids, does not wrap a
 * line that is full, and takes the place 0,0 for none. */
export function make(board: Board): dashboard.Dashboard {
  const b = new dashboard.DashboardBuilder(board.title)
    .uid(`tokenboard-${board.name}`).description(board.description).tags(["tokenboard"])
    .time({ from: "now-24h", to: "now" }).refresh("1m").timezone("browser").editable().tooltip(dashboard.DashboardCursorSync.Crosshair)
    .variables(variables(board.variables))
    .link(built({ ...link("Tokenboard", ""), type: dashboard.DashboardLinkType.Dashboards, tags: ["tokenboard"], asDropdown: true, targetBlank: false, includeVars: true, keepTime: true }))
    .link(built(link("Console", "${console}/console/from-grafana?" + times + board.variables.map((v) => `&\${${v}:queryparam}`).join(""))));
  let id = 0;
  let y = 0;
  for (const section of board.sections) {
    const row = new dashboard.RowBuilder(section.title).id(++id).collapsed(section.collapsed ?? false).gridPos({ x: 0, y, w: columnsInAll, h: 1 });
    y++;
    let x = 0;
    let height = 0;
    const panels = section.panels.map(({ panel, width, height: h }) => {
      if (x + width > columnsInAll) {
        x = 0;
        y += height;
        height = 0;
      }
      panel.id(++id);
      panel.gridPos({ x, y, w: width, h });
      x += width;
      height = Math.max(height, h);
      return panel;
    });
    y += height;
    if (section.collapsed) {
      for (const p of panels) row.withPanel(p);
      b.withRow(row);
    } else {
      b.withRow(row);
      for (const p of panels) b.withPanel(p);
    }
  }
  return b.build();
}
