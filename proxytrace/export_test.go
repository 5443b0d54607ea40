package proxytrace

import "fmt"

// Look reads an answer that comes in pieces, with glances or without, and gives all that it has told
// and how many of its documents were read to their end.
func Look(a API, kind string, pieces [][]byte, glances bool) (told string, read int) {
	o := newObserver(a, kind, "")
	if !glances {
		o.events.looks.glance = nil
	}
	for _, p := range pieces {
		o.pass(p)
	}
	o.finish()
	ended, judged := o.ended()
	return fmt.Sprintf("%+v ended %v %v", o.reading, ended, judged && o.framing == eventFraming), o.scan.roots
}
