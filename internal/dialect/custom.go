package dialect

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
)

// Custom is a family of emitters that is defined by configuration.
type Custom = tables.Custom

// customFamily makes a family of it, and adds the attributes that it reads to names.
func customFamily(t *Custom, n *names) *Family {
	f := &Family{Family: t.Family()}
	for _, aliases := range [][]string{t.Input, t.Output, t.Total} {
		for _, alias := range aliases {
			name, _, _ := strings.Cut(alias, "#")
			n.info[n.id(name)].kind |= kindUsage
		}
	}
	n.info[0] = nameInfo{} // of no name
	return f.compile(n)
}
