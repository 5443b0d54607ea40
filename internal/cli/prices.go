package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

func pricesCommand(c *connection) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "Prices that were set, prices of the models in use, and models without one", Args: noArgs}
	c.addJSON(list)
	list.RunE = c.listing(func(cmd *cobra.Command, api *client.Client) error {
		prices, err := api.Prices(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, prices)
		}
		return printPrices(cmd, &prices)
	})
	root := &cobra.Command{Use: "prices", Short: "Prices of models: list, set, preview, import and export", Args: noArgs, RunE: list.RunE}
	root.AddCommand(list, c.setPrice(), c.previewPrice(), c.importPrices(), c.exportPrices())
	return root
}

func printPrices(cmd *cobra.Command, p *client.Prices) error {
	w := cmd.OutOrStdout()
	_, _ = fmt.Fprintf(w, "prices: %s\n\n", printable(p.Version))
	price := func(n json.Number) string { return or(n.String()) }
	row := func(t *table, provider, model string, a *client.PriceAmounts, note string) {
		t.add(or(model), or(provider), price(a.Input), price(a.Output), price(a.CacheRead), price(a.CacheWrite), printable(note))
	}
	t := newTable("MODEL", "PROVIDER", " INPUT", " OUTPUT", " CACHE READ", " CACHE WRITE", "FROM")
	for i := range p.Own {
		o := &p.Own[i]
		from := "set, " + o.ID
		if o.ID == "" {
			from = "configuration"
		}
		row(t, o.Provider, o.Model, &o.PriceAmounts, from)
	}
	for i := range p.Models {
		m := &p.Models[i]
		if !m.Own {
			row(t, m.Provider, m.Model, &m.PriceAmounts, m.Matched)
		}
	}
	if err := t.write(w); err != nil || len(p.Unpriced) == 0 {
		return err
	}
	u := newTable("WITHOUT A PRICE", "PROVIDER", " CALLS", " TOKENS", "")
	for _, m := range p.Unpriced {
		u.add(or(m.Model), or(m.Provider), count(m.Calls), count(m.Total), map[bool]string{true: "a price is known now: tokenboard reprice"}[m.Known])
	}
	_, _ = fmt.Fprintln(w)
	return u.write(w)
}

// priceFlags are the settings of a price as flags.
type priceFlags struct {
	entry                                           client.PriceEntry
	input, output, cacheRead, cacheWrite, reasoning float64
}

func (f *priceFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.entry.Provider, "provider", "", "provider (default: any)")
	flags.StringVar(&f.entry.From, "from", "", "the first day that it holds for, such as 2026-01-31 (default: always)")
	flags.StringVar(&f.entry.Note, "note", "", "for people")
	for _, k := range f.kinds() {
		flags.Float64Var(k.value, k.name, 0, k.doc)
	}
}

type priceKind struct {
	name, doc string
	value     *float64
	into      **float64
}

func (f *priceFlags) kinds() []priceKind {
	return []priceKind{
		{"input", "USD for a million input tokens", &f.input, &f.entry.Input},
		{"output", "USD for a million output tokens", &f.output, &f.entry.Output},
		{"cache-read", "USD for a million tokens read from a cache (default: as input)", &f.cacheRead, &f.entry.CacheRead},
		{"cache-write", "USD for a million tokens written to a cache (default: as input)", &f.cacheWrite, &f.entry.CacheWrite},
		{"reasoning", "USD for a million reasoning tokens (default: as output)", &f.reasoning, &f.entry.Reasoning},
	}
}

// read returns the price of a model; what has no flag has no price of its own.
func (f *priceFlags) read(cmd *cobra.Command, model string) client.PriceEntry {
	for _, k := range f.kinds() {
		if cmd.Flags().Changed(k.name) {
			*k.into = k.value
		}
	}
	f.entry.Model = model
	return f.entry
}

func (c *connection) setPrice() *cobra.Command {
	var f priceFlags
	cmd := &cobra.Command{
		Use: "set MODEL", Short: "Set the price of a model (* stands for any letters); stored calls keep their cost until: tokenboard reprice", Args: oneArg,
		Example: "  tokenboard prices set our-own-70b --provider ollama --input 0.5 --output 1.5",
	}
	f.add(cmd)
	c.addJSON(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		set, err := api.SetPrice(cmd.Context(), f.read(cmd, args[0]))
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, set)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is set; calls get prices %s from now on\n", printable(set.ID), printable(set.PriceVersion))
		return err
	}
	return cmd
}

func (c *connection) previewPrice() *cobra.Command {
	var f priceFlags
	cmd := &cobra.Command{Use: "preview MODEL", Short: "What a price would change about stored calls; nothing is changed", Args: oneArg}
	f.add(cmd)
	c.addJSON(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		p, err := api.PreviewPrice(cmd.Context(), f.read(cmd, args[0]))
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, p)
		}
		partial := ""
		if p.Partial {
			partial = "; older calls were not looked at"
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s calls, of which %s would change and %s would get a first price: %s before, %s then%s\n",
			count(p.Total.Calls), count(p.Total.Changed), count(p.Total.NewlyPriced), dollars(p.Total.Old), dollars(p.Total.New), partial)
		return err
	}
	return cmd
}

var priceFormats = []string{"yaml", "csv", "litellm"}

func (c *connection) importPrices() *cobra.Command {
	var format string
	var replace, dryRun bool
	cmd := &cobra.Command{Use: "import FILE", Short: "Set the prices of a file, all of them or none", Args: oneArg}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "", "yaml, csv or litellm (default: by the file's name, .json is litellm)")
	flags.BoolVar(&replace, "replace", false, "remove the prices that the file does not have")
	flags.BoolVar(&dryRun, "dry-run", false, "show what would change, and change nothing")
	complete(cmd, "format", priceFormats...)
	c.addJSON(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if format == "" {
			format = map[string]string{".yaml": "yaml", ".yml": "yaml", ".csv": "csv", ".json": "litellm"}[strings.ToLower(filepath.Ext(args[0]))]
		}
		if format == "" {
			return usageError{errors.New("the file's name does not say its form; say it with --format")}
		}
		api, err := c.client()
		if err != nil {
			return err
		}
		file, err := os.Open(args[0])
		if err != nil {
			return usageError{err}
		}
		defer file.Close()
		got, err := api.ImportPrices(cmd.Context(), format, replace, dryRun, file)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, got)
		}
		would := ""
		if got.DryRun {
			would = " (dry run: nothing was changed)"
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d prices: %d new, %d changed, %d as they were, %d removed%s\n", got.Rows, got.Added, got.Changed, got.Same, got.Removed, would)
		return err
	}
	return cmd
}

func (c *connection) exportPrices() *cobra.Command {
	var format, output string
	cmd := &cobra.Command{Use: "export", Short: "The prices that were set, as a file", Args: noArgs}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "yaml", "yaml, csv or litellm")
	flags.StringVarP(&output, "output", "o", "", "file to write, which must not exist; - for the standard output (default: the name that the server gives)")
	complete(cmd, "format", priceFormats...)
	cmd.RunE = c.listing(func(cmd *cobra.Command, api *client.Client) error {
		file, name, err := api.ExportPrices(cmd.Context(), format)
		if err != nil {
			return err
		}
		return toFile(cmd, file, output, name)
	})
	return cmd
}
