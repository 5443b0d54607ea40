package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

// serviceChanges make the unit of a package from the one in examples/systemd: the program is where packages put
// it, and the service runs as the user that the package makes, so that files keep their owner.
var serviceChanges = [][2]string{
	{"ExecStart=/usr/local/bin/tokenboard ", "ExecStart=/usr/bin/tokenboard "},
	{"DynamicUser=yes\n", "User=tokenboard\nGroup=tokenboard\n"},
}

// pack writes a Debian or RPM package of a Linux binary, and returns its name.
func (r *release) pack(format, arch, binary string) (name string, err error) {
	work, err := os.MkdirTemp("", "tokenboard-package")
	if err != nil {
		return "", fmt.Errorf("make a folder for the package: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	info, err := r.packageInfo(format, arch, binary, work)
	if err != nil {
		return "", err
	}
	var packager nfpm.Packager = deb.Default
	if format == "rpm" {
		packager = rpm.DefaultRPM
	}
	// GitHub renames files with a tilde, after which the checksums would name others.
	name = filepath.Join(r.out, strings.ReplaceAll(packager.ConventionalFileName(info), "~", "-"))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", fmt.Errorf("make the %s package: %w", format, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := packager.Package(info, f); err != nil {
		return "", fmt.Errorf("write the %s package: %w", format, err)
	}
	return name, nil
}

// packageInfo describes a package. Files that are made for it are written to work.
func (r *release) packageInfo(format, arch, binary, work string) (*nfpm.Info, error) {
	unit, err := r.unit(work)
	if err != nil {
		return nil, err
	}
	contents, err := r.contents(format, binary, unit, work)
	if err != nil {
		return nil, err
	}
	for _, c := range contents {
		c.FileInfo.Owner, c.FileInfo.Group, c.FileInfo.MTime = "root", "root", r.revision.time
	}
	info := &nfpm.Info{
		Name: "tokenboard", Arch: arch, Platform: "linux", Version: r.revision.version,
		Section: "net", Priority: "optional", License: "Apache-2.0",
		Maintainer: "The Tokenboard authors <tokenboard@users.noreply.github.com>",
		Vendor:     "The Tokenboard authors",
		Homepage:   "https://github.com/tokenboard/tokenboard",
		Description: "exact ledger of the tokens and cost of language models\n" +
			"An OpenTelemetry Collector that counts: it takes the traces and logs that\n" +
			"applications already produce, and reports who used how many tokens, on which\n" +
			"model, for how much money, over a web page, a REST API and Prometheus metrics.",
		MTime: r.revision.time, DisableGlobbing: true,
	}
	info.Contents, info.Umask = contents, 0o022
	info.Scripts = r.scripts(format)
	switch format {
	case "deb":
		info.Depends = []string{"adduser"}
		info.Deb.Compression = "gzip" // the writer of xz takes minutes
	case "rpm":
		info.Depends = []string{"/usr/sbin/useradd"}
		info.RPM.Summary = "Exact ledger of the tokens and cost of language models"
		info.RPM.BuildHost = "tokenboard" // without it, the name of the machine
		info.RPM.Compression = "gzip"
	}
	return nfpm.WithDefaults(info), nil
}

func (r *release) scripts(format string) nfpm.Scripts {
	script := func(name string) string { return filepath.Join(r.root, "packaging", format, name) }
	if format == "deb" {
		return nfpm.Scripts{
			PreInstall: script("preinst"), PostInstall: script("postinst"),
			PreRemove: script("prerm"), PostRemove: script("postrm"),
		}
	}
	return nfpm.Scripts{
		PreInstall: script("preinstall"), PostInstall: script("postinstall"),
		PreRemove: script("preremove"), PostRemove: script("postremove"),
	}
}

// contents are the files of a package.
func (r *release) contents(format, binary, unit, work string) (files.Contents, error) {
	file := func(source, destination string, mode os.FileMode) *files.Content {
		return &files.Content{Source: source, Destination: destination, FileInfo: &files.ContentFileInfo{Mode: mode}}
	}
	manual, err := compress(filepath.Join(r.root, "packaging/tokenboard.1"), work)
	if err != nil {
		return nil, err
	}
	all := files.Contents{
		file(binary, "/usr/bin/tokenboard", 0o755),
		file(unit, "/usr/lib/systemd/system/tokenboard.service", 0o644),
		file(manual, "/usr/share/man/man1/tokenboard.1.gz", 0o644),
		file(filepath.Join(r.root, "README.md"), "/usr/share/doc/tokenboard/README.md", 0o644),
	}
	config := file(filepath.Join(r.root, "examples/quickstart/config.yaml"), "/etc/tokenboard/config.yaml", 0o644)
	config.Type = files.TypeConfigNoReplace
	all = append(all, config)
	if format == "rpm" {
		license := file(filepath.Join(r.root, "LICENSE"), "/usr/share/licenses/tokenboard/LICENSE", 0o644)
		license.Type = files.TypeRPMLicense
		return append(all, license), nil
	}
	changes, err := compress(filepath.Join(r.root, "CHANGELOG.md"), work)
	if err != nil {
		return nil, err
	}
	return append(all, file(changes, "/usr/share/doc/tokenboard/changelog.gz", 0o644),
		file(filepath.Join(r.root, "packaging/copyright"), "/usr/share/doc/tokenboard/copyright", 0o644)), nil
}

// unit writes the unit of a package, and returns its file.
func (r *release) unit(work string) (string, error) {
	b, err := os.ReadFile(filepath.Join(r.root, "examples/systemd/tokenboard.service"))
	if err != nil {
		return "", fmt.Errorf("read the unit of systemd: %w", err)
	}
	text := string(b)
	for _, change := range serviceChanges {
		if strings.Count(text, change[0]) != 1 {
			return "", fmt.Errorf("the unit of systemd must have %q once, for packages to change it", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	name := filepath.Join(work, "tokenboard.service")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write the unit of systemd: %w", err)
	}
	return name, nil
}

// compress writes a file compressed by gzip, without a name or a time in it, and returns its name.
func compress(source, work string) (string, error) {
	b, err := os.ReadFile(source)
	if err != nil {
		return "", fmt.Errorf("read a file of the package: %w", err)
	}
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(b); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	name := filepath.Join(work, filepath.Base(source)+".gz")
	if err := os.WriteFile(name, compressed.Bytes(), 0o600); err != nil {
		return "", fmt.Errorf("write a file of the package: %w", err)
	}
	return name, nil
}
