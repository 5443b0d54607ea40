package ledger

// maxKin bounds the records that are looked at because they share one thing: an id, or a process, an
// input and a piece of time. What more records share says nothing: a gateway answers from its cache
// under the first id.
const maxKin = 256

// kin is the records that share one thing. At most maxKin of them are a list; more are a set that
// nobody looks at, until it is small again.
type kin struct {
	few  []*node
	many map[*node]struct{}
}

func (k *kin) size() int { return len(k.few) + len(k.many) }

// kinBy finds kin by what they share.
type kinBy[K comparable] map[K]*kin

// of gives the records that share k; none where too many do.
func (m kinBy[K]) of(k K) []*node {
	if all := m[k]; all != nil {
		return all.few
	}
	return nil
}

// add takes a record in. So that the outcome does not depend on the order, it gives all records
// whose relations change because what they share is now too common.
func (m kinBy[K]) add(k K, n *node) (unsettled []*node) {
	all := m[k]
	if all == nil {
		all = &kin{}
		m[k] = all
	}
	switch {
	case all.many != nil:
		all.many[n] = struct{}{}
	case len(all.few) < maxKin:
		all.few = append(all.few, n)
	default:
		unsettled = all.few
		all.many = make(map[*node]struct{}, 2*maxKin)
		for _, m := range append(all.few, n) {
			all.many[m] = struct{}{}
		}
		all.few = nil
	}
	return unsettled
}

// remove is the reverse of add.
func (m kinBy[K]) remove(k K, n *node) (unsettled []*node) {
	all := m[k]
	if all == nil {
		return nil
	}
	if all.many == nil {
		all.few = without(all.few, n)
	} else if delete(all.many, n); len(all.many) <= maxKin {
		for m := range all.many {
			all.few = append(all.few, m)
		}
		all.many = nil
		unsettled = all.few
	}
	if all.size() == 0 {
		delete(m, k)
	}
	return unsettled
}
