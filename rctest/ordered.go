package rctest

import "math/rand/v2"

// ordered is a sorted set that finds any page in logarithmic time: a treap whose nodes store the size of their subtree.
type ordered[K any] struct {
	compare func(a, b K) int
	root    *node[K]
}

type node[K any] struct {
	key         K
	priority    uint64
	size        int
	left, right *node[K]
}

// insert adds a key. It must not be in the set.
func (o *ordered[K]) insert(key K) {
	less, rest := o.split(o.root, key)
	added := &node[K]{key: key, priority: rand.Uint64(), size: 1} //nolint:gosec // it needn't be unpredictable
	o.root = merge(merge(less, added), rest)
}

// remove removes a key if it is in the set.
func (o *ordered[K]) remove(key K) { o.root = o.without(o.root, key) }

// last returns the last key, and false if there is none.
func (o *ordered[K]) last() (key K, ok bool) {
	for n := o.root; n != nil; n = n.right {
		key, ok = n.key, true
	}
	return key, ok
}

// first returns the first key, and false if there is none.
func (o *ordered[K]) first() (key K, ok bool) {
	for n := o.root; n != nil; n = n.left {
		key, ok = n.key, true
	}
	return key, ok
}

// page returns the keys of a page. Pages are numbered from 1.
func (o *ordered[K]) page(number, size int64) []K {
	skip := min((number-1)*size, int64(o.root.count())) // no overflow: both are below 1<<31
	return o.slice(int(skip), int(size))
}

// slice returns up to count keys after the first skip ones.
func (o *ordered[K]) slice(skip, count int) []K {
	keys := make([]K, 0, max(0, min(count, o.root.count()-skip)))
	o.root.collect(skip, cap(keys), &keys)
	return keys
}

// countBefore returns how many keys belong to the first ones for which before is true; it must be false for all others.
func (o *ordered[K]) countBefore(before func(K) bool) int {
	count := 0
	for n := o.root; n != nil; {
		if before(n.key) {
			count += n.left.count() + 1
			n = n.right
		} else {
			n = n.left
		}
	}
	return count
}

// split returns the keys before key, and the others.
func (o *ordered[K]) split(n *node[K], key K) (less, rest *node[K]) {
	if n == nil {
		return nil, nil
	}
	if o.compare(n.key, key) < 0 {
		n.right, rest = o.split(n.right, key)
		return n.resized(), rest
	}
	less, n.left = o.split(n.left, key)
	return less, n.resized()
}

func (o *ordered[K]) without(n *node[K], key K) *node[K] {
	if n == nil {
		return nil
	}
	switch c := o.compare(key, n.key); {
	case c < 0:
		n.left = o.without(n.left, key)
	case c > 0:
		n.right = o.without(n.right, key)
	default:
		return merge(n.left, n.right)
	}
	return n.resized()
}

// merge joins two trees. All keys of a must sort before those of b.
func merge[K any](a, b *node[K]) *node[K] {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		a.right = merge(a.right, b)
		return a.resized()
	default:
		b.left = merge(a, b.left)
		return b.resized()
	}
}

func (n *node[K]) count() int {
	if n == nil {
		return 0
	}
	return n.size
}

// resized updates the size after a change of the children.
func (n *node[K]) resized() *node[K] {
	n.size = n.left.count() + 1 + n.right.count()
	return n
}

// collect appends the keys after the first skip ones, until there are count.
func (n *node[K]) collect(skip, count int, keys *[]K) {
	if n == nil || len(*keys) == count || skip >= n.size {
		return
	}
	n.left.collect(skip, count, keys)
	skip -= n.left.count()
	if skip <= 0 && len(*keys) < count {
		*keys = append(*keys, n.key)
	}
	n.right.collect(max(0, skip-1), count, keys)
}
