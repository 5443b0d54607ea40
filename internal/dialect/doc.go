// Package dialect reads token usage out of the spans and log records of any emitter. What is
// known of an emitter is a row in a table (the family_*.go files, facts.go, roles.go); the code that
// reads the tables knows no emitter.
//
// A record is read in four steps: which role it has in its trace (roles.go), which family of
// attribute names tells its tokens most fully (family.go), whether its input includes the
// cache and its output the reasoning (figures.go), and who, what and when (facts.go).
//
// Everything in a record is hostile: figures that cannot be are left out and flagged, texts are
// clipped and cleaned, nested values are read to a bounded depth. Nothing here may panic, clamp a
// figure silently, or keep prompt and answer texts.
package dialect
