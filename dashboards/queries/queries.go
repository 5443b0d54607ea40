// Package queries has the PromQL expressions that several panels and alert rules share. Counters stand in
// rate or increase only, except in AllTime: the counters come from the ledger, survive restarts and never go
// down, so that their last value is the sum of all calls since the beginning.
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
	// ByModel is for histograms, which have the labels provider and model only.
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

// AllTime returns the sum of a counter since the beginning.
func AllTime(metric string, of Of) string { return of.sum(of.series(metric)) }

// InRange returns what a counter grew by in the dashboard's time range.
func InRange(metric string, of Of) string {
	return of.sum("increase(" + of.series(metric) + "[$__range])")
}

// Counted returns what a counter of whole things grew by in the dashboard's time range. increase
// extrapolates to the borders of the range, so that its value is no whole number.
func Counted(metric string, of Of) string { return "round(" + InRange(metric, of) + ")" }

// HistoryLookback is how long before the range before this one a sample must be, at most, for Prometheus to
// have watched that range.
const HistoryLookback = "15m:15s"

// Change returns current less what before was in the range before: current and before are the same
// expression of the range. It has no value where Prometheus did not watch the whole range before, as on
// the first day: then all there is would be a change.
func Change(current string) string {
	before := strings.ReplaceAll(current, "[$__range]", "[$__range] offset $__range")
	watched := "count(last_over_time((tokenboard_store_records{" + ByInstance + "} offset $__range)[" + HistoryLookback + "] offset $__range))"
	return "(" + current + " - (" + before + " or vector(0))) and on () " + watched
}

// Top returns an expression for the series that are the largest by a sum over the whole range, and no
// others. topk alone chooses again at each point of a graph and shows more series than requested.
func Top(n int, expr, metric string, of Of) string {
	whole := strings.ReplaceAll(InRange(metric, of), "[$__range]", "[$__range] @ end()")
	return expr + " and on (" + strings.Join(of.By, ", ") + ") topk(" + strconv.Itoa(n) + ", " + whole + ")"
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
