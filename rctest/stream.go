package rctest

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// stream generates the body of an answer while it is read, and applies the fault's BodySize, BodyDelay, Cut and
// WrongLength.
type stream struct {
	content []byte
	size    int64        // of the whole body: content, then spaces
	half    int64        // the offset of the pause
	pause   func() error // nil = no pause, or it is over
	end     error        // returned at the end: io.EOF, or io.ErrUnexpectedEOF if the connection breaks
	offset  int64
}

// stream returns the reply's body. wait implements BodyDelay.
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
	case s.pause != nil && s.offset < s.half:
		limit = s.half
	case s.pause != nil:
		if err := s.pause(); err != nil {
			return 0, err
		}
		s.pause = nil
	}
	if s.offset == limit {
		return 0, s.end
	}
	p = p[:min(int64(len(p)), limit-s.offset)]
	copied := 0
	if s.offset < int64(len(s.content)) {
		copied = copy(p, s.content[s.offset:])
	}
	for i := range p[copied:] {
		p[copied+i] = ' '
	}
	s.offset += int64(len(p))
	return len(p), nil
}

// memoryBody is the body of an answer in memory. Like net/http's, it ends with the request's context and may be closed
// during a Read.
type memoryBody struct {
	mu        sync.Mutex // guards stream
	stream    stream
	ctx       context.Context // of the request
	closeOnce sync.Once
	closed    chan struct{}
}

func (s *Server) newMemoryBody(ctx context.Context, out *reply) *memoryBody {
	b := &memoryBody{ctx: ctx, closed: make(chan struct{})}
	b.stream = out.stream(func(d time.Duration) error { return s.state.wait(ctx, d, b.closed) })
	return b
}

// Read returns the same errors as net/http's after Close and after the end of the context.
func (b *memoryBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-b.ctx.Done():
		return 0, context.Cause(b.ctx)
	default:
		return b.stream.Read(p)
	}
}

// Close also ends a Read that waits.
func (b *memoryBody) Close() error {
	b.closeOnce.Do(func() { close(b.closed) })
	return nil
}
