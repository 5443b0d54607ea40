// Package usage is the domain of Tokenboard: one Call to a model, the tokens it
// took, the money it cost, and the key that made it. It depends on nothing else
// of this module, so that every other package can speak its language.
//
// The rules behind the types (what a call is, which buckets are disjoint, what "absent" means) come from the
// OpenTelemetry GenAI conventions: https://github.com/open-telemetry/semantic-conventions-genai
package usage
