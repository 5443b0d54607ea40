// Package doclinks has a test that checks what the repository's Markdown documents refer to: files, headings and
// source files must exist.
package doclinks
