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
	Query       url.Values // as sent: the webhook URL's own parameters and those of the signature
	ContentType string
	Body        string
	Attempt     int               // 1 to 3
	Status      int               // HTTP status of the answer; 0 = there was none
	Err         error             // why there was no answer
	Time        time.Time         // when it was sent, by the real clock
	Fault       DeliveryFaultKind // the fault that changed or delayed it; 0 = none
}

// Deliveries returns the last 10,000 posts, with each attempt on its own. A post is added when it is answered or has
// failed, and the order is that in which they were added, oldest first.
func (s *Server) Deliveries() []Delivery {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	kept := s.state.deliveries
	kept = kept[max(0, len(kept)-keptDeliveries):]
	all := make([]Delivery, len(kept))
	for i, d := range kept {
		all[i] = d.Delivery
		all[i].Query, _ = url.ParseQuery(d.query) // drops invalid parameters of the webhook's URL
	}
	return all
}

// storedDelivery is a Delivery whose query isn't parsed yet.
type storedDelivery struct {
	Delivery
	query string
}

// recordDelivery drops old deliveries in batches, as record does requests.
func (s *state) recordDelivery(p *post, status int, err error) {
	p.delivery.Status, p.delivery.Err = status, err
	if len(s.deliveries) == 2*keptDeliveries {
		s.deliveries = slices.Clone(s.deliveries[keptDeliveries:])
	}
	s.deliveries = append(s.deliveries, storedDelivery{p.delivery, p.query})
}

// WaitDeliveries returns when nothing is being posted and nothing is due by the server's clock. It doesn't wait for
// what is due later: retries, events that a [DeliveryFault] delays, and deactivations that haven't finished. A handler
// that calls it waits for its own post, until that times out after 5 s. Within a [testing/synctest] bubble synctest.Wait
// includes it.
func (s *Server) WaitDeliveries() {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	for s.state.runDue(); s.state.posting(); s.state.runDue() {
		s.state.idle.Wait()
	}
}
