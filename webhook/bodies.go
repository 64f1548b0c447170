package webhook

import (
	"hash/maphash"
	"sync"
)

// bodyTable remembers a hash of the body that was handled under each signature, so that another body under the same
// signature is noticed. It has a fixed size: each signature has one place, and a later one with the same place replaces it.
type bodyTable struct {
	seed maphash.Seed

	mu     sync.Mutex
	places []bodyPlace // nil until the first put
}

type bodyPlace struct{ key, body uint64 } // hashes

const bodyPlaces = 1 << 14 // 256 KiB

func (t *bodyTable) hash(body []byte) uint64 { return maphash.Bytes(t.seed, body) }

func (t *bodyTable) put(h *hold) {
	key := maphash.String(t.seed, h.key)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.places == nil {
		t.places = make([]bodyPlace, bodyPlaces)
	}
	t.places[key%bodyPlaces] = bodyPlace{key, h.body}
}

// differs reports whether another body is remembered for the signature.
func (t *bodyTable) differs(h *hold) bool {
	key := maphash.String(t.seed, h.key)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.places == nil {
		return false
	}
	place := t.places[key%bodyPlaces]
	return place.key == key && place.body != h.body
}
