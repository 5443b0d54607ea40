// Package strictjson reads untrusted JSON in a way that no two readers can disagree about:
// exactly one value, names that match a field letter by letter and occur once, text that is
// UTF-8, values that are not nested without bound.
//
// Its errors name the field and the kind of its value, never the value: a body may hold a
// password.
package strictjson

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json" // encoding/json/v2, for Go versions in which it is an experiment
	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth bounds how deep values may be nested.
const MaxDepth = 100

// maxNamed bounds what an error repeats of a field's name, in bytes.
const maxNamed = 100

// Error says what is wrong with a JSON text.
type Error struct {
	Field  string // path such as limits.tokens.day, as the text spells it; "" where it is no one field
	Reason string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return fmt.Sprintf("the field %q %s", e.Field, e.Reason)
}

// Unmarshal reads one value. Options can allow more than the rules above. The error is always an *Error.
func Unmarshal(data []byte, into any, options ...json.Options) error {
	if tooDeep(data) {
		return &Error{Reason: fmt.Sprintf("it is nested deeper than %d levels", MaxDepth)}
	}
	if err := json.Unmarshal(data, into, options...); err != nil {
		return explain(err)
	}
	return nil
}

// tooDeep counts brackets outside of texts. Text that is not JSON at all is found later.
func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

func explain(err error) *Error {
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntactic) && errors.Is(syntactic.Err, jsontext.ErrDuplicateName):
		return &Error{path(syntactic.JSONPointer), "is there twice; send it once"}
	case errors.As(err, &syntactic):
		return &Error{Reason: fmt.Sprintf("it is not valid JSON at byte %d", syntactic.ByteOffset)}
	case errors.As(err, &semantic) && errors.Is(semantic.Err, json.ErrUnknownName):
		return &Error{path(semantic.JSONPointer), "is unknown; names match letter by letter"}
	case errors.As(err, &semantic) && semantic.JSONKind == '0' && semantic.Err != nil:
		return &Error{path(semantic.JSONPointer), "is a number out of its range, or one that is not whole"}
	case errors.As(err, &semantic) && semantic.Err != nil:
		return &Error{path(semantic.JSONPointer), "is " + kinds[semantic.JSONKind] + " of a wrong form"}
	case errors.As(err, &semantic):
		return &Error{path(semantic.JSONPointer), "must not be " + kinds[semantic.JSONKind]}
	}
	return &Error{Reason: "it is not JSON of the right form"}
}

var kinds = map[jsontext.Kind]string{
	0: "a value", 'n': "null", 'f': "a boolean", 't': "a boolean", '"': "a string", '0': "a number", '{': "an object", '[': "an array",
}

func path(p jsontext.Pointer) string {
	var names []string
	for name := range p.Tokens() {
		names = append(names, name)
	}
	s := strings.Join(names, ".")
	if len(s) > maxNamed {
		s = strings.ToValidUTF8(s[:maxNamed], "") + "…"
	}
	return s
}
