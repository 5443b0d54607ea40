package sheet

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Format is a form of a sheet.
type Format string

// The formats.
const (
	YAML    Format = "yaml"
	CSV     Format = "csv"
	LiteLLM Format = "litellm"
)

// Read reads a sheet. An error names the entry, the line, or the model.
func Read(f Format, b []byte) ([]Entry, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("the sheet has more than %d bytes", MaxBytes)
	}
	switch f {
	case YAML:
		return readYAML(b)
	case CSV:
		return readCSV(b)
	case LiteLLM:
		return readLiteLLM(b)
	}
	return nil, fmt.Errorf("%q is no format of a sheet: name yaml, csv or litellm", f)
}

// Write writes a sheet. LiteLLM's form has no time, no request price and only its own tiers: what it cannot hold is left out,
// and counted.
func Write(f Format, entries []Entry) (b []byte, leftOut int, err error) {
	switch f {
	case YAML:
		b, err = yaml.Marshal(document{entries})
		return b, 0, err
	case CSV:
		return writeCSV(entries)
	case LiteLLM:
		return writeLiteLLM(entries)
	}
	return nil, 0, fmt.Errorf("%q is no format of a sheet", f)
}

// document is the YAML form: the key is that of the configuration, so that either can be copied into the other.
type document struct {
	Overrides []Entry `yaml:"overrides"`
}

func readYAML(b []byte) ([]Entry, error) {
	// aliases can make a small text a large document: prices need none
	var root yaml.Node
	if err := yaml.Unmarshal(b, &root); err != nil {
		return nil, fmt.Errorf("read the YAML: %w", err)
	}
	if err := plain(&root, 0); err != nil {
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var doc document
	if len(root.Content) == 1 && root.Content[0].Kind == yaml.SequenceNode {
		if err := d.Decode(&doc.Overrides); err != nil {
			return nil, fmt.Errorf("read the YAML: %w", err)
		}
	} else if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the YAML: %w", err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the YAML: there is more than one document")
	}
	return checked(doc.Overrides, func(i int) string { return fmt.Sprintf("price %d", i+1) })
}

// plain refuses anchors, aliases and documents that are nested deeply.
func plain(n *yaml.Node, depth int) error {
	const deepest = 12
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return fmt.Errorf("read the YAML: line %d: anchors and aliases are not read", n.Line)
	}
	if depth > deepest {
		return fmt.Errorf("read the YAML: line %d: it is nested too deeply", n.Line)
	}
	for _, c := range n.Content {
		if err := plain(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// columns are the columns of a CSV. Tiers and service tiers are JSON, as in the API.
func columns() []string {
	out := []string{"provider", "model", "from"}
	for _, k := range kinds {
		out = append(out, k.name)
	}
	return append(out, "request", "tiers", "service_tiers", "note")
}

func decimal(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// neutral keeps a spreadsheet from reading a text as a formula; free undoes it.
func neutral(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		return "'" + s
	}
	return s
}

func free(s string) string { return strings.TrimPrefix(s, "'") }

func writeCSV(entries []Entry) ([]byte, int, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(columns())
	for i := range entries {
		e := &entries[i]
		row := []string{neutral(e.Provider), neutral(e.Model), e.From}
		for _, k := range kinds {
			row = append(row, decimal(*k.of(&e.Amounts)))
		}
		row = append(row, decimal(e.Request))
		for _, v := range []any{e.Tiers, e.ServiceTiers} {
			text, err := json.Marshal(v)
			if err != nil {
				return nil, 0, fmt.Errorf("write the tiers of %s: %w", e.Model, err)
			}
			row = append(row, strings.TrimSuffix(string(text), "null"))
		}
		_ = w.Write(append(row, neutral(e.Note)))
	}
	w.Flush()
	return b.Bytes(), 0, w.Error()
}

func readCSV(b []byte) ([]Entry, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read the names of the columns: %w", err)
	}
	known := columns()
	for i, name := range head {
		if !slices.Contains(known, name) || slices.Contains(head[:i], name) {
			return nil, fmt.Errorf("column %q is not known, or is there twice; there are %s", clipped(name), strings.Join(known, ", "))
		}
	}
	if !slices.Contains(head, "model") {
		return nil, errors.New("the column model is missing")
	}
	var entries []Entry
	var lines []int
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the CSV: %w", err)
		}
		line, _ := r.FieldPos(0)
		if len(entries) == MaxEntries {
			return nil, fmt.Errorf("line %d: at most %d prices are read", line, MaxEntries)
		}
		var e Entry
		for i, name := range head {
			if err := e.setColumn(name, row[i]); err != nil {
				return nil, fmt.Errorf("line %d: %s: %w", line, name, err)
			}
		}
		entries, lines = append(entries, e), append(lines, line)
	}
	return checked(entries, func(i int) string { return fmt.Sprintf("line %d", lines[i]) })
}

func (e *Entry) setColumn(name, text string) (err error) {
	strictly := func(into any) error {
		if text == "" {
			return nil
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			return err
		}
		if d.More() {
			return errors.New("there is more than one JSON document")
		}
		return nil
	}
	switch name {
	case "provider":
		e.Provider = free(text)
	case "model":
		e.Model = free(text)
	case "from":
		e.From = text
	case "note":
		e.Note = free(text)
	case "request":
		e.Request, err = number(text)
	case "tiers":
		return strictly(&e.Tiers)
	case "service_tiers":
		return strictly(&e.ServiceTiers)
	default:
		for _, k := range kinds {
			if k.name == name {
				*k.of(&e.Amounts), err = number(text)
			}
		}
	}
	return err
}

func number(text string) (*float64, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil //nolint:nilnil // no price is no error
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "_xXpPnN") {
		return nil, fmt.Errorf("%q is no number", clipped(text))
	}
	return &v, nil
}

// perMillion turns USD per token, as it is written, into USD per million tokens without an error of floating point.
func perMillion(text json.Number) (*float64, error) {
	if len(text) > 40 || strings.ContainsAny(string(text), "/_xX") { //nolint:mnd // characters of a price
		return nil, fmt.Errorf("%q is no price", clipped(string(text)))
	}
	if f, err := strconv.ParseFloat(string(text), 64); err != nil || f < 0 || f > 1 || (f != 0 && f < 1e-30) {
		return nil, fmt.Errorf("%q is no price of a token in USD", clipped(string(text)))
	}
	v, ok := new(big.Rat).SetString(string(text))
	if !ok {
		return nil, fmt.Errorf("%q is no price", clipped(string(text)))
	}
	f, _ := v.Mul(v, big.NewRat(1_000_000, 1)).Float64()
	return &f, nil
}
