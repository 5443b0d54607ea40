//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDebianPackage installs, upgrades, removes and purges the Debian package with the dpkg of this machine, in a
// layer over its files that nobody else sees and that is gone afterwards, with processes and a network of its own.
func TestDebianPackage(t *testing.T) {
	binary := os.Getenv("TOKENBOARD_BINARY")
	switch _, err := exec.LookPath("dpkg"); {
	case binary == "":
		t.Skip("TOKENBOARD_BINARY does not name the built program")
	case err != nil:
		t.Skip("dpkg is not here: the machine is no Debian")
	case os.Geteuid() != 0:
		t.Skip("only root may install packages")
	case exec.Command("dpkg-query", "--status", "tokenboard").Run() == nil:
		t.Skip("a package tokenboard is installed on this machine")
	}
	packages := t.TempDir()
	for _, version := range []string{"1.0.0", "1.1.0"} {
		r := testRelease(t, version)
		r.out = packages
		if version == "1.1.0" {
			r.root = withOtherConfiguration(t, r.root)
		}
		if _, err := r.pack("deb", runtime.GOARCH, binary); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInLayer$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), layerVariable+"="+t.TempDir(), packagesVariable+"="+packages)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP: TestInLayer") {
		t.Skip(string(out))
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInLayer") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(string(out))
}

