package sqlite

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
)

// condition is a WHERE clause under construction. Values only ever go in as parameters.
type condition struct {
	parts []string
	args  []any
}

func (c *condition) add(sql string, args ...any) {
	c.parts = append(c.parts, sql)
	c.args = append(c.args, args...)
}

// in asks for one of some ids; none matches nothing.
func (c *condition) in(column string, ids []int64) {
	sql, args := inList(column, ids)
	c.add(sql, args...)
}

// maxParameters bounds the parameters of one list: SQLite takes 32,766 in a statement.
const maxParameters = 1_000

func inList(column string, ids []int64) (string, []any) {
	if len(ids) == 0 {
		return "0", nil
	}
	if len(ids) > maxParameters {
		list, _ := json.Marshal(ids) // numbers
		return column + " IN (SELECT value FROM json_each(?))", []any{string(list)}
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return column + " IN (?" + strings.Repeat(",?", len(ids)-1) + ")", args
}

func (c *condition) sql() string {
	if len(c.parts) == 0 {
		return "1"
	}
	return strings.Join(c.parts, " AND ")
}

const exactStart = "((c.key >> 12) * 1000 + c.start_offset)"

// where turns a filter into a condition over callTables.
func (e *Engine) where(f *store.Filter) *condition {
	c := &condition{}
	if f.None {
		c.add("0")
		return c
	}
	if !f.From.IsZero() && f.From.UnixMicro() > 0 {
		c.add("c.key >= ?", min(f.From.UnixMicro(), maxMicros)<<idBits)
		if f.From.Nanosecond()%1000 != 0 {
			c.add(exactStart+" >= ?", f.From.UnixNano())
		}
	}
	if !f.To.IsZero() {
		us := max(min(f.To.UnixMicro()+1, maxMicros), 0)
		c.add("c.key < ? AND "+exactStart+" < ?", (us+maxProbes)<<idBits, us*1000-1000+int64(f.To.Nanosecond()%1000))
	}
	if !f.Superseded {
		c.add("c.state & 1")
	}
	e.whereDims(c, f)
	whereStatus(c, f.Statuses)
	for _, t := range f.Text {
		e.whereText(c, t)
	}
	return c
}

// first gives the text before the separator.
func first(v string) string {
	v, _, _ = strings.Cut(v, sep)
	return v
}

func (e *Engine) whereDims(c *condition, f *store.Filter) {
	for _, d := range []struct {
		kind   kind
		column string
		values []string
	}{
		{kindModel, "c.model", f.Models}, {kindProvider, "c.provider", f.Providers}, {kindKey, "c.api_key", f.Keys},
		{kindUser, "c.user", f.Users}, {kindService, "c.service", f.Services}, {kindProject, "c.project", f.Projects},
	} {
		if len(d.values) == 0 {
			continue
		}
		wanted := map[string]bool{}
		for _, v := range d.values {
			wanted[v] = true
		}
		c.in(d.column, e.dims.match(d.kind, func(v string) bool { return wanted[first(v)] }))
	}
}

func whereStatus(c *condition, statuses []string) {
	if len(statuses) == 0 {
		return
	}
	var parts []string
	var args []any
	for _, s := range statuses {
		switch s {
		case "ok":
			parts = append(parts, "NOT c.state & 2")
		case "error":
			parts = append(parts, "c.state & 2")
		default:
			if code, err := strconv.Atoi(s); err == nil && code > 0 {
				parts = append(parts, "c.status = ?")
				args = append(args, code)
			}
		}
	}
	if len(parts) == 0 {
		parts = []string{"0"}
	}
	c.add("("+strings.Join(parts, " OR ")+")", args...)
}

// whereText matches one search term. Dimension texts are matched here and give ids; only ids of
// single calls are matched by the database, literally.
func (e *Engine) whereText(c *condition, t store.Term) {
	needle := strings.ToLower(t.Value)
	var parts []string
	var args []any
	or := func(sql string, more ...any) {
		parts = append(parts, sql)
		args = append(args, more...)
	}
	dim := func(field string, k kind, column string, part int) {
		if t.Field != "" && t.Field != field {
			return
		}
		ids := e.dims.match(k, func(v string) bool {
			p := strings.Split(v, sep)
			return part < len(p) && strings.Contains(strings.ToLower(p[part]), needle)
		})
		if len(ids) > 0 {
			sql, more := inList(column, ids)
			or(sql, more...)
		}
	}
	dim("model", kindModel, "c.model", 0)
	dim("model", kindRequest, "c.request", 1)
	dim("path", kindRequest, "c.request", 3)
	dim("error", kindErrorType, "c.error_type", 0)
	dim("user", kindUser, "c.user", 0)
	dim("service", kindService, "c.service", 0)
	dim("provider", kindProvider, "c.provider", 0)
	dim("key", kindKey, "c.api_key", 0)
	dim("key", kindKey, "c.api_key", 1)
	if t.Field == "" || t.Field == "request_id" {
		or("instr(lower(coalesce(i.request_id, '')), ?) > 0", needle)
		or("instr(lower(coalesce(i.response_id, '')), ?) > 0", needle)
	}
	if t.Field == "" || t.Field == "trace_id" {
		or("instr(lower(hex(coalesce(i.trace, substr(c.id, 1, 16)))), ?) > 0", needle)
	}
	if len(parts) == 0 {
		parts = []string{"0"}
	}
	c.add("("+strings.Join(parts, " OR ")+")", args...)
}
