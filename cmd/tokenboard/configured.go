package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"

	"github.com/tokenboard/tokenboard/examples/quickstart"
	"github.com/tokenboard/tokenboard/extension/tokenconsoleextension"
	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
)

// resolverSettings say how configuration is read: files, environment variables and YAML.
func resolverSettings(uris ...string) confmap.ResolverSettings {
	return confmap.ResolverSettings{
		URIs: uris,
		ProviderFactories: []confmap.ProviderFactory{
			envprovider.NewFactory(), fileprovider.NewFactory(), yamlprovider.NewFactory(),
		},
	}
}

// configured holds the parts of a collector's configuration that commands need.
type configured struct {
	store   *tokenstoreextension.Config
	console string // address of the console; "" where none is configured
}

// readConfig reads the configuration of a collector; the quickstart's where no file is named.
func readConfig(ctx context.Context, files []string) (*configured, error) {
	if len(files) == 0 {
		files = []string{"yaml:" + quickstart.Config}
	}
	resolver, err := confmap.NewResolver(resolverSettings(files...))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	conf, err := resolver.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if err := resolver.Shutdown(ctx); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	extensions, err := conf.Sub("extensions")
	if err != nil {
		return nil, fmt.Errorf("read the configuration: extensions: %w", err)
	}
	out := &configured{}
	store := tokenstoreextension.NewFactory()
	found, err := only(extensions, store, store.CreateDefaultConfig())
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, fmt.Errorf("the configuration has no extension %s", store.Type())
	}
	out.store = found.(*tokenstoreextension.Config)
	console := tokenconsoleextension.NewFactory()
	if found, err = only(extensions, console, console.CreateDefaultConfig()); err != nil {
		return nil, err
	}
	if c, ok := found.(*tokenconsoleextension.Config); ok {
		scheme := "http://"
		if c.HTTP.TLS.HasValue() {
			scheme = "https://"
		}
		out.console = scheme + c.HTTP.NetAddr.Endpoint
	}
	return out, nil
}

// only reads the one extension of a type into its configuration; nil where there is none.
func only(extensions *confmap.Conf, factory component.Factory, into component.Config) (component.Config, error) {
	var names []string
	for name := range extensions.ToStringMap() {
		if kind, _, _ := strings.Cut(name, "/"); kind == factory.Type().String() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fmt.Errorf("the configuration has several extensions %s; name a file that has one", strings.Join(names, ", "))
	}
	sub, err := extensions.Sub(names[0])
	if err != nil {
		return nil, fmt.Errorf("read the configuration of %s: %w", names[0], err)
	}
	if err := sub.Unmarshal(into); err != nil {
		return nil, fmt.Errorf("read the configuration of %s: %w", names[0], err)
	}
	if err := confmap.Validate(into); err != nil {
		return nil, fmt.Errorf("%s: %w", names[0], err)
	}
	return into, nil
}
