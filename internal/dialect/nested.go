package dialect

import (
	"encoding/json"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Some emitters put figures into one attribute as JSON text, as the text of a Python dict, or as a
// key-value list. An alias "attribute#path.to.figure" looks inside.

const (
	maxNested = 1 << 20 // bytes of a text that are looked at
	maxDepth  = 32      // levels of nesting that are looked at
)

// lookIn finds a value inside an attribute's value. A path of no names is the value itself.
func lookIn(v any, path []string) (any, bool) {
	switch c := v.(type) {
	case string:
		return lookInText(c, path)
	case pcommon.Map:
		for i, name := range path {
			inner, ok := c.Get(name)
			if !ok {
				return nil, false
			}
			if i == len(path)-1 {
				return raw(inner), true
			}
			if inner.Type() == pcommon.ValueTypeStr {
				return lookInText(inner.Str(), path[i+1:])
			}
			if inner.Type() != pcommon.ValueTypeMap {
				return nil, false
			}
			c = inner.Map()
		}
	}
	return nil, false
}

// lookInText finds a value inside JSON text, else inside a Python dict.
func lookInText(s string, path []string) (any, bool) {
	s = strings.TrimSpace(s[:min(len(s), maxNested)])
	if !strings.HasPrefix(s, "{") {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if v, ok := walk(d, path); ok {
		return v, true
	}
	if strings.Contains(s, "'") {
		p := pyParser{s: s}
		if v, ok := p.value(0); ok {
			return dig(v, path)
		}
	}
	return nil, false
}

// walk reads JSON only as far as the path leads, so that a long text costs little.
func walk(d *json.Decoder, path []string) (any, bool) {
	if len(path) == 0 {
		return decodePlain(d)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		if name == path[0] {
			return walk(d, path[1:])
		}
		if !skip(d) {
			return nil, false
		}
	}
	return nil, false
}

// skip passes over one value.
func skip(d *json.Decoder) bool {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return false
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return true
		}
	}
}

// decodePlain reads a scalar or an object of scalars; deeper values are left out.
func decodePlain(d *json.Decoder) (any, bool) {
	t, err := d.Token()
	if err != nil {
		return nil, false
	}
	if t == json.Delim('{') {
		out := map[string]any{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, false
			}
			var v json.RawMessage
			if d.Decode(&v) != nil {
				return nil, false
			}
			if len(v) <= maxNumberText {
				out[name.(string)] = scalar(v)
			}
		}
		return out, true
	}
	if n, ok := t.(json.Number); ok {
		return plainNumber(string(n)), true
	}
	if _, list := t.(json.Delim); list {
		return nil, false
	}
	return t, true
}

func scalar(v json.RawMessage) any {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	if string(v) == "null" {
		return nil
	}
	return plainNumber(string(v))
}

func plainNumber(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	return s
}

// dig follows a path through parsed values.
func dig(v any, path []string) (any, bool) {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// pyParser reads the text of a Python dict, list, string, number, True, False or None, as str()
// writes them. It evaluates nothing.
type pyParser struct {
	s string
	i int
}

func (p *pyParser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// next takes one byte if it is the given one.
func (p *pyParser) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *pyParser) value(depth int) (any, bool) {
	p.space()
	if depth > maxDepth || p.i >= len(p.s) {
		return nil, false
	}
	switch c := p.s[p.i]; c {
	case '{':
		return p.dict(depth)
	case '[', '(':
		return p.list(depth)
	case '\'', '"':
		return p.quoted(c)
	default:
		return p.word()
	}
}

func (p *pyParser) dict(depth int) (any, bool) {
	p.i++
	m := map[string]any{}
	for !p.next('}') {
		k, ok := p.value(depth + 1)
		if !ok || !p.next(':') {
			return nil, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		if name, isText := k.(string); isText {
			m[name] = v
		}
		if !p.next(',') && (p.i >= len(p.s) || p.s[p.i] != '}') {
			return nil, false
		}
	}
	return m, true
}

func (p *pyParser) list(depth int) (any, bool) {
	end := byte(']')
	if p.s[p.i] == '(' {
		end = ')'
	}
	p.i++
	var l []any
	for !p.next(end) {
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		l = append(l, v)
		if !p.next(',') && (p.i >= len(p.s) || p.s[p.i] != end) {
			return nil, false
		}
	}
	return l, true
}

func (p *pyParser) quoted(quote byte) (any, bool) {
	p.i++
	var b strings.Builder
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == quote:
			p.i++
			return b.String(), true
		case c == '\\' && p.i+1 < len(p.s):
			p.i++
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return nil, false
}

func (p *pyParser) word() (any, bool) {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte(",:]})", p.s[p.i]) < 0 {
		p.i++
	}
	switch w := strings.TrimSpace(p.s[start:p.i]); w {
	case "":
		return nil, false
	case "None":
		return nil, true
	case "True":
		return true, true
	case "False":
		return false, true
	default:
		return plainNumber(w), true
	}
}
