// Command generate writes the Grafana dashboards and the alert rules into the folder that it is given, and the
// rules for Grafana into the example, too: a link would dangle where somebody copies the example's folder.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tokenboard/tokenboard/dashboards/boards"
	"github.com/tokenboard/tokenboard/dashboards/rules"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(into string) error {
	files, err := boards.Files()
	if err != nil {
		return fmt.Errorf("build the dashboards: %w", err)
	}
	alerts, err := rules.Files()
	if err != nil {
		return fmt.Errorf("build the alert rules: %w", err)
	}
	alerts["../examples/grafana/provisioning/alerting/tokenboard.yaml"] = alerts["alerts/grafana.yaml"]
	for _, all := range []map[string][]byte{files, alerts} {
		for name, text := range all {
			path := filepath.Join(into, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fmt.Errorf("make the folder of %s: %w", name, err)
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
		}
	}
	return nil
}
