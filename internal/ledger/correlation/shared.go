package correlation

import "slices"

// MaxSharing bounds the records that are looked at because they share one thing: an id, or a process, an
// input and a piece of time. A thing that more records share identifies nothing: a gateway answers from its cache
// under the first id.
const MaxSharing = 256

// sharing is several records that share one thing. At most MaxSharing of them are a list; more are a set that
// nobody looks at, until it is small again.
type sharing[K comparable] struct {
	key  K
	few  []ref
	many map[ref]struct{}
}

// sharedIndex finds the records that share a thing. Most things belong to one record only, which needs no list.
type sharedIndex[K comparable] struct {
	table   // of records, and with the bit multipleFlag of sharing
	sharing slab[sharing[K]]
	tag     func(K) uint32
	// has reports whether a record has a thing. It is asked about records with a thing of the same tag.
	has func(ref, K) bool
}

// multipleFlag distinguishes the numbers of sharings from the numbers of records.
const multipleFlag = 1 << 31

func (m *sharedIndex[K]) at(k K) int {
	return m.find(m.tag(k), func(number uint32) bool {
		if number&multipleFlag != 0 {
			return m.sharing.at(number&^multipleFlag).key == k
		}
		return m.has(ref(number), k)
	})
}

// each calls visit for the records that share k; for none where too many do.
func (m *sharedIndex[K]) each(k K, visit func(ref)) {
	i := m.at(k)
	if i < 0 {
		return
	}
	number := m.slots[i].number
	if number&multipleFlag == 0 {
		visit(ref(number))
		return
	}
	for _, r := range m.sharing.at(number &^ multipleFlag).few {
		visit(r)
	}
}

// count returns how many records each would visit.
func (m *sharedIndex[K]) count(k K) int {
	i := m.at(k)
	if i < 0 {
		return 0
	}
	if number := m.slots[i].number; number&multipleFlag != 0 {
		return len(m.sharing.at(number &^ multipleFlag).few)
	}
	return 1
}

// add takes a record in, and returns the only other one that shares k. So that the outcome does not
// depend on the order, it returns all records whose relations change because what they share is now too
// common.
func (m *sharedIndex[K]) add(k K, r ref) (second ref, several bool, unsettled []ref) {
	i := m.at(k)
	if i < 0 {
		m.insert(m.tag(k), uint32(r))
		return 0, false, nil
	}
	number := m.slots[i].number
	if number&multipleFlag == 0 {
		at, all := m.sharing.take()
		all.key, all.few = k, []ref{ref(number), r}
		m.slots[i].number = at | multipleFlag
		return ref(number), true, nil
	}
	all := m.sharing.at(number &^ multipleFlag)
	switch {
	case all.many != nil:
		all.many[r] = struct{}{}
	case len(all.few) < MaxSharing:
		all.few = append(all.few, r)
	default:
		unsettled = all.few
		all.many = make(map[ref]struct{}, 2*MaxSharing)
		for _, o := range append(all.few, r) {
			all.many[o] = struct{}{}
		}
		all.few = nil
	}
	return 0, true, unsettled
}

// remove is the reverse of add.
func (m *sharedIndex[K]) remove(k K, r ref) (unsettled []ref) {
	i := m.at(k)
	if i < 0 {
		return nil
	}
	number := m.slots[i].number
	if number&multipleFlag == 0 {
		m.table.remove(i)
		return nil
	}
	all := m.sharing.at(number &^ multipleFlag)
	if all.many == nil {
		all.few = without(all.few, r)
	} else if delete(all.many, r); len(all.many) <= MaxSharing {
		for o := range all.many {
			all.few = append(all.few, o)
		}
		all.many = nil
		unsettled = all.few
	}
	if len(all.few) == 1 && all.many == nil { // one record needs no list
		m.slots[i].number = uint32(all.few[0])
		m.sharing.drop(number &^ multipleFlag)
	}
	return unsettled
}

// without returns a list that lacks r; the order of the others is kept.
func without(list []ref, r ref) []ref {
	if i := slices.Index(list, r); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
