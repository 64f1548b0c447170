package rctest

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// stream is the body of an answer, made while it is read, with the faults that it has.
type stream struct {
	content []byte
	size    int64        // of all of it: spaces follow the content
	half    int64        // where the pause is
	pause   func() error // nil = none, or it is over
	end     error        // io.EOF, or how the connection breaks
	at      int64
}

// stream makes the reply's body, which calls wait if it must.
func (r *reply) stream(wait func(time.Duration) error) stream {
	s := stream{content: r.body, size: r.size, half: r.size / 2, end: io.EOF}
	switch r.fault.Kind {
	case Cut:
		s.size, s.end = s.half, io.ErrUnexpectedEOF
	case WrongLength:
		s.end = io.ErrUnexpectedEOF
	}
	if d := r.fault.BodyDelay; d > 0 && r.size > 0 {
		s.pause = func() error { return wait(d) }
	}
	return s
}

func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	limit := s.size
	switch {
	case s.pause != nil && s.at < s.half:
		limit = s.half
	case s.pause != nil:
		if err := s.pause(); err != nil {
			return 0, err
		}
		s.pause = nil
	}
	if s.at == limit {
		return 0, s.end
	}
	p = p[:min(int64(len(p)), limit-s.at)]
	copied := 0
	if s.at < int64(len(s.content)) {
		copied = copy(p, s.content[s.at:])
	}
	for i := range p[copied:] {
		p[copied+i] = ' '
	}
	s.at += int64(len(p))
	return len(p), nil
}

// memoryBody is a stream that ends with its request's context and may be closed while it is read, as net/http's may.
type memoryBody struct {
	mu      sync.Mutex // of stream
	stream  stream
	request context.Context
	once    sync.Once
	closed  chan struct{}
}

func (s *Server) newMemoryBody(request context.Context, out *reply) *memoryBody {
	b := &memoryBody{request: request, closed: make(chan struct{})}
	b.stream = out.stream(func(d time.Duration) error { return s.state.wait(request, d, b.closed) })
	return b
}

// Read fails as net/http's does after Close and after the end of the context.
func (b *memoryBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-b.request.Done():
		return 0, context.Cause(b.request)
	default:
		return b.stream.Read(p)
	}
}

// Close also ends a Read that waits.
func (b *memoryBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
