package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// tokenVariable holds an API token for commands that ask a server.
const tokenVariable = "TOKENBOARD_TOKEN"

type repriceOptions struct {
	from, to, dataDir, server string
	config, models            []string
	dryRun, yes               bool
}

func newRepriceCommand() *cobra.Command {
	var o repriceOptions
	cmd := &cobra.Command{
		Use:   "reprice --from TIME",
		Short: "Give stored calls the prices of now, after a report of the difference",
		Long: `Gives stored calls the cost that they would get if they came now, by the price book of this
program and the own prices of the configuration. It first reports the difference, by model, and
changes nothing before you agree.

While tokenboard runs, it is asked to do the work, and keeps answering; otherwise the database is
opened here. It can be interrupted at any time and run again.`,
		Example: `  tokenboard reprice --from 2026-11-01 --dry-run
  tokenboard reprice --config /etc/tokenboard/config.yaml --from 2026-11-01 --to 2026-11-15 --model gpt-4o --yes`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { // what the quickstart configuration reads
			if o.dataDir != "" && len(o.config) == 0 {
				return os.Setenv(dataDirVariable, o.dataDir)
			}
			return prepareQuickstart(false)
		},
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "calls that started then or later: a day (UTC), an RFC 3339 time or Unix seconds")
	f.StringVar(&o.to, "to", "", "calls that started before (default: now)")
	f.StringSliceVar(&o.models, "model", nil, "only calls that this model answered; can be given several times")
	f.StringArrayVar(&o.config, "config", nil, "configuration of the collector, whose database and own prices are used (default: the quickstart's)")
	f.StringVar(&o.dataDir, "data-dir", "", "folder of the database (default: that of the configuration)")
	f.StringVar(&o.server, "server", "", "address of the running console (default: that of the configuration); an API token is read from $"+tokenVariable)
	f.BoolVar(&o.dryRun, "dry-run", false, "only report")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	return cmd
}

// repriceJob is repricing, by a running server or here. A report of an interrupted run has
// what it did.
type repriceJob interface {
	reprice(ctx context.Context, dryRun bool) (repriceReport, error)
	close() error
}

// repriceReport is the report in the API's form.
type repriceReport struct {
	Version string     `json:"price_version"`
	Total   repriced   `json:"total"`
	Models  []repriced `json:"models"`
	Rest    repriced   `json:"rest"`
	Records int64      `json:"records"`
	Written int64      `json:"records_written"`
}

type repriced struct {
	Provider    string      `json:"provider"`
	Model       string      `json:"model"`
	Calls       int64       `json:"api_call_count"`
	Changed     int64       `json:"changed_count"`
	Old         json.Number `json:"old_cost_usd"`
	New         json.Number `json:"new_cost_usd"`
	Difference  json.Number `json:"difference_usd"`
	NewlyPriced int64       `json:"newly_priced_count"`
	NowUnpriced int64       `json:"now_unpriced_count"`
}

func (o *repriceOptions) run(ctx context.Context, c *cobra.Command) (err error) {
	from, to, err := o.times()
	if err != nil {
		return err
	}
	job, err := o.open(ctx, c.ErrOrStderr(), from, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, job.close()) }()
	out := c.OutOrStdout()
	report, err := job.reprice(ctx, true)
	if err != nil {
		return err
	}
	if err := report.print(out, from, to); err != nil {
		return err
	}
	switch {
	case report.Written == 0:
		_, err := fmt.Fprintln(out, "nothing to do: all calls have these prices")
		return err
	case o.dryRun:
		_, err := fmt.Fprintf(out, "dry run: nothing was changed; %d records would be\n", report.Written)
		return err
	}
	if !o.yes {
		if err := confirm(c.InOrStdin(), out, report.Written); err != nil {
			return err
		}
	}
	report, err = job.reprice(ctx, false)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return errors.New("interrupted: repriced calls stay repriced; run it again for the rest")
		}
		return err
	}
	_, err = fmt.Fprintf(out, "%d records changed: %s USD before, %s USD now\n", report.Written, report.Total.Old, report.Total.New)
	return err
}

