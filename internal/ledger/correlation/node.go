package correlation

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// key is a hash of something that several records of one call share: a response id, a
// request id, or the name of an group of a secondary signal. The zero key is "none".
//
// It is two hashes of 64 bits, with seeds of this process that nobody else has: neither by accident
// nor by intent do two ids have one key. It is never stored.
type key [16]byte

var keySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func keyOf(kind byte, s string) (k key) {
	if s == "" {
		return k
	}
	for i, seed := range keySeeds {
		h := maphash.String(seed, s)
		binary.LittleEndian.PutUint64(k[i*8:], h)
	}
	k[0] ^= kind // ids of different kinds are different, even where they are spelled alike
	return k
}

// source is where a record comes from. One emitter reports one call by one record, so that
// two records of one source are two calls even if they share a response id (a gateway that
// answers from its cache sends the id of the first answer again).
type source struct {
	signal  usage.Signal
	scope   string
	process uint64
}

// models are the names of the model of one record.
type models struct{ answered, requested string }

// Decision is a record's place in the ledger.
type Decision struct {
	Counted   bool
	Reason    store.Reason
	By        usage.ID
	Inherited usage.Attribution // of a record that counts: what related records have and it does not
	Before    usage.Tokens      // of a record that has a running sum: what calls before it spent
}

// ref names a node of an index; 0 names none.
type ref uint32

// Node is the index's entry for one call record, to find related ones. It is small, and has no
// pointers: the record itself is in the store, and what many records share is kept once, by number.
type Node struct {
	id           usage.ID
	span, parent usage.SpanID
	start, end   int64 // Unix ns
	completeness completeness
	keys         [2]key

	// A twin must agree with these.
	input, output int64
	models        uint32 // in index.models

	src         uint32 // in index.sources
	group       uint32 // in index.groupKeys
	attribution uint32 // in index.attributions: what it has itself
	inherited   uint32 // in index.attributions: see Decision
	trace       uint32 // in index.traces
	next        ref    // of the trace's nodes
	self        ref
	at          uint32 // in index.pending, of what the current write is about; 0: nowhere

	signal usage.Signal
	role   usage.Role
	reason store.Reason
	flags  flags
}

// flags are the boolean properties of a record.
type flags uint8

const (
	isUsage flags = 1 << iota // it has usage
	isSecondary
	isFailed
	isEmbedding
	isCounted    // see Decision
	hasSuccessor // index.by has the record that supersedes it
	wasShared    // it shared an id, or could be a twin, of another record once
	isRunning    // it has a running sum: index.running has its figures
)

// ownFlags are those that the record itself has.
const ownFlags = isUsage | isSecondary | isFailed | isEmbedding | isRunning

// ID returns the identity of the record.
func (n *Node) ID() usage.ID { return n.id }

// Start returns the start of the record (Unix ns).
func (n *Node) Start() int64 { return n.start }

func (n *Node) usage() bool     { return n.flags&isUsage != 0 }
func (n *Node) secondary() bool { return n.flags&isSecondary != 0 }

// Precomputed has values derived from a record before it is added to the index. They depend on nothing that only
// the ledger's writer may read, so that each sender computes its own.
type Precomputed struct {
	completeness                           completeness
	keys                                   [2]key
	group                                  key
	id, trace, attribution, models, source uint32 // tags
}

// Precompute computes the values that the index needs of a record as it was reported, without inherited facts.
func Precompute(c *usage.Call) Precomputed {
	return Precomputed{
		completeness: completenessOf(c), group: keyOf('g', c.SignalGroup),
		keys: [2]key{keyOf('r', c.ResponseID), keyOf('q', c.RequestID)},
		id:   tagOfBytes(c.ID[:]), trace: tagOfBytes(c.Trace[:]), attribution: tagOf(c.OwnAttribution()),
		models: tagOf(models{c.Model, c.RequestModel}), source: tagOf(sourceOf(c)),
	}
}

func sourceOf(c *usage.Call) source {
	return source{signal: c.Signal, scope: c.Scope, process: c.Process}
}

// link is a span that is no call: only its place in the trace matters.
type link struct {
	span, parent usage.SpanID
	trace        uint32
	next         uint32 // of the trace's links
	tool         bool
}

func (l *link) tag() uint32 { return mix(binary.LittleEndian.Uint64(l.span[:]), uint64(l.trace)) }

// trace is the spans of one trace; a record without a trace id has one of its own.
type trace struct {
	id             usage.TraceID
	seen           int64  // Unix ns
	older, younger uint32 // the traces that were idle longer, and less long
	nodes          ref    // the first
	links          uint32 // the first
	count          int32  // of nodes and links
	several        bool   // nodes
	touched        bool   // by the current write
}

// group is the records of one group of a secondary signal.
type group struct {
	primary   int // records of the more complete kind
	secondary []ref
}
