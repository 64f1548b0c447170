package rctest

func presenceEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/checkOnline.json", serve: (*state).checkOnline, rate: 100},
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

// SetOnline connects or disconnects a user's devices, which the API can't. A banned or deactivated user can't connect:
// the call is ignored then. No token is asked for, and the user needn't be registered.
func (s *Server) SetOnline(userID string, online bool) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	now := s.state.settled()
	if !online {
		if a := s.state.find(userID, now); a != nil {
			s.state.disconnect(a, eventOffline, now)
		}
		return
	}
	if a := s.state.account(userID, now); a.mayConnect(now) {
		s.state.connect(a, now)
	}
}
