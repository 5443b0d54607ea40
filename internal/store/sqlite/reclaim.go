package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
)

// Texts whose records were dropped would keep their numbers for good, and with them the room of others. So
// when there is little room left, and many records were dropped, all blocks are looked through, some at a
// time between which others write, and the texts are forgotten that none of them has. A block never changes,
// and a new one has a greater id than all before it: who goes through them by their ids sees all there are.

const (
	// sweepBlocks is how many blocks one step looks at, some ten microseconds each.
	sweepBlocks = 1_000
	// sweepSteps bounds the steps of one Vacuum.
	sweepSteps = 8
	// crowdedShare and droppedShare say when it is due: when three quarters of a kind's numbers are given, and
	// one in sixteen records was dropped since the last time.
	crowdedShare = 4
	droppedShare = 16
)

// sweep is a search for texts that no record has. The writer's.
type sweep struct {
	after int64  // blocks with ids up to this one were looked at
	used  []bool // by number
}

func (s *sweep) use(number uint64) {
	if number < uint64(len(s.used)) {
		s.used[number] = true
	}
}

// crowded tells whether there is little room for further texts of some kind.
func (d *dims) crowded() bool {
	return slices.ContainsFunc(d.counts[:], func(n int) bool { return n > 0 && n >= d.limit-d.limit/crowdedShare })
}

// sweepStep does a step of the search, where it is due, and tells whether there are more.
func (e *Engine) sweepStep(ctx context.Context) (more bool, err error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.resolveUnknownCommit(ctx); err != nil { // the view is then what is on disk
		return false, err
	}
	v := e.view.Load()
	if e.sweep == nil {
		if !e.dims.crowded() || e.dropped*droppedShare < v.records {
			return false, nil
		}
		e.sweep = &sweep{}
	}
	s := e.sweep
	for len(s.used) < len(e.dims.values) {
		s.used = append(s.used, false)
	}
	ids := v.blocksAfter(s.after)
	for _, id := range ids[:min(len(ids), sweepBlocks)] {
		if err := e.sweepBlock(ctx, s, id); err != nil {
			return false, err
		}
		s.after = id
	}
	if len(ids) > sweepBlocks {
		return true, nil
	}
	if err := e.sweepRecent(ctx, s); err != nil {
		return false, err
	}
	return false, e.forgetTexts(ctx, s.used)
}

// sweepRecent looks at what was written since blocks were last changed, as it is on disk: a start reads
// earlier forms of records too, which memory has not.
func (e *Engine) sweepRecent(ctx context.Context, s *sweep) error {
	rows, err := e.writer.conn.QueryContext(ctx, "SELECT data FROM recent")
	if err != nil {
		return mapError("read what was written lately", err)
	}
	defer rows.Close()
	for rows.Next() {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return mapError("read what was written lately", err)
		}
		err := eachRecent(data, func(figures, _ []byte) error { return s.useFigures(figures) }, func(place) {})
		if err != nil {
			return err
		}
	}
	return mapError("read what was written lately", rows.Err())
}

// blocksAfter lists the blocks with greater ids, ascending.
func (v *view) blocksAfter(id int64) (ids []int64) {
	for _, h := range v.hours {
		for _, b := range h.blocks {
			if b.id > id {
				ids = append(ids, b.id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

func (e *Engine) sweepBlock(ctx context.Context, s *sweep, id int64) error {
	data, err := e.writer.fetchFigures(ctx, id)
	if err != nil {
		return err
	}
	if err := s.useFigures(data); err != nil {
		return damaged(id, err)
	}
	return nil
}

// useFigures notes the texts that figures name.
func (s *sweep) useFigures(data []byte) error {
	f, err := block.OpenFigures(data)
	if err != nil {
		return err
	}
	for k := range int(kindCount) {
		for _, n := range f.Dictionary(k).Values {
			s.use(n)
		}
	}
	return f.Err()
}

// forgetTexts removes the texts that are not used.
func (e *Engine) forgetTexts(ctx context.Context, used []bool) error {
	var unused []uint32
	for n := range used {
		if n > 0 && !used[n] && e.dims.values[n].kind < kindCount {
			unused = append(unused, uint32(n))
		}
	}
	done := func() {
		e.dims.remove(unused)
		e.sweep, e.dropped = nil, 0
		next := *e.view.Load()
		e.show(&next)
	}
	if len(unused) == 0 {
		done()
		return nil
	}
	list, err := json.Marshal(unused)
	if err != nil {
		return fmt.Errorf("list the texts that no record has: %w", err)
	}
	return e.write(ctx, store.NewWriteID(), 0, func() error {
		_, err := e.writer.conn.ExecContext(ctx, "DELETE FROM dims WHERE id IN (SELECT value FROM json_each(?))", string(list))
		return mapError("forget texts that no record has", err)
	}, done)
}

// remove forgets texts. Who has the values from before keeps them.
func (d *dims) remove(numbers []uint32) {
	if len(numbers) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.values = slices.Clone(d.values)
	for _, n := range numbers {
		k := d.values[n]
		delete(d.numbers, k)
		d.counts[k.kind]--
		d.values[n] = dimKey{kind: kindCount}
	}
	d.free = append(d.free, numbers...)
	slices.SortFunc(d.free, func(a, b uint32) int { return int(b) - int(a) })
	// the shortcuts may lead to what was removed
	d.byText, d.last = [kindCount]map[string]uint32{}, [kindCount]uint32{}
	for n := range d.values {
		if n > 0 && d.values[n].kind < kindCount {
			d.name(uint32(n))
		}
	}
}

// texts tells how many texts of each kind have numbers.
func (d *dims) texts() []store.DictionaryUse {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := make([]store.DictionaryUse, 0, kindCount)
	for k, n := range d.counts {
		out = append(out, store.DictionaryUse{Kind: kindNames[k], Count: n, Max: d.limit})
	}
	return out
}

// kindNames are the kinds for people.
var kindNames = [kindCount]string{
	kindModel: "model", kindProvider: "provider", kindKey: "key", kindUser: "user", kindService: "service", kindProject: "project",
	kindEmitter: "emitter", kindRequest: "request", kindErrorType: "error_type", kindPrices: "price_version",
}

// show makes a view the one that readers see, with the texts that are known now.
func (e *Engine) show(v *view) {
	v.dims = e.dims.all()
	e.view.Store(v)
}
