package rctest

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	postTimeout = 5 * time.Second // for the answer to a post
	maxAttempts = 3
	retryDelay  = time.Second
	maxPosts    = 400 // at the same time; a post may take two file descriptors, and a process often has 1024

	maxHandlers     = 10 * maxPosts // that run at the same time, including those that don't return after their timeout
	maxQueuedBytes  = 64 << 20      // of the events that wait, for whatever reason
	messageOverhead = 500           // bytes in addition to those of the strings
)

var errQueueFull = errors.New("rctest: the event was dropped, because more than 64 MiB of others wait for the webhook")

// outbox holds the events to post. There is none without a webhook.
type outbox struct {
	target target
	queues map[string]*userQueue // by user; none is empty
	ready  []*userQueue          // those whose first message can be posted, oldest first
	posts  map[*post]struct{}    // those whose goroutine runs
	active int                   // how many posts wait for an answer
	held   map[string]*message   // held back by OutOfOrder, by user
	bytes  int                   // of all messages that wait, held back and late ones included
	limit  int                   // of bytes
}

func newOutbox(t target, limit int) *outbox {
	return &outbox{
		target: t, limit: limit,
		queues: make(map[string]*userQueue), posts: make(map[*post]struct{}), held: make(map[string]*message),
	}
}

// reserve counts messages that are going to wait, unless they are too many.
func (o *outbox) reserve(messages ...*message) bool {
	size := 0
	for _, m := range messages {
		size += m.size()
	}
	if o.bytes+size > o.limit {
		return false
	}
	o.bytes += size
	return true
}

// userQueue holds a user's messages in order. The first one is ready, being posted, or waiting for its retry.
type userQueue struct {
	user     string
	messages []*message
}

// message is an event to post.
type message struct {
	user, contentType, body string
	parameters              string // the signature parameters of the query
	fault                   DeliveryFaultKind
	attempt                 int // number of the latest attempt
	noRetry                 bool
	repeat                  *message // posted next if this one succeeds
}

// size returns how much memory is used at most while the message waits. Messages of one event share strings.
func (m *message) size() int {
	size := messageOverhead + len(m.user) + len(m.body) + len(m.parameters)
	if m.repeat != nil {
		size += m.repeat.size()
	}
	return size
}

func (m *message) header() http.Header {
	return http.Header{"Content-Type": {m.contentType}, "User-Agent": {webhookUserAgent}}
}

// post is an attempt in flight.
type post struct {
	queue    *userQueue
	target   target
	delivery Delivery
	query    string
	cancel   context.CancelFunc
	done     bool // it was answered or has failed; its goroutine may still run
}

func (p *post) record(s *state, status int, err error) {
	p.delivery.Status, p.delivery.Err = status, err
	s.recordDelivery(p.delivery, p.query)
}

// setTarget sets where events are posted; nil ends posting. It takes mu itself.
func (s *state) setTarget(t target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue() // events that were due before must not go to the new target
	switch {
	case t == nil:
		s.closeOutbox()
	case s.closed:
	case s.outbox != nil:
		s.outbox.target.close()
		s.outbox.target = t
	default:
		s.outbox = newOutbox(t, s.queueLimit)
		s.resetTimer()
	}
}

// closeOutbox cancels the posts in flight. It doesn't wait for them, because a handler may be the caller.
func (s *state) closeOutbox() {
	o := s.outbox
	if o == nil {
		return
	}
	s.outbox = nil
	for p := range o.posts {
		if !p.done {
			p.done = true
			p.record(s, 0, context.Canceled)
		}
		p.cancel()
	}
	o.target.close()
	s.resetTimer()
	s.idle.Broadcast()
}

// scheduleForOutbox is schedule for a task that is dropped if the outbox has been closed by then.
func (s *state) scheduleForOutbox(due time.Time, run func()) {
	o := s.outbox
	s.schedule(due, func(time.Time) {
		if s.outbox == o {
			run()
		}
	})
}

