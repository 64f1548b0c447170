package rctest

// LimitBytes makes the server remember less than 64 MiB, so that tests need to send less. The webhook must be set later.
func (s *Server) LimitBytes(bytes int) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.requests.maxBytes, s.state.deliveries.maxBytes, s.state.queueLimit = bytes, bytes, bytes
}

// ResetTraffic resets what calls and events have left.
func (s *Server) ResetTraffic() {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.resetTraffic()
}

// Changed adds a change.
func (s *Server) Changed(kind ChangeKind, userID string) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.changed(kind, userID)
}

// Waiting returns how many calls of Changes wait.
func (s *Server) Waiting() int {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return len(s.state.changes.waiting)
}
