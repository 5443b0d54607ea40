package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name   string // in the archive's folder
	source string
	mode   int64
}

// entries are the files of a platform's archive, in the order in which they are written.
func (r *release) entries(p platform, binary string) []entry {
	all := []entry{
		{p.binary(), binary, 0o755},
		{"LICENSE", filepath.Join(r.root, "LICENSE"), 0o644},
		{"README.md", filepath.Join(r.root, "README.md"), 0o644},
		{"README.zh-CN.md", filepath.Join(r.root, "README.zh-CN.md"), 0o644},
		{"CHANGELOG.md", filepath.Join(r.root, "CHANGELOG.md"), 0o644},
		{"config.yaml", filepath.Join(r.root, "examples/quickstart/config.yaml"), 0o644},
	}
	if p.os != "windows" {
		all = append(all, entry{"tokenboard.1", filepath.Join(r.root, "packaging/tokenboard.1"), 0o644})
	}
	if p.os == "linux" {
		all = append(all, entry{"tokenboard.service", filepath.Join(r.root, "examples/systemd/tokenboard.service"), 0o644})
	}
	return all
}

// archive writes a platform's archive: zip for Windows, tar.gz for the others.
func (r *release) archive(p platform, binary string) (err error) {
	folder := fmt.Sprintf("tokenboard-%s-%s", r.revision.version, p)
	write, extension := writeTar, ".tar.gz"
	if p.os == "windows" {
		write, extension = writeZip, ".zip"
	}
	f, err := os.OpenFile(filepath.Join(r.out, folder+extension), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("make the archive for %s: %w", p, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := write(f, folder, r.entries(p, binary), r.revision.time); err != nil {
		return fmt.Errorf("write the archive for %s: %w", p, err)
	}
	return nil
}

func writeTar(w io.Writer, folder string, entries []entry, modified time.Time) error {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	out := tar.NewWriter(compressed)
	for _, e := range entries {
		b, err := os.ReadFile(e.source)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: path.Join(folder, e.name), Mode: e.mode, Size: int64(len(b)), ModTime: modified, Format: tar.FormatUSTAR}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return errors.Join(out.Close(), compressed.Close())
}

func writeZip(w io.Writer, folder string, entries []entry, modified time.Time) error {
	out := zip.NewWriter(w)
	for _, e := range entries {
		b, err := os.ReadFile(e.source)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: path.Join(folder, e.name), Method: zip.Deflate, Modified: modified}
		h.SetMode(os.FileMode(e.mode))
		f, err := out.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	return out.Close()
}
