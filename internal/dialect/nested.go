package dialect

import (
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

// lookIn finds a value inside an attribute's value.
func (r *record) lookIn(name string, v pcommon.Value, path string) (any, bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return r.lookInText(name, v.Str(), path)
	case pcommon.ValueTypeMap:
		first, rest, more := strings.Cut(path, ".")
		inner, ok := v.Map().Get(first)
		if !ok {
			return nil, false
		}
		if !more {
			plain := raw(inner)
			return plain, plain != nil
		}
		return r.lookIn("", inner, rest)
	}
	return nil, false
}

// lookInText finds a value inside JSON text, else inside a Python dict. Several aliases look into one
// attribute, most of them for members of one object, so that what was found last is remembered.
func (r *record) lookInText(name, s, path string) (any, bool) {
	s = trimJSON(s[:min(len(s), maxNested)])
	if s == "" || (s[0] != '{' && s[0] != '[') {
		return nil, false
	}
	if s[0] == '{' {
		if i := spaces(s, 1); i < len(s) && s[i] == '\'' {
			return dig(r.python(name, s), path)
		}
	}
	first, rest, more := strings.Cut(path, ".")
	text, ok := r.memberOf(name, s, first)
	for ok && more {
		if text[0] == '"' { // JSON inside a string of JSON
			inner, _ := plain(text).(string)
			return r.lookInText("", inner, rest)
		}
		first, rest, more = strings.Cut(rest, ".")
		text, ok = member(text, first)
	}
	if !ok {
		return nil, false
	}
	v := plain(text)
	return v, v != nil
}

// looked is a member that was looked for in an attribute.
type looked struct {
	name, member, text string
	ok                 bool
}

// memberOf gives a member of the JSON in an attribute. The last few are remembered: each costs a pass over
// what may be a long answer.
func (r *record) memberOf(attribute, s, name string) (string, bool) {
	if attribute == "" {
		return member(s, name)
	}
	for i := range r.looked {
		if l := &r.looked[i]; l.name == attribute && l.member == name {
			return l.text, l.ok
		}
	}
	text, ok := member(s, name)
	r.looked[r.lookedNext%len(r.looked)] = looked{name: attribute, member: name, text: text, ok: ok}
	r.lookedNext++
	return text, ok
}

// python reads the text of a Python dict, once for all aliases that look into it.
func (r *record) python(name, s string) any {
	if name == "" || r.dictName != name {
		p := pyParser{s: s}
		v, ok := p.value(0)
		if !ok {
			v = nil
		}
		r.dictName, r.dict = name, v
	}
	return r.dict
}

// dig follows a path through parsed values.
func dig(v any, path string) (any, bool) {
	for more := true; more; {
		var name string
		name, path, more = strings.Cut(path, ".")
		switch m := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = m[name]; !ok {
				return nil, false
			}
		case []any:
			n, err := strconv.ParseUint(name, 10, 8)
			if err != nil || int(n) >= len(m) {
				return nil, false
			}
			v = m[n]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// pyParser reads the text of a Python dict, list, string, number, True, False, None or simple object, as
// str() writes them. It evaluates nothing.
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
		return p.word(depth)
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

func (p *pyParser) word(depth int) (any, bool) {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte(",:=([]{})", p.s[p.i]) < 0 {
		p.i++
	}
	w := strings.TrimSpace(p.s[start:p.i])
	if p.i < len(p.s) && p.s[p.i] == '(' && w != "" {
		return p.object(depth)
	}
	switch w {
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

// object reads what an object tells of itself: Usage(prompt_tokens=36, details=None).
func (p *pyParser) object(depth int) (any, bool) {
	p.i++
	m := map[string]any{}
	for !p.next(')') {
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		if name, isText := v.(string); isText && p.next('=') {
			if m[name], ok = p.value(depth + 1); !ok {
				return nil, false
			}
		}
		if !p.next(',') && (p.i >= len(p.s) || p.s[p.i] != ')') {
			return nil, false
		}
	}
	return m, true
}
