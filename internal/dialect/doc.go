// Package dialect reads token usage out of the spans and log records of any emitter. Each emitter is a
// row in package tables; the code that reads the tables depends on no emitter.
//
// A record is read in four steps: which role it has in its trace (roles.go), which family of attribute names has the
// most complete figures (family.go, fullest.go), whether its input includes the cache and its output the reasoning
// (package usage/figures), and who, what and when (describe.go).
//
// Everything in a record is hostile: figures that cannot be are left out and flagged, texts are clipped and cleaned,
// nested values are read to a bounded depth. Nothing here may panic, clamp a figure silently, or keep prompt and answer
// texts.
package dialect
