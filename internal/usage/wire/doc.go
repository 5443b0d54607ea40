// Package wire has the bytes in which replicas hand calls to each other through the database: batches that one accepted
// and another one decides, and what a commit changed. docs/formats/delivery.md describes them.
//
// Reading never panics and never allocates more than the bytes can describe, whatever they hold. All of a call is kept: a
// call that went through here is the same call.
package wire
