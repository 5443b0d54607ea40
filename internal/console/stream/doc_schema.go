// Package stream sends what changes in the ledger to browsers, as server-sent events.
package stream

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/console/alerts"
	"github.com/tokenboard/tokenboard/internal/console/calls"
)

// streamEvents are the events of the live stream, for the OpenAPI document.
var streamEvents = []struct {
	Name, Doc string
	ID        string // "" where the event has none
	Data      any
}{
	{"call", "The call counts: it is new, or a more complete record of a known one. Replace the one of the same id.", requiredID, calls.LogItem{}},
	{"superseded", "The call no longer counts, or no longer matches.", requiredID, Superseded{}},
	{"skipped", "Events were missed; load the log again.", "", Skipped{}},
	{"as_of", "The time of the last commit that is included.", requiredID, AsOf{}},
	{"alert", "An alert began to fire, or ended; for those who may see alerts.", "", alerts.Alert{}},
}

const requiredID = "where to go on after this event: the value of Last-Event-ID"

// streamSchema describes the stream in the form that huma's package sse has, which does not write it: a list of
// events, each an object of its fields. Ids are opaque, theirs are numbers.
func streamSchema(schemas huma.Registry) *huma.Schema {
	var kinds []*huma.Schema
	for _, e := range streamEvents {
		s := &huma.Schema{
			Type: huma.TypeObject, Title: "Event " + e.Name, Description: e.Doc,
			Properties: map[string]*huma.Schema{
				"event": {Type: huma.TypeString, Enum: []any{e.Name}},
				"data":  schemaOf(schemas, e.Data),
			},
			Required: []string{"event", "data"},
		}
		if e.ID != "" {
			s.Properties["id"] = &huma.Schema{Type: huma.TypeString, Description: e.ID}
			s.Required = append(s.Required, "id")
		}
		kinds = append(kinds, s)
	}
	return &huma.Schema{
		Type: huma.TypeArray, Title: "Server-Sent Events", Items: &huma.Schema{OneOf: kinds},
		Description: "One event after another, as text (https://html.spec.whatwg.org/multipage/server-sent-events.html): its fields one a line, data as JSON on one line. " +
			"The first thing sent is the field retry, without an event.",
	}
}
