package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Until schema 6 every record was a row of the table calls. This file reads these rows once, and knows
// nothing else.

// the bits of the column calls.state
const (
	oldCounted = 1
	oldFailed  = 2
	oldReason  = 4
	oldReasons = 64
	oldLent    = oldReason * oldReasons
)

const oldRows = `SELECT c.key, c.id, c.start_offset, c.parent, c.state, c.superseded_by, c.seen,
c.model, c.provider, c.api_key, c.user, c.service, c.project, c.emitter, c.request, c.error_type, c.status,
c.input_uncached, c.cache_read, c.cache_write, c.output_text, c.reasoning, c.fields,
c.cost, c.reported_cost, c.quality, c.duration, c.ttft, c.cache_write_1h, c.modalities, c.prices,
i.trace, i.span, i.response_id, i.request_id, i.session, i.echo_group, (SELECT substr(value, 1, 1) FROM dims WHERE id = c.emitter)
FROM calls c LEFT JOIN call_ids i ON i.key = c.key ORDER BY c.key`

// rowsToBlocks puts the rows into blocks. A row's key is near its start, but not in the order of starts
// where many began in one microsecond: an hour is complete when a row of the hour after the next comes.
func rowsToBlocks(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, oldRows)
	if err != nil {
		return err
	}
	defer rows.Close()
	into := &Engine{}
	waiting := map[int64][]block.Row{}
	store := func(before int64) error {
		for hour, all := range waiting {
			if hour >= before {
				continue
			}
			delete(waiting, hour)
			slices.SortFunc(all, func(a, b block.Row) int {
				p, q := placeOf(a.Record), placeOf(b.Record)
				return p.compare(&q)
			})
			for _, b := range into.build(hour, all) {
				if err := insertBuilt(ctx, tx, b); err != nil {
					return err
				}
			}
		}
		return nil
	}
	newest := int64(0)
	for rows.Next() {
		row, err := oldRow(rows)
		if err != nil {
			return err
		}
		hour := hourOf(row.Record.Start.UnixNano())
		if hour > newest {
			newest = hour
			if err := store(newest - 1); err != nil {
				return err
			}
		}
		waiting[hour] = append(waiting[hour], row)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := store(newest + 1); err != nil {
		return err
	}
	for _, q := range []string{"DROP TABLE calls", "DROP TABLE call_ids", "DROP TABLE gaps"} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func insertBuilt(ctx context.Context, tx *sql.Tx, b *built) error {
	_, err := tx.ExecContext(ctx, insertBlock,
		b.id, b.hour, b.first, b.last, b.records, []byte(b.summary))
	if err == nil {
		_, err = tx.ExecContext(ctx, insertData, b.id, b.figures, b.names)
	}
	return err
}

func oldRow(row *sql.Rows) (block.Row, error) {
	var (
		key, offset, state, seen, fields, quality, duration, ttft int64
		id, parent, supersededBy, modalities, trace, span         []byte
		reported                                                  sql.NullInt64
		responseID, requestID, session, group, signal             sql.NullString
		dims                                                      block.Texts
	)
	r := &store.Record{}
	t := &r.Tokens
	err := row.Scan(&key, &id, &offset, &parent, &state, &supersededBy, &seen,
		&dims[kindModel], &dims[kindProvider], &dims[kindKey], &dims[kindUser], &dims[kindService],
		&dims[kindProject], &dims[kindEmitter], &dims[kindRequest], &dims[kindErrorType], &r.Status,
		&t.InputUncached, &t.CacheRead, &t.CacheWrite, &t.OutputText, &t.Reasoning, &fields,
		&r.Cost, &reported, &quality, &duration, &ttft, &t.CacheWrite1h, &modalities, &dims[kindPrices],
		&trace, &span, &responseID, &requestID, &session, &group, &signal)
	if err != nil {
		return block.Row{}, err
	}
	copy(r.ID[:], id)
	copy(r.Parent[:], parent)
	copy(r.SupersededBy[:], supersededBy)
	copy(r.Trace[:], trace)
	copy(r.Span[:], span)
	if signal.Valid {
		r.Signal = usage.Signal(atoi(signal.String))
	}
	r.Start = time.Unix(0, key>>12*1000+offset).UTC() // microseconds, and what they lack
	r.Seen = time.Unix(seen, 0).UTC()
	r.Counted, r.Failed = state&oldCounted != 0, state&oldFailed != 0
	r.Reason = store.Reason(state / oldReason % oldReasons)
	r.Lent = usage.Lent(state / oldLent)
	t.Fields = usage.TokenFields(fields)
	r.Quality = usage.Quality(quality)
	r.Duration, r.TTFT = time.Duration(duration), time.Duration(ttft)
	r.ReportedCost, r.HasReportedCost = usage.NanoUSD(reported.Int64), reported.Valid
	r.ResponseID, r.RequestID, r.Session, r.Group = responseID.String, requestID.String, session.String, group.String
	r.Modalities = block.UnpackModalities(modalities)
	return block.Row{Record: r, Texts: dims}, nil
}