// open finds who does the work: this process, or the server that has the database.
func (o *repriceOptions) open(ctx context.Context, notes io.Writer, from, to time.Time) (repriceJob, error) {
	remote := &remoteReprice{from: from, to: to, models: o.models, server: o.server, token: strings.TrimSpace(os.Getenv(tokenVariable))}
	if o.server != "" && o.dataDir == "" && len(o.config) == 0 {
		return remote, nil // wherever its database is
	}
	conf, err := readConfig(ctx, o.config)
	if err != nil {
		return nil, err
	}
	if o.dataDir != "" {
		conf.store.Directory = o.dataDir
	}
	if file := conf.store.Database(); file != "" && !exists(file) {
		return nil, fmt.Errorf("there is no database in %s; name its folder with --data-dir, or the configuration with --config", conf.store.Directory)
	}
	conf.store.Retention = tokenstoreextension.Retention{Interval: conf.store.Retention.Interval} // this command drops nothing
	l, directory, err := conf.store.Open(ctx)
	if err == nil {
		return &localReprice{ledger: l, directory: directory, from: from, to: to, models: o.models}, nil
	}
	if !errors.Is(err, store.ErrInUse) {
		return nil, err
	}
	if remote.server == "" {
		remote.server = conf.console
	}
	if remote.server == "" {
		return nil, fmt.Errorf("%w, or name the address of its console with --server", err)
	}
	if _, err := fmt.Fprintf(notes, "tokenboard runs on this database: asking it at %s\n", remote.server); err != nil {
		return nil, err
	}
	return remote, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, fs.ErrNotExist)
}

func (o *repriceOptions) times() (from, to time.Time, err error) {
	if o.from == "" {
		return from, to, errors.New("set --from to the time since when calls are to be repriced, for example --from 2026-11-01")
	}
	if from, err = commandTime(o.from); err != nil {
		return from, to, fmt.Errorf("--from: %w", err)
	}
	if o.to == "" {
		return from, to, nil
	}
	if to, err = commandTime(o.to); err != nil {
		return from, to, fmt.Errorf("--to: %w", err)
	}
	if !from.Before(to) {
		return from, to, errors.New("--to must be later than --from")
	}
	return from, to, nil
}

// commandTime reads a day, a time, or Unix seconds.
func commandTime(s string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil && t.Year() >= 1970 {
			return t.UTC(), nil
		}
	}
	var n int64
	if _, err := fmt.Sscanf(s, "%d", &n); err == nil && fmt.Sprint(n) == s && n >= 0 && n < 1<<34 {
		return time.Unix(n, 0).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a day (2026-11-01), an RFC 3339 time (2026-11-01T08:00:00Z) nor Unix seconds", s)
}

// confirm asks a person; without one it refuses.
func confirm(in io.Reader, out io.Writer, records int64) error {
	f, isFile := in.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return errors.New("nothing was changed: nobody can be asked here; add --yes to agree beforehand")
	}
	if _, err := fmt.Fprintf(out, "Change %d records? [y/N] ", records); err != nil {
		return err
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if said := strings.ToLower(strings.TrimSpace(line)); said != "y" && said != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

func (r *repriceReport) print(out io.Writer, from, to time.Time) error {
	until := "now"
	if !to.IsZero() {
		until = to.Format(time.RFC3339)
	}
	if _, err := fmt.Fprintf(out, "prices: %s\ncalls from %s to %s\n\n", printable(r.Version), from.Format(time.RFC3339), until); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "calls\tchanged\told USD\tnew USD\tdifference\tnewly priced\tnow unpriced\t  model\t") // Flush returns errors
	line := func(m *repriced, name string) {
		_, _ = fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\t%d\t%d\t  %s\t\n", m.Calls, m.Changed, m.Old, m.New, m.Difference, m.NewlyPriced, m.NowUnpriced, name)
	}
	for i := range r.Models {
		m := &r.Models[i]
		name := m.Model
		if m.Provider != "" {
			name += " (" + m.Provider + ")"
		}
		line(m, printable(name))
	}
	if r.Rest.Calls > 0 {
		line(&r.Rest, "other models")
	}
	line(&r.Total, "all")
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out)
	return err
}

// printable keeps names, which are hostile text, from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// localReprice works on the database itself.
type localReprice struct {
	directory store.Directory
	ledger    *ledger.Ledger
	from, to  time.Time
	models    []string
}

