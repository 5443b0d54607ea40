package rollup

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Dimension is a dimension whose sums are kept. They are narrow ones: sums over all dimensions at once
// would be as many as there are calls.
type Dimension uint8

// The dimensions. All has one value.
const (
	All Dimension = iota
	Models
	Keys
	Users
	Services
	Projects
	Statuses
	DimensionCount
)

// ValueOf returns a call's value of a dimension.
func ValueOf(a Dimension, c *usage.Call) Value {
	switch a {
	case Models:
		return Value{Value: c.Model, Provider: c.Provider}
	case Keys:
		return Value{Value: c.KeyFingerprint}
	case Users:
		return Value{Value: c.User}
	case Services:
		return Value{Value: c.Service}
	case Projects:
		return Value{Value: c.Project}
	case Statuses:
		return Value{Value: StatusOf(c)}
	default:
		return Value{}
	}
}

// StatusOf names a call's outcome: "ok" or "error", with the HTTP status where it is known.
func StatusOf(c *usage.Call) string {
	outcome := 0
	if c.Failed {
		outcome = 1
	}
	if c.Status < 0 || c.Status >= len(statuses[0]) {
		return outcomes[outcome] + " " + strconv.Itoa(c.Status)
	}
	return statuses[outcome][c.Status]
}

var outcomes = [...]string{"ok", "error"}

// statuses names the outcomes of the HTTP statuses that there are.
var statuses = func() (names [2][600]string) {
	for i, outcome := range outcomes {
		names[i][0] = outcome
		for status := 1; status < len(names[i]); status++ {
			names[i][status] = outcome + " " + strconv.Itoa(status)
		}
	}
	return names
}()

// dimensionValues numbers the values of a dimension, so that their names are kept once.
type dimensionValues struct {
	ids   map[Value]uint32
	names []Value  // by number
	free  []uint32 // numbers that no page uses
	bounds
}

// id returns a value's number, a new one where it has none.
func (x *dimensionValues) id(m Value) uint32 {
	id, known := x.ids[m]
	if known {
		return id
	}
	m = Value{strings.Clone(m.Value), strings.Clone(m.Provider)} // not a part of something larger
	if n := len(x.free); n > 0 {
		id, x.free = x.free[n-1], x.free[:n-1]
		x.names[id], x.first[id] = m, noDay
	} else {
		id = uint32(len(x.names))
		x.names, x.first = append(x.names, m), append(x.first, noDay)
	}
	x.ids[m] = id
	return id
}

// forget frees the numbers of values that are on no page any more. A concurrent reader of pages keeps
// the names that it began with.
func (r *Rollup) forget(a Dimension) {
	x := &r.dimensions[a]
	used := make([]bool, len(x.names))
	for _, id := range x.free {
		used[id] = true // free already
	}
	for _, d := range r.days {
		p := &d[a]
		for _, id := range p.ids {
			used[id] = true
		}
		for id := range p.pendingChanges {
			used[id] = true
		}
	}
	x.names = slices.Clone(x.names)
	for id := range used {
		if !used[id] {
			delete(x.ids, x.names[id])
			if a == Keys {
				delete(r.lastUsed, x.names[id].Value)
			}
			x.names[id] = Value{}
			x.free = append(x.free, uint32(id))
		}
	}
}
