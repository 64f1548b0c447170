package rctest

import (
	"net/url"
	"slices"
	"time"
)

const keptDeliveries = 10_000

// Delivery is one post to the webhook, and how it ended.
type Delivery struct {
	UserID      string
	Query       url.Values // as sent: the signature's parameters and the URL's own
	ContentType string
	Body        string
	Attempt     int               // 1 to 3
	Status      int               // of the answer; 0 = there was none
	Err         error             // why there was none
	Time        time.Time         // of sending, by the real clock
	Fault       DeliveryFaultKind // why it is other than what RC should send, or later; 0 = it isn't
}

// Deliveries returns the last 10,000 posts, oldest first, each attempt for itself. A post is there as soon as it was
// answered or failed, and that is what its place depends on.
func (s *Server) Deliveries() []Delivery {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	kept := s.state.deliveries
	kept = kept[max(0, len(kept)-keptDeliveries):]
	all := make([]Delivery, len(kept))
	for i, d := range kept {
		all[i] = d.Delivery
		all[i].Query, _ = url.ParseQuery(d.query) // what the URL's own has wrong is left out
	}
	return all
}

// delivered is a Delivery whose query is taken apart when somebody asks.
type delivered struct {
	Delivery
	query string
}

// recordPost forgets old deliveries in bulk, as record does requests.
func (s *state) recordPost(p *post, status int, err error) {
	p.sent.Status, p.sent.Err = status, err
	if len(s.deliveries) == 2*keptDeliveries {
		s.deliveries = slices.Clone(s.deliveries[keptDeliveries:])
	}
	s.deliveries = append(s.deliveries, delivered{p.sent, p.query})
}
