package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// openLIT is OpenLIT's SDKs. For Anthropic they give the API's own input figure.
// https://docs.openlit.io/latest/sdk/overview
var openLIT = Family{
	Name:   "openlit",
	Scopes: []string{"openlit", "@openlit/"},
	Marks:  []string{"resource:telemetry.sdk.name=openlit"},
	Adds:   &genAI,
	Cache:  []PartRule{{Provider: "anthropic", Is: figures.Excluded}},
}
