// Package dashboards holds the Grafana dashboards and alert rules as files. They are generated (make dashboards)
// from the packages below it and committed: queries has the PromQL that panels share, panels the kinds of panels,
// boards the six dashboards, rules the alerts.
package dashboards

//go:generate go run ./generate .

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed json/*.json
var files embed.FS

//go:embed alerts/prometheus.yaml
var alertRules []byte

// AlertRules returns the alert rules as Prometheus reads them. They are not to be changed.
func AlertRules() []byte { return alertRules }

// order is the order of the dashboards in the navigation.
var order = []string{"overview", "models", "keys-and-users", "cost-and-budgets", "latency", "collector-health"}

// Dashboard is a dashboard for Grafana.
type Dashboard struct {
	Name        string
	UID         string // it does not change: links and bookmarks have it
	Title       string
	Description string
	JSON        []byte // as Grafana imports and provisions it; not to be changed
}

// All returns all dashboards, the overview first.
func All() []Dashboard {
	all := make([]Dashboard, len(order))
	for i, name := range order {
		d, err := read(name)
		if err != nil {
			panic(err) // they are part of the binary, and a test reads them
		}
		all[i] = d
	}
	return all
}

// Named returns one dashboard.
func Named(name string) (Dashboard, bool) {
	for _, d := range All() {
		if d.Name == name {
			return d, true
		}
	}
	return Dashboard{}, false
}

func read(name string) (Dashboard, error) {
	body, err := files.ReadFile("json/" + name + ".json")
	if err != nil {
		return Dashboard{}, fmt.Errorf("read the dashboard %s: %w", name, err)
	}
	var head struct {
		UID         string `json:"uid"`
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return Dashboard{}, fmt.Errorf("read the dashboard %s: %w", name, err)
	}
	return Dashboard{Name: name, UID: head.UID, Title: head.Title, Description: head.Description, JSON: body}, nil
}
