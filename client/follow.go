package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// Event is one event of the live stream; exactly one of its pointers is set.
type Event struct {
	ID         string     // to come back with; "" of events that give none
	Call       *Call      // it counts: new, or a more complete record than before (of the same id)
	Superseded *string    // id of a call that ceases to count, or to match
	Skipped    *int64     // events were missed, so many; -1 where it is not known
	AsOf       *time.Time // the last write that was reported
}

const (
	followFirst = time.Second // pause before coming back
	followMost  = 30 * time.Second
)

// Follow visits calls as they are counted. It starts with what comes after the event of an id, or now
// where that is "". When the connection ends it comes back and goes on behind the last event, for as long as
// the context lasts; a Problem of the request itself (4xx) ends it.
func (c *Client) Follow(ctx context.Context, q LogQuery, lastID string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		q.Limit, q.Superseded = 0, false
		for pause := followFirst; ; {
			header := http.Header{"Accept": {"text/event-stream"}}
			if lastID != "" {
				header.Set("Last-Event-ID", lastID)
			}
			res, err := c.send(ctx, http.MethodGet, "/logs/stream", q.values(), "", nil, header)
			if err == nil {
				pause = followFirst
				goOn := events(bufio.NewScanner(res.Body), &lastID, yield)
				_ = res.Body.Close()
				if !goOn {
					return
				}
			}
			if p := (*Problem)(nil); asProblem(err, &p) && p.Status < http.StatusInternalServerError && p.Status != http.StatusTooManyRequests {
				yield(Event{}, err)
				return
			}
			select {
			case <-ctx.Done():
				yield(Event{}, ctx.Err())
				return
			case <-time.After(pause):
				pause = min(2*pause, followMost)
			}
		}
	}
}

func asProblem(err error, into **Problem) bool {
	p, ok := err.(*Problem) //nolint:errorlint // send returns it unwrapped
	*into = p
	return ok
}

// events reads one connection's events; false where the visitor wants no more.
func events(lines *bufio.Scanner, lastID *string, yield func(Event, error) bool) bool {
	lines.Buffer(nil, maxCall)
	var id, name, data string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case field == "id":
			id = value
		case field == "event":
			name = value
		case field == "data":
			data += value
		case lines.Text() == "" && data != "":
			if id != "" {
				*lastID = id
			}
			e, known, err := eventOf(id, name, data)
			if (known || err != nil) && !yield(e, err) {
				return false
			}
			id, name, data = "", "", ""
		}
	}
	return true
}

func eventOf(id, name, data string) (Event, bool, error) {
	e := Event{ID: id}
	var fields struct {
		ID    string     `json:"id"`
		Count *int64     `json:"count"`
		AsOf  *time.Time `json:"as_of"`
	}
	var into any = &fields
	if name == "call" {
		e.Call = &Call{}
		into = e.Call
	}
	if err := json.Unmarshal([]byte(data), into); err != nil {
		return e, false, fmt.Errorf("read an event: %w", err)
	}
	switch name {
	case "call":
	case "superseded":
		e.Superseded = &fields.ID
	case "skipped":
		if e.Skipped = fields.Count; e.Skipped == nil {
			unknown := int64(-1)
			e.Skipped = &unknown
		}
	case "as_of":
		if e.AsOf = fields.AsOf; e.AsOf == nil {
			e.AsOf = &time.Time{}
		}
	default: // of a later version
		return e, false, nil
	}
	return e, true, nil
}

// fileName reads the name of a download, without any folder.
func fileName(disposition string) string {
	_, params, err := mime.ParseMediaType(disposition)
	if err != nil {
		return ""
	}
	name := path.Base(strings.ReplaceAll(params["filename"], `\`, "/"))
	if name == "." || name == "/" || name == ".." {
		return ""
	}
	return name
}
