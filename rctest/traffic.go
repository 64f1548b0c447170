package rctest

// traffic is what the server remembers of calls and events, and the faults that hit them.
type traffic struct {
	requests       history[Request]
	deliveries     history[storedDelivery]
	changes        changeLog
	windows        map[*endpoint]*window    // what was used of the rates, if they are enforced
	faults         []*InjectedFault         // that are at work, oldest first
	faultCount     uint64                   // number of faults of calls injected so far
	faultHits      int                      // by all of them
	deliveryFaults []*InjectedDeliveryFault // that are at work, oldest first
	queueLimit     int                      // bytes of the events that wait
	handlers       int                      // goroutines of posts, those of earlier webhooks included
}

func newTraffic() traffic {
	return traffic{
		requests:   history[Request]{maxCount: historyCount, maxBytes: historyBytes},
		deliveries: history[storedDelivery]{maxCount: historyCount, maxBytes: historyBytes},
		changes:    newChangeLog(),
		windows:    make(map[*endpoint]*window),
		queueLimit: maxQueuedBytes,
	}
}

// resetTraffic makes what is received, answered and delivered as in a new server: no requests, deliveries and faults are
// left, no use of a rate, and no event that is waiting or being posted. Sequence numbers and ids of faults go on, so that
// cursors stay valid. The webhook stays. The caller drops the tasks, which include the retries of events.
func (s *state) resetTraffic() {
	if o := s.outbox; o != nil {
		s.closeOutbox()
		s.outbox = newOutbox(o.target, s.queueLimit)
	}
	s.requests.clear()
	s.deliveries.clear()
	s.faults, s.deliveryFaults, s.faultHits = nil, nil, 0
	clear(s.windows)
}
