package rctest

// resetTraffic forgets requests, deliveries and faults, and the events that wait to be posted.
func (s *state) resetTraffic() {
	s.requests, s.faults, s.faultHits = nil, nil, 0
	s.deliveries, s.deliveryFaults = nil, nil
	if o := s.outbox; o != nil {
		target := o.target
		s.outbox = nil // drops the posts in flight, as replacing a webhook by none does
		for p := range o.posts {
			p.done = true
			p.cancel()
		}
		s.outbox = &outbox{
			target: target,
			queues: make(map[string]*userQueue), posts: make(map[*post]struct{}), held: make(map[string]*message),
		}
		s.idle.Broadcast()
	}
}
