package boards

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Files returns the dashboards as Grafana imports them, by file name. The same source returns the same bytes.
func Files() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, b := range All() {
		d, err := b.Build()
		if err != nil {
			return nil, err
		}
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(d); err != nil {
			return nil, fmt.Errorf("write %s: %w", b.Name, err)
		}
		out["json/"+b.Name+".json"] = text.Bytes()
	}
	return out, nil
}
