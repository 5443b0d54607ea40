package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Source is a database that nobody writes to.
type Source interface {
	// Rows visits the rows of a table until visit fails, in no order where Tables says none. The row's bytes are valid during the visit only.
	Rows(ctx context.Context, t Table, visit func(Row) error) error
	Values(ctx context.Context) (Values, error)
}

// Target is an empty database that stores what it is given as a whole, when all of it was verified, or nothing.
type Target interface {
	Source // of what it was given so far
	// Insert adds rows to a table.
	Insert(ctx context.Context, t Table, rows []Row) error
	SetValues(ctx context.Context, v Values) error
}

// ErrDiffers is the error of a copy that is not what was copied.
var ErrDiffers = errors.New("the copy differs from the original")

// ErrNotEmpty is the error of a target that holds something.
var ErrNotEmpty = errors.New("the database to move to is not empty")

// Progress is how far Move is.
type Progress struct {
	Table     string
	Rows      int64 // of the table
	Verifying bool  // or copying
	Done      bool  // with this table
}

// A batch of rows is inserted at once.
const (
	batchRows  = 2_000
	batchBytes = 4 << 20
)

// Move copies all tables and values, reads them back from the target, and compares number and content of the rows. It
// returns the number of rows by table. Where the copy differs it returns ErrDiffers: the target must not store it.
func Move(ctx context.Context, from Source, to Target, progress func(Progress)) (rows map[string]int64, err error) {
	copied := map[string]digest{}
	for _, t := range Tables() {
		d, err := copyTable(ctx, from, to, t, progress)
		if err != nil {
			return nil, fmt.Errorf("copy the table %s: %w", t.Name, err)
		}
		copied[t.Name] = d
	}
	values, err := from.Values(ctx)
	if err != nil {
		return nil, err
	}
	if err := to.SetValues(ctx, values); err != nil {
		return nil, err
	}
	rows = map[string]int64{}
	for _, t := range Tables() {
		d, err := digestOf(ctx, to, t, progress)
		if err != nil {
			return nil, fmt.Errorf("verify the table %s: %w", t.Name, err)
		}
		if want := copied[t.Name]; d != want {
			return nil, fmt.Errorf("%w: table %s (%d rows, and %d in the copy)", ErrDiffers, t.Name, want.rows, d.rows)
		}
		rows[t.Name] = d.rows
	}
	got, err := to.Values(ctx)
	if err != nil {
		return nil, err
	}
	if !got.follows(values) {
		return nil, fmt.Errorf("%w: its state is %+v, and not %+v", ErrDiffers, got, values)
	}
	return rows, nil
}

func copyTable(ctx context.Context, from Source, to Target, t Table, progress func(Progress)) (d digest, err error) {
	var batch []Row
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := to.Insert(ctx, t, batch)
		batch, size = batch[:0], 0
		progress(Progress{Table: t.Name, Rows: d.rows})
		return err
	}
	err = from.Rows(ctx, t, func(r Row) error {
		n, err := d.add(&t, r)
		if err != nil {
			return err
		}
		batch, size = append(batch, r.clone()), size+n
		if len(batch) >= batchRows || size >= batchBytes {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		progress(Progress{Table: t.Name, Rows: d.rows, Done: true})
	}
	return d, err
}

func (r Row) clone() Row {
	c := make(Row, len(r))
	for i, v := range r {
		if b, ok := v.([]byte); ok {
			v = append(make([]byte, 0, len(b)), b...)
		}
		c[i] = v
	}
	return c
}

func digestOf(ctx context.Context, of Source, t Table, progress func(Progress)) (d digest, err error) {
	err = of.Rows(ctx, t, func(r Row) error {
		_, err := d.add(&t, r)
		if d.rows%batchRows == 0 {
			progress(Progress{Table: t.Name, Rows: d.rows, Verifying: true})
		}
		return err
	})
	if err == nil {
		progress(Progress{Table: t.Name, Rows: d.rows, Verifying: true, Done: true})
	}
	return d, err
}

// digest identifies a set of rows, in whichever order they come: the sum of their hashes, in four parts that wrap around.
type digest struct {
	rows int64
	sum  [4]uint64
}

// add adds a row and returns its size in bytes.
func (d *digest) add(t *Table, r Row) (int, error) {
	if len(r) != len(t.Columns) {
		return 0, fmt.Errorf("%w: a row has %d columns, and not %d", store.ErrCorrupt, len(r), len(t.Columns))
	}
	var b []byte
	for i, v := range r {
		switch v := v.(type) {
		case nil:
			b = append(b, 'n')
		case int64:
			b = binary.LittleEndian.AppendUint64(append(b, 'i'), uint64(v))
		case bool:
			b = append(b, 'f')
			if v {
				b[len(b)-1] = 't'
			}
		case string:
			b = append(binary.AppendUvarint(append(b, 's'), uint64(len(v))), v...)
		case []byte:
			b = append(binary.AppendUvarint(append(b, 'b'), uint64(len(v))), v...)
		default:
			return 0, fmt.Errorf("column %s has a value of type %T", t.Columns[i].Name, v)
		}
	}
	hash := sha256.Sum256(b)
	for i := range d.sum {
		d.sum[i] += binary.LittleEndian.Uint64(hash[8*i:])
	}
	d.rows++
	return len(b), nil
}

// Counts is what both sides have to agree on when they are asked as engines: the number of records, and the sums over all
// that count.
type Counts struct {
	Records int64
	Totals  store.Total
}

// Count asks an engine.
func Count(ctx context.Context, e store.Calls) (c Counts, err error) {
	info, err := e.Info(ctx)
	if err != nil {
		return c, err
	}
	c.Records = info.Records
	totals, err := e.Totals(ctx, store.Filter{}, nil, 1)
	if err == nil && len(totals) > 0 {
		c.Totals = totals[0]
		c.Totals.Values = nil // there is no group
	}
	return c, err
}
