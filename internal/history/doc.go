// Package history reads past calls from files: exports of Tokenboard, of
// CLIProxyAPI and of LiteLLM. It reads them one row at a time, whatever their size, and gives every
// row an identity that is the same however often the file is read.
//
// Raw keys that stand in a file leave this package as fingerprints only.
package history
