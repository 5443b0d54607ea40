//go:generate go tool mdatagen metadata.yaml

// Package tokenboardreceiver emits the metrics of a console's /metrics into a pipeline, at an interval: the counters and
// histograms of calls, budgets, and the state of the store, for backends that are sent metrics instead of scraping them.
//
// It reads what a scrape would read, and must not compute a figure of its own.
package tokenboardreceiver
