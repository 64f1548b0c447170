package rctest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	webhookHost    = "app.rctest.invalid" // that requests in memory are for
	webhookAddress = "192.0.2.1:51234"    // that they come from: one of those for documentation
	webhookAgent   = "rctest"
	maxDrained     = 64 << 10 // bytes of an answer that are read so that its connection can be used again
)

// SetWebhook posts events to h from now on, as RC posts them to an app's webhook: changes of presence, and the results
// of deactivations and reactivations, each signed with the server's key and secret. It needs no socket: h gets requests
// that look as if they came over a network, over HTTPS, on a goroutine of their own. Their context ends after 5 s, as
// RC waits no longer. An answer counts if h returns or flushes it by then; a panic before that is a broken connection.
//
// The requests are for the path "/": let h be the handler of webhooks itself, not the mux that it is mounted in. What it
// answers is in [Server.Deliveries], also that it refused, for a wrong secret say. For a path of your own let the mux
// listen, and use [Server.SetWebhookURL].
//
// h may call the server, apart from [Server.WaitDeliveries]. It replaces an earlier webhook: what still waits to be
// posted is posted to h. Nil ends posting: what waits is forgotten, and posts under way are cancelled. What happens
// without a webhook is never sent. After [Server.Close] it does nothing.
//
// What a request in memory doesn't have is what net/http's server puts into the context, its address and itself, and a
// connection to take over.
//
// Within a [testing/synctest] bubble virtual time alone makes deactivations finish. A server whose webhook was set in
// a bubble must not be used outside of it.
func (s *Server) SetWebhook(h http.Handler) {
	if h == nil {
		s.state.setTarget(nil)
		return
	}
	s.state.setTarget(&inMemory{h})
}

// SetWebhookURL is [Server.SetWebhook] for a webhook that is reached over the network, with an HTTP client of its own:
// it checks certificates, follows no redirects, uses no proxy, and its connections end with [Server.Close]. The URL
// keeps its path and its query, which the signature's parameters are appended to. It panics unless that is an absolute
// URL of http or https; an empty one ends posting.
func (s *Server) SetWebhookURL(rawURL string) {
	if rawURL == "" {
		s.state.setTarget(nil)
		return
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		panic(fmt.Sprintf("rctest: SetWebhookURL: %q is no absolute URL of http or https", rawURL))
	}
	u.Fragment, u.RawFragment = "", ""
	s.state.setTarget(&overNetwork{u, &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: maxPosts, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
}

// target is where events are posted to.
type target interface {
	// query is that of the URL which a message is posted to.
	query(m *message) string
	// post calls answered, maybe more than once, or returns why there is no answer.
	post(ctx context.Context, m *message, answered func(status int)) error
	// close ends connections that aren't in use.
	close()
}

type inMemory struct{ handler http.Handler }

func (t *inMemory) close() {}

func (t *inMemory) query(m *message) string { return m.parameters }

func (t *inMemory) post(ctx context.Context, m *message, answered func(int)) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = fmt.Errorf("rctest: the handler panicked: %v", recover())
		}
	}()
	w := &answerWriter{header: make(http.Header), answered: answered}
	t.handler.ServeHTTP(w, t.request(ctx, m))
	returned = true
	w.Flush()
	return nil
}

// request is what net/http's server would make of the message.
func (t *inMemory) request(ctx context.Context, m *message) *http.Request {
	u := &url.URL{Path: "/", RawQuery: t.query(m)}
	req := &http.Request{
		Method: http.MethodPost, URL: u, RequestURI: u.RequestURI(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: m.header(), Body: io.NopCloser(strings.NewReader(m.body)), ContentLength: int64(len(m.body)),
		Host: webhookHost, RemoteAddr: webhookAddress,
		TLS: &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: webhookHost},
	}
	req.Header.Set("Content-Length", strconv.Itoa(len(m.body)))
	return req.WithContext(ctx)
}

// answerWriter keeps nothing of an answer but its status: all else is of no interest to RC.
type answerWriter struct {
	header   http.Header
	status   int
	answered func(status int)
}

// Header returns what is never sent.
func (w *answerWriter) Header() http.Header { return w.header }

// WriteHeader panics where net/http does.
func (w *answerWriter) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

// Write drops the body.
func (w *answerWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(p), nil
}

// Flush sends the answer, though the handler may go on.
func (w *answerWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	w.answered(w.status)
}

type overNetwork struct {
	url    *url.URL
	client *http.Client
}

func (t *overNetwork) close() { t.client.CloseIdleConnections() }

func (t *overNetwork) query(m *message) string {
	if t.url.RawQuery == "" || m.parameters == "" {
		return t.url.RawQuery + m.parameters
	}
	return t.url.RawQuery + "&" + m.parameters
}

func (t *overNetwork) post(ctx context.Context, m *message, answered func(int)) error {
	u := *t.url
	u.RawQuery = t.query(m)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(m.body))
	if err != nil {
		return err
	}
	req.Header = m.header()
	resp, err := t.client.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // the URL has the signature, and the Delivery has both
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answered(resp.StatusCode)
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrained)
	return nil
}
