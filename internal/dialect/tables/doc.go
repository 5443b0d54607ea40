// Package tables holds what is known of emitters, as data: the names under which each family of them has token counts
// and descriptive attributes, what its spans are, what holds texts, keys and URLs. Package dialect reads records by them.
package tables
