package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestRPMPackage reads the package as rpm does.
func TestRPMPackage(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is not here")
	}
	r := testRelease(t, "1.2.3-rc.1")
	name, err := r.pack("rpm", "arm64", program(t))
	if err != nil {
		t.Fatal(err)
	}
	query := func(args ...string) string {
		out, err := exec.Command("rpm", append([]string{"--query", "--package"}, append(args, name)...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if got, want := query("--queryformat", "%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{LICENSE} %{BUILDHOST} %{BUILDTIME}"),
		fmt.Sprintf("tokenboard 1.2.3~rc.1 1 aarch64 Apache-2.0 tokenboard %d", r.revision.time.Unix()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for flag, want := range map[string]string{
		"--list": "/etc/tokenboard/config.yaml\n/usr/bin/tokenboard\n/usr/lib/systemd/system/tokenboard.service\n" +
			"/usr/share/doc/tokenboard/README.md\n/usr/share/licenses/tokenboard/LICENSE\n/usr/share/man/man1/tokenboard.1.gz\n",
		"--configfiles":  "/etc/tokenboard/config.yaml\n",
		"--licensefiles": "/usr/share/licenses/tokenboard/LICENSE\n",
	} {
		if got := query(flag); got != want {
			t.Errorf("%s: %q, want %q", flag, got, want)
		}
	}
	for script, text := range map[string]string{
		"preinstall": "useradd --system", "postinstall": "install -d -m 0700", "preuninstall": "disable --now", "postuninstall": "try-restart",
	} {
		if got := query("--scripts"); !strings.Contains(got, script+" scriptlet") || !strings.Contains(got, text) {
			t.Errorf("no %s with %q in %s", script, text, got)
		}
	}
	if got := query("--requires"); !strings.Contains(got, "/usr/sbin/useradd\n") {
		t.Error(got)
	}
	if out, err := exec.Command("rpm", "--checksig", "--nosignature", name).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
