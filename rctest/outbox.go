package rctest

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	answerPatience = 5 * time.Second // for the answer to a post
	maxAttempts    = 3
	retryAfter     = time.Second
	maxPosts       = 400 // at the same time: each may take two file descriptors of a process that has 1024
)

// outbox is what there is to post. There is none without a webhook.
type outbox struct {
	target target
	lines  map[string]*line    // by user, none of them empty
	ready  []*line             // whose first message may be posted as soon as fewer than maxPosts are, oldest first
	posts  map[*post]struct{}  // whose goroutines run
	active int                 // of them, those without an answer yet
	held   map[string]*message // out of order, by user
}

// line holds a user's messages in their order. The first one is being posted, ready for that, or waits to be tried again.
type line struct {
	user  string
	queue []*message
}

// message is something to post.
type message struct {
	user, contentType, body string
	parameters              string // of the query, with the signature
	fault                   DeliveryFaultKind
	attempt                 int // that was begun last
	once                    bool
	again                   *message // follows if this one is answered with success
}

func (m *message) header() http.Header {
	return http.Header{"Content-Type": {m.contentType}, "User-Agent": {webhookAgent}}
}

// post is one attempt under way.
type post struct {
	line    *line
	target  target
	sent    Delivery
	query   string
	cancel  context.CancelFunc
	decided bool // it was answered or failed
}

// setTarget takes mu itself. Nil ends the outbox.
func (s *state) setTarget(t target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled() // what was due before isn't for this webhook
	switch {
	case t == nil:
		s.endOutbox()
	case s.closed:
	case s.outbox != nil:
		s.outbox.target.close()
		s.outbox.target = t
	default:
		s.outbox = &outbox{
			target: t,
			lines:  make(map[string]*line), posts: make(map[*post]struct{}), held: make(map[string]*message),
		}
		s.arm()
	}
}

// endOutbox cancels what is under way and doesn't wait for it: a handler may be who ends it.
func (s *state) endOutbox() {
	o := s.outbox
	if o == nil {
		return
	}
	s.outbox = nil
	for p := range o.posts {
		if !p.decided {
			p.decided = true
			s.recordPost(p, 0, context.Canceled)
		}
		p.cancel()
	}
	o.target.close()
	s.arm()
	s.idle.Broadcast()
}

// later is schedule for what only this outbox has to do.
func (s *state) later(due time.Time, do func()) {
	o := s.outbox
	s.schedule(due, func(time.Time) {
		if s.outbox == o {
			do()
		}
	})
}

// enqueue posts messages of a user after all that are in its line.
func (s *state) enqueue(user string, messages ...*message) {
	l := s.outbox.lines[user]
	if l != nil {
		l.queue = append(l.queue, messages...)
		return
	}
	l = &line{user, messages}
	s.outbox.lines[user] = l
	s.postFirst(l)
}

func (s *state) postFirst(l *line) {
	s.outbox.ready = append(s.outbox.ready, l)
	s.postReady()
}

func (s *state) postReady() {
	o := s.outbox
	for len(o.ready) > 0 && o.active < maxPosts {
		l := o.ready[0]
		o.ready[0] = nil
		o.ready = o.ready[1:]
		s.begin(l)
	}
}

func (s *state) begin(l *line) {
	o, m := s.outbox, l.queue[0]
	m.attempt++
	ctx, cancel := context.WithTimeout(context.Background(), answerPatience)
	p := &post{line: l, target: o.target, query: o.target.query(m), cancel: cancel}
	p.sent = Delivery{
		UserID: m.user, ContentType: m.contentType, Body: m.body, Attempt: m.attempt, Time: time.Now(), Fault: m.fault,
	}
	o.posts[p] = struct{}{}
	o.active++
	go s.run(ctx, p, m)
}

// run posts a message. It takes mu itself, and never holds it while the webhook works.
func (s *state) run(ctx context.Context, p *post, m *message) {
	defer s.leave(p)
	err := errors.New("rctest: the handler ended its goroutine") // as a failing test does
	decide := func(status int, err error) {
		if late := ctx.Err(); late != nil { // a handler that waits for this end may be first to notice
			status, err = 0, late
		}
		s.decide(p, status, err)
	}
	defer func() { decide(0, err) }()
	stop := context.AfterFunc(ctx, func() { decide(0, nil) })
	defer stop()
	err = p.target.post(ctx, m, func(status int) { decide(status, nil) })
}

// leave is the end of a post's goroutine.
func (s *state) leave(p *post) {
	p.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outbox != nil {
		delete(s.outbox.posts, p)
	}
	if s.outbox == nil || s.outbox.target != p.target {
		p.target.close() // its connection is idle only now
	}
}

// decide ends a post with an answer or an error, whichever comes first. It takes mu itself.
func (s *state) decide(p *post, status int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.decided {
		return
	}
	p.decided = true
	s.recordPost(p, status, err)
	s.outbox.active--
	s.advanceLine(p.line, status == http.StatusOK)
	s.postReady()
	s.wakeIdle()
}

// advanceLine goes on after a post of the line's first message.
func (s *state) advanceLine(l *line, success bool) {
	m := l.queue[0]
	switch {
	case success && m.again != nil:
		l.queue[0] = m.again
		s.postFirst(l)
	case success || m.once || m.attempt == maxAttempts:
		l.queue[0] = nil
		if l.queue = l.queue[1:]; len(l.queue) == 0 {
			delete(s.outbox.lines, l.user)
			return
		}
		s.postFirst(l)
	default:
		s.later(s.now().Add(retryAfter), func() { s.postFirst(l) })
	}
}

func (s *state) busy() bool {
	return s.outbox != nil && (s.outbox.active > 0 || len(s.outbox.ready) > 0)
}

func (s *state) wakeIdle() {
	if !s.busy() {
		s.idle.Broadcast()
	}
}

// WaitDeliveries returns when nothing is being posted and nothing is due by the server's clock. It doesn't wait for
// what is due later: attempts after a failed one, events that a [DeliveryFault] holds back, and deactivations that
// still run. A handler that calls it waits for itself, until the 5 s are over. Within a [testing/synctest] bubble synctest.Wait does the same and more.
func (s *Server) WaitDeliveries() {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	for s.state.settled(); s.state.busy(); s.state.settled() {
		s.state.idle.Wait()
	}
}
