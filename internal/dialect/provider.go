package dialect

import (
	"github.com/tokenboard/tokenboard/internal/dialect/providers"
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
)

// providerCache holds providers of one request by the names that its records have for them.
type providerCache [16]mappedProvider

// mappedProvider is a provider under the conventions' name, "" where the name is of none.
type mappedProvider struct {
	name, provider string
	known          bool // see providers.IsKnown
}

// of maps a name that is not empty.
func (p *providerCache) of(name string) *mappedProvider {
	m := &p[(uint(len(name))*5+uint(name[0])+uint(name[len(name)-1])*3)%uint(len(p))]
	if m.name != name {
		mapped := providers.Map(name)
		*m = mappedProvider{name: name, provider: value.Clean(mapped), known: providers.IsKnown(mapped)}
	}
	return m
}

// deployments are attributes that name a model with its provider, whatever the record calls the model.
var deployments = refsTo([]string{"litellm.provider.model"})

// implied returns the provider that the names in a record imply, and the model.
func (r *record) implied(f *Family) (provider, model string) {
	model = r.model(f)
	for i := range deployments {
		if implied := providers.OfModel(r.own.text(&deployments[i])); implied != "" {
			return implied, model
		}
	}
	return providers.Of(model, r.text(f, tables.ResponseID)), model
}

// rules returns the provider whose rules the figures of a record follow.
func (r *record) rules(f *Family, named string) string {
	if providers.IsKnown(named) && !providers.IsHost(named) {
		return named
	}
	implied, model := r.implied(f)
	return providers.Rules(named, implied, model)
}