// withOtherConfiguration returns a tree of the files of packages whose configuration has a line more.
func withOtherConfiguration(t *testing.T, root string) string {
	t.Helper()
	other := t.TempDir()
	for _, name := range []string{"README.md", "CHANGELOG.md", "LICENSE", "packaging", "examples/quickstart", "examples/systemd"} {
		err := os.MkdirAll(filepath.Dir(filepath.Join(other, name)), 0o755)
		if err == nil {
			err = exec.Command("cp", "-a", filepath.Join(root, name), filepath.Join(other, name)).Run()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(other, "examples/quickstart/config.yaml"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n# " + newLine + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return other
}

const (
	layerVariable    = "TOKENBOARD_TEST_LAYER"    // an empty folder, set in the child process only
	packagesVariable = "TOKENBOARD_TEST_PACKAGES" // the folder of the packages
	newLine          = "a line that version 1.1.0 has more"
	ownLine          = "a line of the administrator"
	configFile       = "/etc/tokenboard/config.yaml"
	dataFolder       = "/var/lib/tokenboard"
)

// TestInLayer is the part of TestDebianPackage that runs in the namespaces.
func TestInLayer(t *testing.T) {
	layer := os.Getenv(layerVariable)
	if layer == "" {
		t.Skip("TestDebianPackage runs it")
	}
	enterLayer(t, layer, os.Getenv(packagesVariable))
	l := &installed{t: t, architecture: strings.TrimSpace(output(t, "dpkg", "--print-architecture"))}
	l.install()
	l.upgrade()
	l.upgradeStopped()
	l.remove()
	l.installAgain()
	l.purge()
}

// enterLayer makes the root of this process a layer over the machine's files. Nothing that is written afterwards gets to
// the machine: the layer is in memory, and the mounts are of this process' namespace.
func enterLayer(t *testing.T, layer, packages string) {
	t.Helper()
	root := filepath.Join(layer, "root")
	up, work := filepath.Join(layer, "up"), filepath.Join(layer, "work")
	steps := []func() error{
		func() error { return syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, "") },
		func() error { return syscall.Mount("tmpfs", layer, "tmpfs", 0, "mode=0755") },
		func() error { return os.Mkdir(root, 0o755) },
		func() error { return os.Mkdir(up, 0o755) },
		func() error { return os.Mkdir(work, 0o755) },
		func() error {
			return syscall.Mount("overlay", root, "overlay", 0, "lowerdir=/,upperdir="+up+",workdir="+work)
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Skipf("this machine allows no layer over its files: %v", err)
		}
	}
	must(t, syscall.Mount("proc", root+"/proc", "proc", 0, ""))
	must(t, syscall.Mount("/dev", root+"/dev", "", syscall.MS_BIND|syscall.MS_REC, ""))
	must(t, syscall.Mount("tmpfs", root+"/run", "tmpfs", 0, "mode=0755"))
	must(t, syscall.Mount("tmpfs", root+"/mnt", "tmpfs", 0, "mode=0755"))
	must(t, syscall.Mount(packages, root+"/mnt", "", syscall.MS_BIND, ""))
	systemctl, err := os.ReadFile("testdata/systemctl")
	must(t, err)
	must(t, syscall.Chroot(root))
	must(t, os.Chdir("/"))
	must(t, os.WriteFile("/usr/local/bin/systemctl", systemctl, 0o755))
	must(t, os.MkdirAll("/run/systemd/system", 0o755)) // by which scripts know that systemd runs
	must(t, os.Remove("/usr/sbin/policy-rc.d"), os.ErrNotExist)
	t.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	t.Setenv("DEBIAN_FRONTEND", "noninteractive")
	must(t, loopbackUp())
}

// installed is the package in the layer.
type installed struct {
	t            *testing.T
	architecture string
}

func (l *installed) dpkg(args ...string) string {
	l.t.Helper()
	return output(l.t, "dpkg", append([]string{"--force-unsafe-io", "--force-confdef", "--force-confold"}, args...)...)
}

func (l *installed) file(version string) string {
	return "/mnt/tokenboard_" + version + "_" + l.architecture + ".deb"
}

// install: the service runs, as its user, with the configuration of the package.
func (l *installed) install() {
	t := l.t
	t.Helper()
	l.dpkg("--install", l.file("1.0.0"))
	l.version("1.0.0")
	if conffiles := output(t, "dpkg-query", "--show", "--showformat=${Conffiles}", "tokenboard"); !strings.HasPrefix(strings.TrimSpace(conffiles), configFile+" ") ||
		strings.Count(strings.TrimSpace(conffiles), "\n") != 0 {
		t.Errorf("configuration files: %q", conffiles)
	}
	if got := output(t, "stat", "--format=%A %U:%G", dataFolder, "/etc/tokenboard", configFile); got !=
		"drwx------ tokenboard:tokenboard\ndrwxr-x--- root:tokenboard\n-rw-r--r-- root:root\n" {
		t.Error(got)
	}
	if target, err := os.Readlink("/etc/systemd/system/multi-user.target.wants/tokenboard.service"); err != nil {
		t.Error("the service is not enabled:", err)
	} else if _, err := os.Stat(target); err != nil {
		t.Error(err)
	}
	if user := output(t, "ps", "-o", "user=", "-p", strconv.Itoa(l.pid())); strings.TrimSpace(user) != "tokenbo+" && strings.TrimSpace(user) != "tokenboard" {
		t.Errorf("the program runs as %q", user)
	}
	if shell := output(t, "getent", "passwd", "tokenboard"); !strings.Contains(shell, ":/var/lib/tokenboard:/usr/sbin/nologin") {
		t.Error(shell)
	}
	l.calls(0)
	l.send()
	l.calls(1)
	if got := output(t, "stat", "--format=%A %U", dataFolder+"/tokenboard.db"); got != "-rw------- tokenboard\n" {
		t.Error(got)
	}
	for _, name := range []string{"/usr/share/man/man1/tokenboard.1.gz", "/usr/share/doc/tokenboard/copyright", "/usr/share/doc/tokenboard/changelog.gz"} {
		if !slices.Contains(strings.Split(output(t, "dpkg", "--listfiles", "tokenboard"), "\n"), name) {
			t.Errorf("the package has no %s", name)
		}
	}
}

// upgrade: the data and the changed configuration stay, and what ran is restarted.
func (l *installed) upgrade() {
	t := l.t
	t.Helper()
	f, err := os.OpenFile(configFile, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString("\n# " + ownLine + "\n")
	must(t, err)
	must(t, f.Close())
	must(t, os.Chmod("/etc/tokenboard", 0o710))
	before := l.pid()
	l.dpkg("--install", l.file("1.1.0"))
	l.version("1.1.0")
	l.configuration(ownLine)
	if got := output(t, "stat", "--format=%a", "/etc/tokenboard"); got != "710\n" {
		t.Errorf("the upgrade changed the mode of the folder to %s", got)
	}
	fresh, err := os.ReadFile(configFile + ".dpkg-dist")
	must(t, err)
	if !bytes.Contains(fresh, []byte(newLine)) {
		t.Error("the new configuration is not beside the changed one")
	}
	if after := l.pid(); after == before {
		t.Error("the program was not restarted")
	}
	l.calls(1)
}

// upgradeStopped: an upgrade leaves a stopped service stopped.
func (l *installed) upgradeStopped() {
	t := l.t
	t.Helper()
	output(t, "systemctl", "stop", "tokenboard")
	l.dpkg("--install", l.file("1.1.0"))
	if l.running() {
		t.Error("an upgrade started a service that was stopped")
	}
	output(t, "systemctl", "start", "tokenboard")
	l.calls(1)
}

// remove: the service stops; configuration and data stay.
func (l *installed) remove() {
	t := l.t
	t.Helper()
	out := l.dpkg("--remove", "tokenboard")
	if !strings.Contains(out, "The data stays in "+dataFolder) {
		t.Error(out)
	}
	if l.running() {
		t.Error("the program still runs")
	}
	l.there(map[string]bool{"/usr/bin/tokenboard": false, "/usr/lib/systemd/system/tokenboard.service": false, dataFolder + "/tokenboard.db": true})
	l.configuration(ownLine)
}

// installAgain: after a removal the data is there again, and the service runs.
func (l *installed) installAgain() {
	l.t.Helper()
	l.dpkg("--install", l.file("1.1.0"))
	l.configuration(ownLine)
	l.calls(1)
}

// purge: data and configuration are gone, and the words say so; the user stays.
func (l *installed) purge() {
	t := l.t
	t.Helper()
	out := l.dpkg("--purge", "tokenboard")
	if !strings.Contains(out, "Removing the data in "+dataFolder) {
		t.Error(out)
	}
	if l.running() {
		t.Error("the program still runs")
	}
	l.there(map[string]bool{dataFolder: false, "/etc/tokenboard": false, configFile: false, "/usr/bin/tokenboard": false,
		"/etc/systemd/system/multi-user.target.wants/tokenboard.service": false, "/run/tokenboard.install": false})
	output(t, "getent", "passwd", "tokenboard")
	if exec.Command("dpkg-query", "--status", "tokenboard").Run() == nil {
		t.Error("dpkg still lists the package")
	}
}

// version compares dpkg's and the service's.
func (l *installed) version(want string) {
	l.t.Helper()
	if got := output(l.t, "dpkg-query", "--show", "--showformat=${Status} ${Version}", "tokenboard"); got != "install ok installed "+want {
		l.t.Error(got)
	}
	if out := output(l.t, "tokenboard", "version"); !strings.HasPrefix(out, "tokenboard ") {
		l.t.Error(out)
	}
}

// configuration checks that the configuration has a line.
func (l *installed) configuration(line string) {
	l.t.Helper()
	b, err := os.ReadFile(configFile)
	must(l.t, err)
	if !bytes.Contains(b, []byte(line)) {
		l.t.Errorf("the configuration has lost %q", line)
	}
}

func (l *installed) there(files map[string]bool) {
	l.t.Helper()
	for name, want := range files {
		if _, err := os.Lstat(name); (err == nil) != want {
			l.t.Errorf("%s: there %v, want %v", name, err == nil, want)
		}
	}
}

func (l *installed) running() bool {
	return exec.Command("systemctl", "is-active", "tokenboard").Run() == nil
}

func (l *installed) pid() int {
	l.t.Helper()
	b, err := os.ReadFile("/run/tokenboard.pid")
	must(l.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	must(l.t, err)
	return pid
}

const console, otlp = "http://127.0.0.1:8317", "http://127.0.0.1:4318"

// send sends one call.
func (l *installed) send() {
	l.t.Helper()
	now := time.Now().UnixNano()
	body := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"test"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
"spanId":"eee19b7ec3c1b174","name":"chat gpt-4o","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[
{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.response.model","value":{"stringValue":"gpt-4o"}},
{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1200"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"300"}}]}]}]}]}`, now, now+1)
	res, err := http.Post(otlp+"/v1/traces", "application/json", strings.NewReader(body))
	must(l.t, err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		l.t.Fatal(res.Status)
	}
}

// calls waits until the service answers, and compares the number of calls that it has stored.
func (l *installed) calls(want int) {
	l.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		if _, err := fetch(console + "/ready"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile("/run/tokenboard.log")
			l.t.Fatalf("the service does not answer: %s", log)
		}
		time.Sleep(50 * time.Millisecond)
	}
	b, err := fetch(console + "/api/console/stats")
	must(l.t, err)
	var stats struct {
		Data struct {
			Calls int `json:"api_call_count"`
		} `json:"data"`
	}
	must(l.t, json.Unmarshal(b, &stats))
	if stats.Data.Calls != want {
		l.t.Errorf("%d calls, want %d", stats.Data.Calls, want)
	}
}

func fetch(address string) ([]byte, error) {
	res, err := http.Get(address)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, res.Status)
	}
	return io.ReadAll(res.Body)
}

// output runs a command that must succeed, and returns what it prints.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
