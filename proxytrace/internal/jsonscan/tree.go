// Package jsonscan finds values in JSON documents that pass in pieces, without keeping or parsing the rest of them.
package jsonscan

import (
	"maps"
	"slices"
	"strings"
)

// Field identifies a value that is looked for. The numbers are defined by the package that makes the tables.
type Field uint8

// None is the field of places that nothing is looked for in.
const None Field = 0

// Table has the fields by their paths: keys with dots between them. Arrays are no part of a path: the elements of an
// array have the path of the array.
type Table map[string]Field

// Within returns the entries of t below a path. The path itself, an object, has the field container.
func Within(path string, container Field, t Table) Table {
	moved := Table{path: container}
	for p, f := range t {
		moved[path+"."+p] = f
	}
	return moved
}

// Node is a place in a document: its field, and what is looked for below it. The root of a tree is a document.
type Node struct {
	field    Field
	keys     map[string]*Node
	children []Child // keys in order
}

// Child is a node below another, and its key.
type Child struct {
	Key  string
	Node *Node
}

// NewTree returns the tree of the entries of all tables, each below each of the prefixes ("" for the document itself,
// else a path with a dot at its end).
func NewTree(prefixes []string, tables ...Table) *Node {
	root := &Node{keys: map[string]*Node{}}
	for _, prefix := range prefixes {
		for _, t := range tables {
			for path, f := range t {
				n := root
				for key := range strings.SplitSeq(prefix+path, ".") {
					if n.keys == nil {
						n.keys = map[string]*Node{}
					}
					if n.keys[key] == nil {
						n.keys[key] = &Node{}
					}
					n = n.keys[key]
				}
				n.field = f
			}
		}
	}
	root.order()
	return root
}

// WithField sets the field of the document itself and returns n. It must be called before the tree is used.
func (n *Node) WithField(f Field) *Node {
	n.field = f
	return n
}

// Field returns the field of a node, None where only places below it have one.
func (n *Node) Field() Field { return n.field }

// Children returns the nodes below n, ordered by key. The slice must not be changed.
func (n *Node) Children() []Child { return n.children }

// order makes the list that keys are looked up in: they are few and short, so that a loop is faster than a map.
func (n *Node) order() {
	for _, key := range slices.Sorted(maps.Keys(n.keys)) {
		n.children = append(n.children, Child{key, n.keys[key]})
		n.keys[key].order()
	}
}

// at returns the node at a key, nil where nothing is looked for.
func (n *Node) at(key []byte) *Node {
	for i := range n.children {
		if c := &n.children[i]; string(key) == c.Key {
			return c.Node
		}
	}
	return nil
}
