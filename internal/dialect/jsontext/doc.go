// Package jsontext reads single values out of JSON texts, and of texts of Python dicts, that telemetry has in its
// attributes. It reads only as far as a path leads and copies nothing: an answer of a megabyte in which five figures are
// looked for costs one pass over it. A text may be malformed, or of anything else.
package jsontext
