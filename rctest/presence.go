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
	if a := s.find(id, p.now); a != nil && a.online {
		status = "1"
	}
	return fields{"status": status}, nil
}

// SetOnline connects or disconnects a user's devices, which the API can't do. It does nothing if the user is banned or
// deactivated and so can't connect. It needs no token, and the user need not be registered.
func (s *Server) SetOnline(userID string, online bool) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.runDue()
	if !online {
		if a := s.state.find(userID, now); a != nil {
			s.state.disconnect(a, eventOffline, now)
		}
		return
	}
	if a := s.state.findOrCreate(userID, now); a.canConnect(now) {
		s.state.connect(a, now)
	}
}
