// Package server answers what the process is: its settings, health, and the Grafana dashboards it has.
package server

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/tokenboard/tokenboard/dashboards"
	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
)

// Dashboard is a Grafana dashboard that this server has.
type Dashboard struct {
	Name        string  `json:"name"`
	UID         string  `json:"uid" doc:"in Grafana; it does not change"`
	Title       string  `json:"title"`
	Description string  `json:"description"`
	JSON        string  `json:"json" doc:"path of the dashboard, as Grafana imports it"`
	GrafanaURL  *string `json:"grafana_url" doc:"its address in the Grafana of links::grafana_url; null where none is set. It takes var-model=... and the like, and from and to in milliseconds"`
}

func (c *Handlers) dashboardRoutes(r *api.Router) {
	api.Register(r, access.ReadMetrics, api.Operation(http.MethodGet, "/dashboards", "dashboards", "The Grafana dashboards that come with this server"), c.listDashboards)
}

// dashboardFiles serves the dashboards, and takes people who come from one to the log.
func dashboardFiles(r *api.Router) {
	r.Handle(http.MethodGet, api.Base+"/dashboards/{file}", access.ReadMetrics, http.HandlerFunc(dashboardFile))
	r.Handle(http.MethodGet, fromGrafana, access.Anyone, http.HandlerFunc(logAsInGrafana))
}

func (c *Handlers) listDashboards(context.Context, *struct{}) (*api.Envelope[[]Dashboard], error) {
	var out []Dashboard
	for _, d := range dashboards.All() {
		one := Dashboard{Name: d.Name, UID: d.UID, Title: d.Title, Description: d.Description, JSON: api.Base + "/dashboards/" + d.Name + ".json"}
		if c.GrafanaURL != "" {
			one.GrafanaURL = new(strings.TrimSuffix(c.GrafanaURL, "/") + "/d/" + d.UID)
		}
		out = append(out, one)
	}
	return api.Answer(out), nil
}

// dashboardFile answers with a dashboard as it is, without the envelope: Grafana imports the file.
func dashboardFile(w http.ResponseWriter, r *http.Request) {
	name, isJSON := strings.CutSuffix(r.PathValue("file"), ".json")
	d, found := dashboards.Named(name)
	if !found || !isJSON {
		api.WriteProblem(w, http.StatusNotFound, "there is no such dashboard; "+api.Base+"/dashboards lists them")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(d.JSON)
}

// fromGrafana is where links of the dashboards lead. Grafana says its variables as var-model=a&var-model=b.
const fromGrafana = api.PageRoot + "from-grafana"

// logAsInGrafana goes on to the log with the filters and the time of a dashboard.
func logAsInGrafana(w http.ResponseWriter, r *http.Request) {
	in, out := r.URL.Query(), url.Values{}
	for _, name := range []string{"from", "to"} {
		if v := in.Get(name); v != "" {
			out.Set(name, v)
		}
	}
	for _, name := range []string{"provider", "model", "service", "key", "user", "status"} {
		for _, v := range in["var-"+name] {
			if v != "" && v != "$__all" && v != "All" && v != ".*" {
				out.Add(name, v)
			}
		}
	}
	http.Redirect(w, r, api.PageRoot+"logs?"+out.Encode(), http.StatusFound)
}