func (j *localReprice) close() error { return j.ledger.Close() }

func (j *localReprice) reprice(ctx context.Context, dryRun bool) (repriceReport, error) {
	if !dryRun {
		if err := j.note(ctx, "calls.reprice", map[string]any{"from": j.from, "to": j.to, "models": j.models}); err != nil {
			return repriceReport{}, err
		}
	}
	r, err := j.ledger.Reprice(ctx, ledger.RepriceRequest{From: j.from, To: j.to, Models: j.models, DryRun: dryRun})
	if !dryRun && r.Written > 0 {
		noted := j.note(context.WithoutCancel(ctx), "calls.repriced", map[string]any{
			"price_version": r.PriceVersion, "records_written": r.Written, "old_cost_usd": r.Total.Old, "new_cost_usd": r.Total.New,
		})
		err = errors.Join(err, noted)
	}
	number := func(n usage.NanoUSD) json.Number { return json.Number(n.String()) }
	of := func(provider, model string, d *ledger.Repriced) repriced {
		return repriced{
			Provider: provider, Model: model, Calls: d.Calls, Changed: d.Changed, Old: number(d.Old), New: number(d.New),
			Difference: number(d.New - d.Old), NewlyPriced: d.NewlyPriced, NowUnpriced: d.NowUnpriced,
		}
	}
	out := repriceReport{Version: r.PriceVersion, Total: of("", "", &r.Total), Rest: of("", "", &r.Rest), Records: r.Records, Written: r.Written}
	for i := range r.Models {
		out.Models = append(out.Models, of(r.Models[i].Provider, r.Models[i].Model, &r.Models[i].Repriced))
	}
	return out, err
}

// note writes the audit log's entry of what is done here.
func (j *localReprice) note(ctx context.Context, action string, after any) error {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	document, err := json.Marshal(after)
	if err == nil {
		err = j.directory.AddAudit(ctx, store.AuditEntry{
			Time: time.Now().UTC(), Actor: store.AuditActor{Name: name, Via: "command line"}, Action: action,
			Target: store.AuditTarget{Type: "calls"}, After: document,
		})
	}
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// remoteReprice asks a running server.
type remoteReprice struct {
	from, to      time.Time
	models        []string
	server, token string
}

func (j *remoteReprice) close() error { return nil }

func (j *remoteReprice) reprice(ctx context.Context, dryRun bool) (repriceReport, error) {
	order := map[string]any{"from": j.from.Format(time.RFC3339), "dry_run": dryRun}
	if !j.to.IsZero() {
		order["to"] = j.to.Format(time.RFC3339)
	}
	if len(j.models) > 0 {
		order["models"] = j.models
	}
	body, err := json.Marshal(order)
	if err != nil {
		return repriceReport{}, fmt.Errorf("write the request: %w", err)
	}
	address := strings.TrimSuffix(j.server, "/")
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/api/console/reprice", bytes.NewReader(body))
	if err != nil {
		return repriceReport{}, fmt.Errorf("ask %s: %w", address, err)
	}
	r.Header.Set("Content-Type", "application/json")
	if j.token != "" {
		r.Header.Set("Authorization", "Bearer "+j.token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return repriceReport{}, fmt.Errorf("ask %s: %w", address, err)
	}
	defer answer.Body.Close()
	const most = 4 << 20
	var e struct {
		Message string        `json:"message"`
		Data    repriceReport `json:"data"`
	}
	err = json.NewDecoder(io.LimitReader(answer.Body, most)).Decode(&e)
	switch {
	case answer.StatusCode == http.StatusUnauthorized:
		return repriceReport{}, fmt.Errorf("%s wants an API token: make one in the console and set %s to it", address, tokenVariable)
	case answer.StatusCode != http.StatusOK && err == nil:
		return repriceReport{}, fmt.Errorf("%s answered: %s", address, printable(e.Message))
	case answer.StatusCode != http.StatusOK:
		return repriceReport{}, fmt.Errorf("%s answered %s; is it the console's address?", address, answer.Status)
	case err != nil:
		return repriceReport{}, fmt.Errorf("read the answer of %s: %w", address, err)
	}
	return e.Data, nil
}
