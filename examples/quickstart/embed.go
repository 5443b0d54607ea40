// Package quickstart holds the configuration that the binary runs when none is given. It is the
// file that people copy to begin their own.
package quickstart

import _ "embed"

// Config is the configuration, in YAML. It needs TOKENBOARD_DATA_DIR in the environment.
//
//go:embed config.yaml
var Config string
