package main

import (
	"bytes"
	"os"
	"regexp"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNextVersion: the version here is that of the distribution.
func TestNextVersion(t *testing.T) {
	manifest, err := os.ReadFile("../../builder-config.yaml")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^  version: (\S+)$`).FindSubmatch(manifest)
	require.NotNil(t, found)
	require.Equal(t, string(found[1]), nextVersion)
}

func TestVersionOf(t *testing.T) {
	recorded := func(main string, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{
			GoVersion: "go1.26.8", Main: debug.Module{Path: "github.com/tokenboard/tokenboard", Version: main},
			Deps: []*debug.Module{{Path: "go.opentelemetry.io/collector/component", Version: "v1.0.0"}, {Path: collectorModule, Version: "v0.165.0"}},
			Settings: []debug.BuildSetting{
				{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-25T01:13:46Z"}, {Key: "vcs.modified", Value: modified},
			},
		}
	}
	for _, c := range []struct {
		main, modified, version, commit, date string
		want                                  [3]string
	}{
		{"(devel)", "false", "", "", "", [3]string{"0.1.0-dev", "abc", "2026-11-25T01:13:46Z"}},
		{"v1.2.3", "false", "", "", "", [3]string{"1.2.3", "abc", "2026-11-25T01:13:46Z"}},
		{"v1.2.3-rc.1", "false", "", "", "", [3]string{"1.2.3-rc.1", "abc", "2026-11-25T01:13:46Z"}},
		{"v1.2.3+dirty", "true", "", "", "", [3]string{"0.1.0-dev", "abc-dirty", "2026-11-25T01:13:46Z"}},
		{"v0.0.0-20261125011346-0123456789ab", "false", "", "", "", [3]string{"0.1.0-dev", "abc", "2026-11-25T01:13:46Z"}},
		{"v1.2.4-0.20261125011346-0123456789ab+dirty", "true", "", "", "", [3]string{"0.1.0-dev", "abc-dirty", "2026-11-25T01:13:46Z"}},
		{"(devel)", "true", "2.0.0", "def", "2026-11-26T00:00:00Z", [3]string{"2.0.0", "def", "2026-11-26T00:00:00Z"}},
	} {
		v := versionOf(recorded(c.main, c.modified), c.version, c.commit, c.date)
		require.Equal(t, c.want, [3]string{v.version, v.commit, v.date}, "%+v", c)
		require.Equal(t, "v0.165.0", v.collector)
		require.Equal(t, "go1.26.8", v.goVersion)
	}
	v := versionOf(&debug.BuildInfo{}, "", "", "")
	require.Equal(t, [4]string{"0.1.0-dev", "unknown", "unknown", "unknown"}, [4]string{v.version, v.commit, v.date, v.collector})
}

// TestVersionCommand: both spellings print the same, without a home directory.
func TestVersionCommand(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "LocalAppData", dataDirVariable} {
		t.Setenv(name, "")
	}
	var printed [2]bytes.Buffer
	for i, arg := range []string{"--version", "version"} {
		cmd := newCommand()
		cmd.SetArgs([]string{arg})
		cmd.SetOut(&printed[i])
		require.NoError(t, cmd.Execute())
	}
	require.Equal(t, printed[0].String(), printed[1].String())
	require.Regexp(t, `^tokenboard 0\.1\.0-dev\ncommit: +\S+\ndate: +\S+\ncollector: v\d+\.\d+\.\d+\ngo: +go1\.\d+`, printed[0].String())
}
