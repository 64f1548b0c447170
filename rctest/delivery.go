package rctest

import (
	"net/url"
	"time"
)

// Delivery is one post to the webhook, and how it ended.
type Delivery struct {
	Seq         uint64 // 1 for the server's first delivery, and one more for each further one
	UserID      string
	Query       url.Values // as sent: the webhook URL's own parameters and those of the signature
	ContentType string
	Body        string
	Attempt     int               // 1 to 3; 0 = the event was dropped, since too many others wait
	Status      int               // HTTP status of the answer; 0 = there was none
	Err         error             // why there was no answer
	Time        time.Time         // when it was sent or dropped, by the real clock
	Fault       DeliveryFaultKind // the fault that changed or delayed it; 0 = none
}

// Deliveries returns the posts that the server remembers, with each attempt on its own: the last 10,000, fewer if they have
// more than 64 MiB together. A post is added when it is answered or has failed, and the order is that in which they were
// added, oldest first.
func (s *Server) Deliveries() []Delivery {
	s.state.mu.Lock()
	last := s.state.deliveries.last
	s.state.mu.Unlock()
	return readAll(last, s.DeliveriesSince)
}

// DeliveriesSince returns the posts of [Server.Deliveries] whose Seq is above cursor, at most limit of them, and the cursor
// for the next call. Its cursors and limits are as those of [Server.RequestsSince].
func (s *Server) DeliveriesSince(cursor uint64, limit int) (page []Delivery, next uint64) {
	s.state.mu.Lock()
	stored, next := s.state.deliveries.after(cursor, limit)
	s.state.mu.Unlock()
	page = make([]Delivery, len(stored))
	for i, d := range stored {
		page[i] = d.Delivery
		page[i].Query, _ = url.ParseQuery(d.query) // drops invalid parameters of the webhook's URL
	}
	return page, next
}

// storedDelivery is a Delivery whose query isn't parsed yet.
type storedDelivery struct {
	Delivery
	query string
}

const deliveryOverhead = 300 // bytes in addition to those of the strings

func (s *state) recordDelivery(d Delivery, query string) {
	d.Seq = s.deliveries.last + 1
	size := deliveryOverhead + len(d.UserID) + len(d.ContentType) + len(d.Body) + len(query)
	if d.Err != nil {
		size += len(d.Err.Error())
	}
	s.deliveries.add(storedDelivery{d, query}, size)
	s.changed(EventDelivered, "")
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
