package main

import (
	"cmp"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// nextVersion is the version that is released next, as in builder-config.yaml. A test compares them.
const nextVersion = "0.1.0"

// A release build sets these with -ldflags "-X main.buildVersion=...". They are empty in other builds.
var (
	buildVersion string // without the leading v
	buildCommit  string
	buildDate    string // of the commit, RFC 3339
)

const collectorModule = "go.opentelemetry.io/collector/otelcol"

// versionInfo says what a binary was built from. A value that is not known is "unknown".
type versionInfo struct {
	version   string // 1.2.3; 1.2.3-dev where it was not built from a release
	commit    string // with the suffix -dirty where the tree had changes that are not committed
	date      string // of the commit
	collector string // version of the collector
	goVersion string
	platform  string
}

// pseudoVersion matches the versions that Go makes up for commits without a tag.
var pseudoVersion = regexp.MustCompile(`[-.]\d{14}-[0-9a-f]{12}(\+|$)`)

// readVersion combines the version set by the linker with what Go recorded in the binary.
func readVersion() versionInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return versionOf(info, buildVersion, buildCommit, buildDate)
}

func versionOf(info *debug.BuildInfo, version, commit, date string) versionInfo {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	recorded := settings["vcs.revision"]
	if recorded != "" && settings["vcs.modified"] == "true" {
		recorded += "-dirty"
	}
	const unknown = "unknown"
	v := versionInfo{
		version:   version,
		commit:    cmp.Or(commit, recorded, unknown),
		date:      cmp.Or(date, settings["vcs.time"], unknown),
		collector: unknown,
		goVersion: cmp.Or(info.GoVersion, runtime.Version()),
		platform:  runtime.GOOS + "/" + runtime.GOARCH,
	}
	if v.version == "" {
		v.version = moduleVersion(info.Main.Version)
	}
	for _, dep := range info.Deps {
		if dep.Path == collectorModule {
			if dep.Replace != nil {
				dep = dep.Replace
			}
			v.collector = dep.Version
		}
	}
	return v
}

// moduleVersion is the version of a binary that was built without -ldflags. go install of a tagged version
// records the tag; anything else is on the way to the next version.
func moduleVersion(recorded string) string {
	tag, isTag := strings.CutPrefix(recorded, "v")
	if !isTag || pseudoVersion.MatchString(recorded) || strings.HasSuffix(recorded, "+dirty") {
		return nextVersion + "-dev"
	}
	return tag
}

// String returns one line for the version and one for each thing that it was built from.
func (v versionInfo) String() string {
	return fmt.Sprintf("tokenboard %s\ncommit:    %s\ndate:      %s\ncollector: %s\ngo:        %s\nplatform:  %s\n",
		v.version, v.commit, v.date, v.collector, v.goVersion, v.platform)
}

func newVersionCommand(v versionInfo) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit, and the versions of the collector and of Go",
		Args:  cobra.NoArgs,
		// The parent's looks for a data folder, which this does not need.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(c.OutOrStdout(), v)
			return err
		},
	}
}
