// Package queries has the PromQL expressions that several panels and alert rules share. Counters stand in
// rate or increase only, except in Ever: the counters come from the ledger, survive restarts and never go
// down, so that their last value is the sum of all calls ever taken.
package queries

import (
	"fmt"
	"strconv"
	"strings"
)

// Selectors of what the variables of a dashboard choose.
const (
	// All is for counters, which have all labels.
	All = `instance=~"$instance",provider=~"$provider",model=~"$model",service=~"$service",key=~"$key"`
	// ByModel is for histograms, which know provider and model only.
	ByModel = `instance=~"$instance",provider=~"$provider",model=~"$model"`
	// ByInstance is for gauges of the process.
	ByInstance = `instance=~"$instance"`
)

// Of says which series of a metric are taken, and what they are summed by.
type Of struct {
	Selector string   // All where it is empty
	More     string   // further label matchers
	By       []string // labels that stay
}

func (o Of) series(metric string) string {
	selector := o.Selector
	if selector == "" {
		selector = All
	}
	if o.More != "" {
		selector += "," + o.More
	}
	return "tokenboard_" + metric + "{" + selector + "}"
}

func (o Of) sum(expr string) string {
	if len(o.By) == 0 {
		return "sum(" + expr + ")"
	}
	return "sum by (" + strings.Join(o.By, ", ") + ") (" + expr + ")"
}

// Ever returns the sum of all there ever was of a counter.
func Ever(metric string, of Of) string { return of.sum(of.series(metric)) }

// InRange returns what a counter grew by in the dashboard's time range.
func InRange(metric string, of Of) string {
	return of.sum("increase(" + of.series(metric) + "[$__range])")
}

// Change returns what a counter grew by in the range, less what it grew by in the range before.
func Change(metric string, of Of) string {
	in := InRange(metric, of)
	return in + " - (" + strings.Replace(in, "[$__range]", "[$__range] offset $__range", 1) + " or vector(0))"
}

// Rate returns the growth of a counter in a second.
func Rate(metric string, of Of) string {
	return of.sum("rate(" + of.series(metric) + "[$__rate_interval])")
}

// Share returns a / b, where a may have no series yet.
func Share(a, b string) string { return "(" + a + " or vector(0)) / " + b }

// Quantile returns a quantile of a histogram, whichever form Prometheus stored: classic or native.
func Quantile(q float64, metric string, by ...string) string {
	classic := Rate(metric+"_bucket", Of{Selector: ByModel, By: append([]string{"le"}, by...)})
	native := Rate(metric, Of{Selector: ByModel, By: by})
	text := strconv.FormatFloat(q, 'f', -1, 64)
	return fmt.Sprintf("histogram_quantile(%s, %s) or histogram_quantile(%s, %s)", text, classic, text, native)
}

// Buckets returns the buckets of a histogram: the native one where Prometheus stored no classic ones.
func Buckets(metric string) string {
	classic := Rate(metric+"_bucket", Of{Selector: ByModel, By: []string{"le"}})
	return classic + " or (" + Rate(metric, Of{Selector: ByModel}) + " unless on () " + classic + ")"
}

// Last returns a gauge as it is.
func Last(metric, selector string) string { return "tokenboard_" + metric + "{" + selector + "}" }
