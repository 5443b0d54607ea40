package stream_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stream"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestStreamDocument reads every kind of event from a real stream, and holds it against the OpenAPI document.
func TestStreamDocument(t *testing.T) {
	b, c, url := streamBench(t, func(c *console.Console) { c.Stream.LookEvery(time.Millisecond) })
	registry := c.Router.API.OpenAPI().Components.Schemas
	operation := c.Router.API.OpenAPI().Paths[api.Base+"/logs/stream"].Get
	media := operation.Responses["200"].Content["text/event-stream"]
	require.NotNil(t, media)
	media.Schema.PrecomputeMessages() // without which huma validates nothing
	kinds := map[string]*huma.Schema{}
	for _, k := range media.Schema.Items.OneOf {
		kinds[k.Properties["event"].Enum[0].(string)] = k
	}
	check := func(e sse) []error {
		kind := kinds[e.event]
		if kind == nil {
			return []error{errors.New("not in the document")}
		}
		event := map[string]any{"event": e.event}
		if e.id != "" {
			event["id"] = e.id
		}
		result := &huma.ValidateResult{}
		if e.event == "call" { // what of it can be null is not in the document in every case, so huma cannot validate it
			require.Equal(t, "#/components/schemas/LogItem", kind.Properties["data"].Ref)
			in := json.NewDecoder(strings.NewReader(e.Data))
			in.DisallowUnknownFields()
			if err := in.Decode(&calls.LogItem{}); err != nil {
				return []error{err}
			}
			var fields map[string]any
			require.NoError(t, json.Unmarshal([]byte(e.Data), &fields))
			for _, name := range registry.SchemaFromRef(kind.Properties["data"].Ref).Required {
				require.Contains(t, fields, name)
			}
			envelope := &huma.Schema{Type: kind.Type, Required: kind.Required, Properties: maps.Clone(kind.Properties)}
			envelope.Properties["data"] = &huma.Schema{}
			envelope.PrecomputeMessages()
			event["data"] = fields
			huma.Validate(registry, envelope, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, event, result)
			return result.Errors
		}
		var data any
		require.NoError(t, json.Unmarshal([]byte(e.Data), &data))
		event["data"] = data
		huma.Validate(registry, media.Schema.Items, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, event, result)
		return result.Errors
	}
	in := listen(t, url, "q=user:u2", "an id of another process")
	seen := map[string]sse{}
	next := func(name string) {
		t.Helper()
		e := in.want(name)
		require.Empty(t, check(e), "%+v", e)
		seen[e.event] = e
	}
	next("skipped")
	next("as_of")
	b.Commit(consoletest.CallOf(2, nil))
	next("call")
	b.Commit(consoletest.CallOf(2, func(c *usage.Call) { c.User, c.Tokens.OutputText = "somebody", 9 }))
	next("superseded")
	writeAlert(t, b.Directory, "alr_1", false)
	next("alert")

	for _, kind := range stream.StreamEvents {
		e, ok := seen[kind.Name]
		require.True(t, ok, "no %s came", kind.Name)
		for name, wrong := range map[string]sse{
			"another event's data": {id: e.id, event: e.event, Data: `{"other":1}`}, "an unknown event": {id: e.id, event: "unknown", Data: e.Data},
		} {
			require.NotEmpty(t, check(wrong), "%s: %s", kind.Name, name)
		}
		if kind.ID != "" {
			require.NotEmpty(t, check(sse{event: e.event, Data: e.Data}), "%s without an id", kind.Name)
		}
	}
}
