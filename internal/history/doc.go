// Package history reads past calls from files: exports of Tokenboard, CLIProxyAPI, Langfuse and Helicone, and the
// tables of LiteLLM, new-api and one-api. It reads one row at a time, whatever the size of the file, and each row has an
// identity that is the same however often the file is read.
//
// Raw keys in a file leave this package as fingerprints only, and prompts and answers are passed over.
package history
