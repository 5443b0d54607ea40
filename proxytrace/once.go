package proxytrace

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
)

// seen are the ids whose usage has been reported: whoever waits for a batch fetches it many times, and its usage
// is one call's. The oldest of maxSeen are forgotten first.
type seen struct {
	mu   sync.Mutex
	ids  map[string]bool
	ring []string
	next int
}

const maxSeen = 4096

// first tells whether an id comes for the first time.
func (s *seen) first(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids[id] {
		return false
	}
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	if len(s.ring) < maxSeen {
		s.ring = append(s.ring, id)
	} else {
		delete(s.ids, s.ring[s.next])
		s.ring[s.next] = id
		s.next = (s.next + 1) % maxSeen
	}
	s.ids[id] = true
	return true
}

// verdict is whether an answer was the first of its id, for the layers of one request to agree.
type verdict struct {
	id    string
	first bool
}

// decide asks s once for all layers of a request.
func (i *identity) decide(s *seen, id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.once.id != id {
		i.once = verdict{id, s.first(id)}
	}
	return i.once.first
}

// role says what a call is, where only the answer says whether it counts. Spans without a role are those of
// calls that spend nothing, or whose usage was reported before; they bear no figures.
func (k *call) role(attrs []attribute.KeyValue) []attribute.KeyValue {
	if !k.api.late() {
		return attrs
	}
	f := k.api.family()
	if k.counts {
		return append(attrs, attribute.String(attrRole, roleCall), attribute.String(attrOperation, f.operation))
	}
	if f.otherwise == "" {
		k.span.SetName(k.method) // what any HTTP request is called
		return attrs
	}
	return append(attrs, attribute.String(attrOperation, f.otherwise))
}

// judge finds whether the call counts. What fetches the same answer again is no further call.
func (k *call) judge(request *requestReading) {
	var r reading
	if k.observer != nil {
		r = k.observer.reading
	}
	k.counts = k.api.counted(&r, request)
	switch {
	case k.counts && k.api.fetches():
		k.counts = k.who.decide(&k.config.seen, r.id)
	case k.api == OpenAIResponses && r.background && r.id != "" && r.figures.has != 0:
		_ = k.who.decide(&k.config.seen, r.id) // it can be fetched, too
	}
}

// fetches tells whether the calls of an API get what may have been got before.
func (a API) fetches() bool { return a == OpenAIBatches || a == OpenAIStoredResponses }
