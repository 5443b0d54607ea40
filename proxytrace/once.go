package proxytrace

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// seenIDs are the last maxSeen ids whose usage has been reported: a client that waits for a batch fetches it many times,
// and its usage is one call's.
type seenIDs struct {
	mu   sync.Mutex
	ids  map[string]bool
	ring []string
	next int
}

const maxSeen = 4096

// first reports whether an id has not been seen before.
func (s *seenIDs) first(id string) bool {
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

// firstSeen is whether an answer was the first of its id, so that Middleware and Transport decide the same.
type firstSeen struct {
	id    string
	first bool
}

// isFirst reports whether an id has not been seen before, with the same result in all layers of a request.
func (i *identity) isFirst(s *seenIDs, id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.once.id != id {
		i.once = firstSeen{id, s.first(id)}
	}
	return i.once.first
}

// role adds the role and the operation, where the answer decides whether the call counts. Spans of calls that consumed no
// tokens, or whose usage was reported before, have no role and no figures.
func (k *call) role(attrs []attribute.KeyValue) []attribute.KeyValue {
	if k.spec.Counts == nil {
		return attrs
	}
	if k.counts {
		return append(attrs, attribute.String(attrRole, roleCall), attribute.String(attrOperation, k.spec.Operation))
	}
	if k.spec.Uncounted == "" {
		k.span.SetName(k.method) // the name of any HTTP request's span
		return attrs
	}
	return append(attrs, attribute.String(attrOperation, k.spec.Uncounted))
}

// decideCounted sets whether the call counts. A request that fetches a known answer again does not.
func (k *call) decideCounted(request *llmapi.Request) {
	var r llmapi.Answer
	if k.response != nil {
		r = *k.response.Answer()
	}
	k.counts = k.spec.Counts == nil || k.spec.Counts(&r, request)
	switch {
	case k.counts && k.spec.Fetches:
		k.counts = k.who.isFirst(&k.config.seen, r.ID)
	case k.api == OpenAIResponses && r.Background && r.ID != "" && r.HasUsage():
		_ = k.who.isFirst(&k.config.seen, r.ID) // it can be fetched, too
	}
}
