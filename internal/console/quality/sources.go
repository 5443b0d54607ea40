package quality

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

// Source is the state of a component that fetches calls.
type Source struct {
	Kind          string           `json:"kind" doc:"cliproxy: the usage feed of a CLIProxyAPI"`
	Name          string           `json:"name"`
	Version       string           `json:"version" doc:"of what is asked; empty where it did not say"`
	Up            bool             `json:"up" doc:"it answered the last time"`
	Trouble       string           `json:"trouble" doc:"what is wrong and what to do; empty where nothing is"`
	LastContact   *time.Time       `json:"last_contact_at"`
	LastEvent     *time.Time       `json:"last_event_at"`
	Events        int64            `json:"events" doc:"fetched since start"`
	Unreadable    int64            `json:"unreadable_events" doc:"dropped because they could not be read"`
	Lost          int64            `json:"lost_events" doc:"fetched, and neither stored nor delivered"`
	Waiting       int64            `json:"waiting_events" doc:"fetched, and not accepted yet"`
	Gaps          map[string]int64 `json:"gaps" doc:"times at which calls may have been missed, by reason"`
	OtherConsumer bool             `json:"other_consumer" doc:"somebody else seems to fetch what was meant for us"`
}

// sources returns the state of all of them.
func (c *Handlers) sources() []Source {
	out := []Source{}
	if c.Sources == nil {
		return out
	}
	for _, s := range c.Sources.States() {
		gaps := s.Gaps
		if gaps == nil {
			gaps = map[string]int64{}
		}
		out = append(out, Source{
			Kind: s.Kind, Name: s.Name, Version: s.Version, Up: s.Up, Trouble: s.Trouble, LastContact: api.OptionalTime(s.LastContact), LastEvent: api.OptionalTime(s.LastEvent),
			Events: s.Events, Unreadable: s.Unreadable, Lost: s.Lost, Waiting: s.Waiting, Gaps: gaps, OtherConsumer: s.OtherConsumer,
		})
	}
	return out
}
