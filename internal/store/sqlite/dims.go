package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// kind is a column whose texts are kept once, in dims. Some columns hold several texts that
// nearly always come together.
type kind uint8

const (
	kindModel kind = iota
	kindProvider
	kindKey // fingerprint, display
	kindUser
	kindService // service, environment
	kindProject
	kindEmitter // signal, role, echo, process, scope
	kindRequest // operation, requested model, method, path, stream
	kindErrorType
	kindPrices // price version; its id is 0 where there is none
	kindCount
)

// sep separates the texts of one value. Callers replace control characters in texts, so that
// it stands in none.
const sep = "\x1f"

func join(parts ...string) string { return strings.Join(parts, sep) }

// dimValues gives a call's value of every kind.
func dimValues(c *usage.Call) [kindCount]string {
	return [kindCount]string{
		kindModel: c.Model, kindProvider: c.Provider, kindKey: join(c.KeyFingerprint, c.KeyDisplay), kindUser: c.User,
		kindService: join(c.Service, c.Environment), kindProject: c.Project,
		kindEmitter: join(strconv.Itoa(int(c.Signal)), strconv.Itoa(int(c.Role)), strconv.FormatBool(c.Echo),
			strconv.FormatUint(c.Process, 16), c.Scope),
		kindRequest:   join(c.Operation, c.RequestModel, c.Method, c.Path, strconv.Itoa(int(c.Stream))),
		kindErrorType: c.ErrorType, kindPrices: c.PriceVersion,
	}
}

// setDims is the reverse of dimValues.
func setDims(c *usage.Call, v *[kindCount]string) {
	c.Model, c.Provider, c.User, c.Project, c.ErrorType = v[kindModel], v[kindProvider], v[kindUser], v[kindProject], v[kindErrorType]
	c.PriceVersion = v[kindPrices]
	c.KeyFingerprint, c.KeyDisplay, _ = strings.Cut(v[kindKey], sep)
	c.Service, c.Environment, _ = strings.Cut(v[kindService], sep)
	if p := strings.SplitN(v[kindEmitter], sep, 5); len(p) == 5 {
		c.Signal, c.Role, c.Echo = usage.Signal(atoi(p[0])), usage.Role(atoi(p[1])), p[2] == "true"
		c.Process, _ = strconv.ParseUint(p[3], 16, 64)
		c.Scope = p[4]
	}
	if p := strings.SplitN(v[kindRequest], sep, 5); len(p) == 5 {
		c.Operation, c.RequestModel, c.Method, c.Path, c.Stream = p[0], p[1], p[2], p[3], usage.Tristate(atoi(p[4]))
	}
}

// atoi reads a small number that dimValues wrote.
func atoi(s string) uint8 {
	n, _ := strconv.ParseUint(s, 10, 8)
	return uint8(n) //nolint:gosec // ParseUint keeps it under 256
}

// dims maps texts to their ids and back.
type dims struct {
	mu     sync.RWMutex
	ids    [kindCount]map[string]int64 // of committed texts
	values map[int64]string
}

func loadDims(ctx context.Context, db *sql.DB) (*dims, error) {
	d := &dims{values: map[int64]string{}}
	for k := range d.ids {
		d.ids[k] = map[string]int64{}
	}
	rows, err := db.QueryContext(ctx, "SELECT id, kind, value FROM dims")
	if err != nil {
		return nil, mapError("read the dimension texts", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var k int
		var v string
		if err := rows.Scan(&id, &k, &v); err != nil {
			return nil, mapError("read a dimension text", err)
		}
		if k >= 0 && k < int(kindCount) {
			d.ids[k][v] = id
		}
		d.values[id] = v
	}
	return d, mapError("read the dimension texts", rows.Err())
}

func (d *dims) id(k kind, v string) (int64, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	id, ok := d.ids[k][v]
	return id, ok
}

// announce makes the texts of ids readable that are about to be committed: a reader may see
// their rows before the writer hears of its own commit.
func (d *dims) announce(fresh map[dimText]int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for t, id := range fresh {
		d.values[id] = t.value
	}
}

// add makes texts known that are committed.
func (d *dims) add(fresh map[dimText]int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for t, id := range fresh {
		d.ids[t.kind][t.value] = id
	}
}

type dimText struct {
	kind  kind
	value string
}

// match gives the ids of a kind's texts that fulfil a condition.
func (d *dims) match(k kind, fulfils func(string) bool) []int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []int64
	for v, id := range d.ids[k] {
		if fulfils(v) {
			out = append(out, id)
		}
	}
	return out
}

// text gives the text of an id.
func (d *dims) text(id int64) (string, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	v, ok := d.values[id]
	if !ok {
		return "", fmt.Errorf("%w: a record names text %d, which is not there", store.ErrCorrupt, id)
	}
	return v, nil
}

// texts gives the texts of ids.
func (d *dims) texts(ids *[kindCount]int64) ([kindCount]string, error) {
	var out [kindCount]string
	d.mu.RLock()
	defer d.mu.RUnlock()
	for k, id := range ids {
		if id == 0 && kind(k) == kindPrices {
			continue
		}
		v, ok := d.values[id]
		if !ok {
			return out, fmt.Errorf("%w: a record names text %d, which is not there", store.ErrCorrupt, id)
		}
		out[k] = v
	}
	return out, nil
}
