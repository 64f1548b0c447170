package main

import "sync"

// hub notifies subscribers of changes. It never blocks: a subscriber that is slow gets several changes as one.
type hub struct {
	mu          sync.Mutex
	subscribers map[chan struct{}]struct{}
}

func newHub() *hub { return &hub{subscribers: make(map[chan struct{}]struct{})} }

func (h *hub) notify() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for subscriber := range h.subscribers {
		select {
		case subscriber <- struct{}{}:
		default: // an earlier change is still unread
		}
	}
}

// subscribe returns a channel that receives a value after a change, and a function that ends the subscription.
func (h *hub) subscribe() (<-chan struct{}, func()) {
	subscriber := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subscribers[subscriber] = struct{}{}
	return subscriber, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.subscribers, subscriber)
	}
}
