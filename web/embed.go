// Package web holds the console's built page. Its source is beside this file; `make web` builds it, and
// what is built is committed, so that a Go build needs no npm.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Page returns the files of the built page; index.html is at its root.
func Page() fs.FS {
	page, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return page
}
