package rctest

func presenceEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/checkOnline.json", handle: (*state).checkOnline, rate: 100},
	}
}

func (s *state) checkOnline(p *params) (fields, *refusal) {
	id := p.userID()
	if p.refused != nil {
		return nil, p.refused
	}
	status := "0"
	if s.find(id).online() {
		status = "1"
	}
	return fields{"status": status}, nil
}

// SetOnline connects or disconnects a user's devices, which the API can't do. It does nothing if the user is banned or
// deactivated and so can't connect, or if calls would refuse the id. It needs no token, and the user need not be
// registered; [Server.Connect] is the way with a token.
func (s *Server) SetOnline(userID string, online bool) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.runDue()
	a := s.state.find(userID)
	if a.online() == online || !validID(userID) {
		return
	}
	switch {
	case !online:
		s.state.update(a, func(a *account) { s.state.disconnect(a, eventOffline, now) })
	case a.canConnect(now):
		s.state.update(s.state.findOrCreate(userID), func(a *account) { s.state.connect(a, now) })
	}
}
