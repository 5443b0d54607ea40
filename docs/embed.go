// Package docs has the documents that the program itself shows.
package docs

import _ "embed"

// Glossary is glossary.md, the terms of Tokenboard, in Markdown.
//
//go:embed glossary.md
var Glossary string
