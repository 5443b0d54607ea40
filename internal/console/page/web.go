package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/compress"
	"github.com/tokenboard/tokenboard/web"
)

const (
	// A file with a hash of its content in its name never changes.
	hashedFolder = "assets/"
	// The page's files are some hundred kilobytes: well compressed once, and kept.
	brotliLevel = 9
)

// mediaTypesOfPage do not depend on the settings of the machine.
var mediaTypesOfPage = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
}

// pageFile is one file of the page, with what it looks like on the wire.
type pageFile struct {
	media, tag string
	hashed     bool
	Plain      []byte
	brotli     func() []byte
	gzip       func() []byte
}

// pageFiles serves the built page. Every address that is no file is the page itself, which chooses what to show there.
type pageFiles map[string]*pageFile

func newPageFiles(files fs.FS) (pageFiles, error) {
	out := pageFiles{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read the page's %s: %w", name, err)
		}
		sum := sha256.Sum256(b)
		f := &pageFile{media: mediaTypesOfPage[path.Ext(name)], tag: `"` + hex.EncodeToString(sum[:12]) + `"`, hashed: strings.HasPrefix(name, hashedFolder), Plain: b}
		if f.media == "" {
			if f.media = mime.TypeByExtension(path.Ext(name)); f.media == "" {
				f.media = "application/octet-stream"
			}
		}
		f.brotli = sync.OnceValue(func() []byte {
			return compressed(b, func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, brotliLevel) })
		})
		f.gzip = sync.OnceValue(func() []byte {
			return compressed(b, func(w io.Writer) io.WriteCloser {
				z, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // the level is one that there is
				return z
			})
		})
		out[name] = f
		return nil
	})
	if err == nil && out["index.html"] == nil {
		err = fmt.Errorf("the page was not built: %w", fs.ErrNotExist)
	}
	return out, err
}

func compressed(b []byte, to func(io.Writer) io.WriteCloser) []byte {
	var out bytes.Buffer
	w := to(&out)
	_, _ = w.Write(b) // to memory
	_ = w.Close()
	return out.Bytes()
}

func (p pageFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, api.PageRoot)
	f := p[name]
	if f == nil {
		if strings.HasPrefix(name, hashedFolder) || path.Ext(name) != "" {
			api.WriteProblem(w, http.StatusNotFound, "the page has no such file; load "+api.PageRoot+" again")
			return
		}
		f = p["index.html"]
	}
	h := w.Header()
	h.Set("Content-Type", f.media)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache") // ask whether it is still the same
	if f.hashed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body, encoding := f.Encoded(r.Header.Get("Accept-Encoding"))
	tag := f.tag
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
		tag = strings.TrimSuffix(tag, `"`) + "-" + encoding + `"`
	}
	h.Set("ETag", tag)
	if strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that is gone needs no page
}

// Encoded returns the file in the best form that a client takes.
func (f *pageFile) Encoded(accepts string) (body []byte, encoding string) {
	switch {
	case len(f.Plain) < compress.Worthwhile:
	case compress.Accepts(accepts, "br"):
		return f.brotli(), "br"
	case compress.Accepts(accepts, "gzip"):
		return f.gzip(), "gzip"
	}
	return f.Plain, ""
}

// page serves the built page.
func page() http.Handler {
	files, err := newPageFiles(web.Page())
	if err != nil {
		panic(err) // the page is embedded, and a test looks at it
	}
	return files
}
