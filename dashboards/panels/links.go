package panels

import (
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Link returns a link to an address that opens in a tab of its own.
func Link(title, url string) dashboard.DashboardLink {
	return dashboard.DashboardLink{Title: title, Url: &url, Type: dashboard.DashboardLinkTypeLink, Icon: "external link", Tags: []string{}, TargetBlank: true}
}

// Times are the parameters of a link to the console for the dashboard's time range.
const Times = "from=${__from:date:iso}&to=${__to:date:iso}"

// ToLog returns a link to the calls of a table's row in the console's log, with the filters of the
// dashboard's other variables.
func ToLog(labels, variables []string) dashboard.DashboardLink {
	var b strings.Builder
	b.WriteString("${console}/console/from-grafana?" + Times)
	for _, l := range labels {
		b.WriteString("&var-" + l + "=${__data.fields." + l + ":percentencode}")
	}
	for _, v := range variables {
		if !slices.Contains(labels, v) {
			b.WriteString("&${" + v + ":queryparam}")
		}
	}
	return Link("The calls in the console's log", b.String())
}
