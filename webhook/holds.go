package webhook

import "sync"

// holds makes sure that a handler works on one request with a given signature at a time. It doesn't rely on the
// [ReplayGuard] for that, whose lease may end while this process is still handling the request.
type holds struct {
	mu    sync.Mutex
	byKey map[string]*hold
}

// hold is a request's right to ask the guard and to call the callbacks.
type hold struct {
	key      string
	body     uint64        // hash
	waiting  int           // other requests
	released chan struct{} // closed when the hold ends; nil while nobody has waited
}

// maxWaiting is how many requests may wait for one with the same signature. RC makes its attempts one after the other, so
// that more than one can only be due to delays on the way. More than two come from somebody else, and would cost memory.
const maxWaiting = 2

// take returns nil if h has its key now. Otherwise it returns who has it, and a channel that is closed when that ends; or no
// channel if too many are waiting already. A request that has waited before may always wait again. Call leave after
// waiting.
func (s *holds) take(h *hold, again bool) (other *hold, released <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	other = s.byKey[h.key]
	switch {
	case other == nil:
		if s.byKey == nil {
			s.byKey = make(map[string]*hold)
		}
		s.byKey[h.key] = h
		return nil, nil
	case other.waiting >= maxWaiting && !again:
		return other, nil
	case other.released == nil:
		other.released = make(chan struct{})
	}
	other.waiting++
	return other, other.released
}

// leave ends waiting for other.
func (s *holds) leave(other *hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	other.waiting--
}

// release ends a hold that take has given.
func (s *holds) release(h *hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byKey, h.key)
	if h.released != nil {
		close(h.released)
	}
}
