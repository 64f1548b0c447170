package main

import "sync"

// hub tells those who watch that something changed. Nobody waits for a slow one: many changes are one to it.
type hub struct {
	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
}

func newHub() *hub { return &hub{watchers: make(map[chan struct{}]struct{})} }

func (h *hub) changed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for watcher := range h.watchers {
		select {
		case watcher <- struct{}{}:
		default: // it hasn't looked since the last change
		}
	}
}

// watch returns a channel that has something after a change, and what ends that.
func (h *hub) watch() (<-chan struct{}, func()) {
	watcher := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers[watcher] = struct{}{}
	return watcher, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, watcher)
	}
}