// enqueue adds messages to the end of a user's queue.
func (s *state) enqueue(user string, messages ...*message) {
	q := s.outbox.queues[user]
	if q != nil {
		q.messages = append(q.messages, messages...)
		return
	}
	q = &userQueue{user, messages}
	s.outbox.queues[user] = q
	s.makeReady(q)
}

func (s *state) makeReady(q *userQueue) {
	s.outbox.ready = append(s.outbox.ready, q)
	s.startPosts()
}

// startPosts starts as many posts as maxPosts and maxHandlers allow.
func (s *state) startPosts() {
	o := s.outbox
	for len(o.ready) > 0 && o.active < maxPosts && s.handlers < maxHandlers {
		q := o.ready[0]
		o.ready[0] = nil
		o.ready = o.ready[1:]
		s.startPost(q)
	}
}

func (s *state) startPost(q *userQueue) {
	o, m := s.outbox, q.messages[0]
	m.attempt++
	ctx, cancel := context.WithTimeout(context.Background(), postTimeout)
	p := &post{queue: q, target: o.target, query: o.target.query(m), cancel: cancel}
	p.delivery = Delivery{
		UserID: m.user, ContentType: m.contentType, Body: m.body, Attempt: m.attempt, Time: time.Now(), Fault: m.fault,
	}
	o.posts[p] = struct{}{}
	o.active++
	s.handlers++
	go s.runPost(ctx, p, m)
}

// runPost posts a message. It takes mu itself, and never holds it while the handler runs.
func (s *state) runPost(ctx context.Context, p *post, m *message) {
	defer s.endPost(p)
	err := errors.New("rctest: the handler ended its goroutine") // by runtime.Goexit, which t.FailNow calls
	complete := func(status int, err error) {
		if ended := ctx.Err(); ended != nil { // a handler that waits for ctx may return before AfterFunc runs
			status, err = 0, ended
		}
		s.completePost(p, status, err)
	}
	defer func() { complete(0, err) }()
	stop := context.AfterFunc(ctx, func() { complete(0, nil) })
	defer stop()
	err = p.target.post(ctx, m, func(status int) { complete(status, nil) })
}

// completePost records the answer or the error of a post. Only the first call for a post counts. It takes mu itself.
func (s *state) completePost(p *post, status int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.done {
		return
	}
	p.done = true
	p.record(s, status, err)
	s.outbox.active--
	s.continueQueue(p.queue, status == http.StatusOK)
	s.startPosts()
	if !s.posting() {
		s.idle.Broadcast()
	}
}

// endPost runs when the goroutine of a post ends. It takes mu itself.
func (s *state) endPost(p *post) {
	p.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers--
	if s.outbox != nil {
		delete(s.outbox.posts, p)
		s.startPosts()
	}
	if s.outbox == nil || s.outbox.target != p.target {
		p.target.close() // the post's connection has only now become idle
	}
}

// continueQueue repeats, drops or retries the queue's first message after a post of it.
func (s *state) continueQueue(q *userQueue, success bool) {
	m := q.messages[0]
	switch {
	case success && m.repeat != nil:
		s.outbox.bytes -= m.size() - m.repeat.size()
		q.messages[0] = m.repeat
		s.makeReady(q)
	case success || m.noRetry || m.attempt == maxAttempts:
		s.outbox.bytes -= m.size()
		q.messages[0] = nil
		if q.messages = q.messages[1:]; len(q.messages) == 0 {
			delete(s.outbox.queues, q.user)
			return
		}
		s.makeReady(q)
	default:
		s.scheduleForOutbox(s.now().Add(retryDelay), func() { s.makeReady(q) })
	}
}

// posting reports whether a post is in flight or about to start.
func (s *state) posting() bool {
	return s.outbox != nil && (s.outbox.active > 0 || len(s.outbox.ready) > 0)
}
