package bills

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/console/download"
)

type exportInput struct {
	Order
	Format   string `query:"format" default:"csv" enum:"csv,json"`
	Currency bool   `query:"currency" doc:"with the amounts in the currency that is shown, and its rate (csv; json has them always)"`
}

// File is bills as a JSON file.
type File struct {
	ExportedAt time.Time `json:"exported_at"`
	Bills
}

// export writes all bills with all lines, however many pages they are.
func (c *Handlers) export(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	all, err := c.bills(ctx, &in.Order)
	if err != nil {
		return nil, err
	}
	name := download.Name("bills-"+in.By, all.Month, in.Format)
	return download.File(c.Env, name, in.Format, func(out *bufio.Writer) error {
		if in.Format == "json" {
			if err := json.NewEncoder(out).Encode(File{c.Now().UTC(), all}); err != nil {
				return fmt.Errorf("encode: %w", err)
			}
			return nil
		}
		return writeCSV(out, &all, in.Currency)
	}), nil
}

var columns = []string{
	"row", "month", "by", "holder", "holder_name", "provider", "model", "api_call_count", "error_count", "input_tokens", "output_tokens", "cache_read_tokens",
	"cache_write_tokens", "reasoning_tokens", "total_tokens", "no_usage_count", "unpriced_count", "cost_usd", "factor", "charged_usd", "uncharged_count",
	"credit_usd", "due_usd", "at_least", "note",
}

var currencyColumns = []string{"currency", "due_converted", "per_usd", "rate_from"}

// writer writes the rows of bills.
type writer struct {
	csv      *download.CSV
	head     *Head
	currency bool
}

// writeCSV writes of each bill a row for each model, one for the calls that are not charged, one for each credit and one for the
// bill, and at the end one for all. The first column says which it is.
func writeCSV(out *bufio.Writer, all *Bills, currency bool) error {
	w := &writer{download.NewCSV(out), &all.Head, currency}
	header := slices.Clone(columns)
	if currency {
		header = append(header, currencyColumns...)
	}
	if err := w.csv.Write(header); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for i := range all.Bills {
		if err := w.bill(&all.Bills[i]); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if err := w.row("total", "", "", "", "", sumCells(&all.Total.Sums, ""), dueCells(&all.Total.Due), "", all.Total.Converted); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return w.csv.Flush()
}

func (w *writer) bill(b *Bill) error {
	for i := range b.Lines {
		l := &b.Lines[i]
		if err := w.row("model", b.Holder, b.Name, l.Provider, l.Model, sumCells(&l.Sums, download.Decimal(l.Factor)), none(dueCount), "", nil); err != nil {
			return err
		}
	}
	if b.Uncharged > 0 {
		cells := none(sumCount)
		cells[0], cells[len(cells)-1] = number(b.Uncharged), number(b.Uncharged)
		if err := w.row("unpriced", b.Holder, b.Name, "", "", cells, none(dueCount), "calls whose cost is not known: the amount due is at least that", nil); err != nil {
			return err
		}
	}
	for i := range b.Credits {
		cells := none(dueCount)
		cells[0] = usd(b.Credits[i].Amount)
		if err := w.row("credit", b.Holder, b.Name, "", "", none(sumCount), cells, b.Credits[i].Reason, nil); err != nil {
			return err
		}
	}
	return w.row("bill", b.Holder, b.Name, "", "", sumCells(&b.Sums, ""), dueCells(&b.Due), "", b.Converted)
}

const (
	sumCount = 14 // cells of sums
	dueCount = 3  // of what is due
)

func none(n int) []string { return make([]string, n) }

func number(n int64) string { return strconv.FormatInt(n, 10) }

func sumCells(s *Sums, factor string) []string {
	return []string{
		number(s.Calls), number(s.Errors), number(s.Input), number(s.Output), number(s.CacheRead), number(s.CacheWrite), number(s.Reasoning), number(s.Total),
		number(s.NoUsage), number(s.Unpriced), usd(s.Cost), factor, usd(s.Charged), number(s.Uncharged),
	}
}

func dueCells(d *Due) []string {
	return []string{usd(d.Credited), usd(d.Due), strconv.FormatBool(d.AtLeast)}
}

func (w *writer) row(kind, holder, name, provider, model string, sums, due []string, note string, in *billing.Converted) error {
	cells := slices.Concat([]string{kind, w.head.Month, w.head.By, holder, name, provider, model}, sums, due, []string{note})
	if w.currency {
		converted := none(len(currencyColumns))
		if in != nil {
			converted = []string{in.Code, download.Decimal(&in.Amount), download.Decimal(&in.Rate), in.From}
		}
		cells = append(cells, converted...)
	}
	return w.csv.Write(cells)
}
