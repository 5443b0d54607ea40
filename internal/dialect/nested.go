package dialect

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/jsontext"

	"github.com/tokenboard/tokenboard/internal/dialect/value"
)

// Some emitters put figures into one attribute as JSON text, as the text of a Python dict, or as a
// key-value list. An alias "attribute#path.to.figure" looks inside.

// maxNested is how much of a text is looked at, in bytes.
const maxNested = 1 << 20

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
			plain := value.Raw(inner)
			return plain, plain != nil
		}
		return r.lookIn("", inner, rest)
	}
	return nil, false
}

// lookInText finds a value inside JSON text, else inside a Python dict. Several aliases look into one attribute, most
// of them for members of one object, so the value that was found last is remembered.
func (r *record) lookInText(name, s, path string) (any, bool) {
	s = jsontext.Trim(s[:min(len(s), maxNested)])
	if s == "" || (s[0] != '{' && s[0] != '[') {
		return nil, false
	}
	if jsontext.IsPython(s) {
		return jsontext.Dig(r.python(name, s), path)
	}
	first, rest, more := strings.Cut(path, ".")
	text, ok := r.memberOf(name, s, first)
	for ok && more {
		if text[0] == '"' { // JSON inside a string of JSON
			inner, _ := jsontext.Plain(text).(string)
			return r.lookInText("", inner, rest)
		}
		first, rest, more = strings.Cut(rest, ".")
		text, ok = jsontext.Member(text, first)
	}
	if !ok {
		return nil, false
	}
	v := jsontext.Plain(text)
	return v, v != nil
}

// looked is a member that was looked for in an attribute.
type looked struct {
	name, member, text string
	ok                 bool
}

// memberOf returns a member of the JSON in an attribute. The last few are remembered: each costs a pass over
// what may be a long answer.
func (r *record) memberOf(attribute, s, name string) (string, bool) {
	if attribute == "" {
		return jsontext.Member(s, name)
	}
	for i := range r.looked {
		if l := &r.looked[i]; l.name == attribute && l.member == name {
			return l.text, l.ok
		}
	}
	text, ok := jsontext.Member(s, name)
	r.looked[r.lookedNext%len(r.looked)] = looked{name: attribute, member: name, text: text, ok: ok}
	r.lookedNext++
	return text, ok
}

// python reads the text of a Python dict, once for all aliases that look into it.
func (r *record) python(name, s string) any {
	if name == "" || r.dictName != name {
		r.dictName, r.dict = name, jsontext.Python(s)
	}
	return r.dict
}
