package main

import (
	"io"
	"net"
	"time"
)

// delayProxy forwards TCP connections and delivers what either side sends in order, after a fixed delay. It models
// latency, not bandwidth. Connecting to it takes no time: the kernel does that, so TCP's handshake isn't delayed.
type delayProxy struct {
	listener net.Listener
	target   string
	delay    time.Duration
}

func startDelayProxy(target string, delay time.Duration) *delayProxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	p := &delayProxy{listener, target, delay}
	go p.serve()
	return p
}

func (p *delayProxy) address() string { return p.listener.Addr().String() }

// close accepts no further connections. Those that are open end when one of their sides closes them.
func (p *delayProxy) close() { _ = p.listener.Close() }

func (p *delayProxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		go forward(server, client, p.delay)
		go forward(client, server, p.delay)
	}
}

// chunk is what one read returned, and when to write it. Without data it is the end.
type chunk struct {
	data []byte
	due  time.Time
}

// maxChunks is far more than a few small calls keep under way at a time.
const maxChunks = 1024

// forward copies from one connection to another, delayed. When from ends, delayed too, or to can't be written any more,
// it closes both.
func forward(to io.WriteCloser, from io.ReadCloser, delay time.Duration) {
	chunks := make(chan chunk, maxChunks)
	go func() {
		defer close(chunks)
		for {
			data := make([]byte, 16<<10)
			n, err := from.Read(data)
			if n > 0 {
				chunks <- chunk{data[:n], time.Now().Add(delay)}
			}
			if err != nil {
				chunks <- chunk{nil, time.Now().Add(delay)}
				return
			}
		}
	}()
	for c := range chunks {
		time.Sleep(time.Until(c.due))
		if len(c.data) == 0 {
			break
		}
		if _, err := to.Write(c.data); err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close() // ends the reads if they haven't ended
	for range chunks {
		continue
	}
}
