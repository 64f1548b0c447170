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
	webhookHost      = "app.rctest.invalid" // Host of requests in memory
	webhookAddress   = "192.0.2.1:51234"    // RemoteAddr of requests in memory, from a documentation range
	webhookUserAgent = "rctest"
	maxErrorText     = 1 << 10  // bytes of what a handler panicked with that are kept
	maxDrained       = 64 << 10 // bytes of an answer that are read so that its connection can be reused
)

// SetWebhook posts events to h from now on, as RC posts them to an app's webhook: changes of presence and the results
// of deactivations and reactivations, each signed with the server's key and secret. It needs no socket: h gets requests
// as net/http's server would make them for HTTPS, each in a goroutine of its own. Their context ends after 5 s, the time
// that RC waits. Only an answer that h returns or flushes by then counts; a panic before that counts as a broken connection.
//
// The path is "/", so pass the handler of webhooks itself, not the mux it is mounted in. [Server.Deliveries] shows its
// answers, including refusals, as for a wrong secret. To use a path of your own, let the mux listen and call
// [Server.SetWebhookURL].
//
// Events that can't be posted yet wait, because the app doesn't answer, a user's earlier event is being retried or a
// [DeliveryFault] delays them. If they have more than 64 MiB together, new ones are dropped: [Server.Deliveries] shows them
// with Attempt 0. A handler that doesn't return after its 5 s keeps its goroutine; while 4,000 of them run, nothing is
// posted.
//
// h may call the server's methods, apart from [Server.WaitDeliveries]. SetWebhook replaces an earlier webhook: events that
// wait to be posted are posted to h. Nil ends posting: waiting events are dropped, and posts in flight are cancelled.
// Events that happen while there is no webhook are never sent. After [Server.Close] SetWebhook does nothing.
//
// Unlike those of net/http's server, the context of these requests has no [http.ServerContextKey] and no
// [http.LocalAddrContextKey], and there is no connection to hijack.
//
// Within a [testing/synctest] bubble deactivations finish as the bubble's time passes. A server whose webhook was set in
// a bubble must not be used outside of it.
func (s *Server) SetWebhook(h http.Handler) {
	if h == nil {
		s.state.setTarget(nil)
		return
	}
	s.state.setTarget(&memoryTarget{h})
}

// SetWebhookURL is [Server.SetWebhook] for a webhook that is reached over the network, with an HTTP client that
// checks certificates, follows no redirects and uses no proxy. [Server.Close] closes its connections. The URL
// keeps its path and its query; the signature's parameters are appended to the query. An empty URL ends posting. It
// panics if the URL isn't an absolute http or https URL.
func (s *Server) SetWebhookURL(rawURL string) {
	if rawURL == "" {
		s.state.setTarget(nil)
		return
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		panic(fmt.Sprintf("rctest: SetWebhookURL: %q is not an absolute http or https URL", rawURL))
	}
	u.Fragment, u.RawFragment = "", ""
	s.state.setTarget(&networkTarget{u, &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: maxPosts, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
}

// target is where events are posted to.
type target interface {
	// query returns the query of the URL that the message is posted to.
	query(m *message) string
	// post calls answered, possibly more than once, or returns why there is no answer.
	post(ctx context.Context, m *message, answered func(status int)) error
	// close closes idle connections.
	close()
}

type memoryTarget struct{ handler http.Handler }

func (t *memoryTarget) close() {}

func (t *memoryTarget) query(m *message) string { return m.parameters }

func (t *memoryTarget) post(ctx context.Context, m *message, answered func(int)) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = errors.New(cut(fmt.Sprintf("rctest: the handler panicked: %v", recover()), maxErrorText))
		}
	}()
	w := &statusWriter{header: make(http.Header), answered: answered}
	t.handler.ServeHTTP(w, t.request(ctx, m))
	returned = true
	w.Flush()
	return nil
}

// request builds the request that net/http's server would pass to a handler.
func (t *memoryTarget) request(ctx context.Context, m *message) *http.Request {
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

// statusWriter is a ResponseWriter that keeps only the status, since RC ignores the rest of an answer.
type statusWriter struct {
	header   http.Header
	status   int
	answered func(status int)
}

// Header returns headers that are never sent.
func (w *statusWriter) Header() http.Header { return w.header }

// WriteHeader panics for the same statuses as net/http.
func (w *statusWriter) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

// Write drops the body.
func (w *statusWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(p), nil
}

// Flush completes the post with the status; the handler may continue.
func (w *statusWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	w.answered(w.status)
}

type networkTarget struct {
	url    *url.URL
	client *http.Client
}

func (t *networkTarget) close() { t.client.CloseIdleConnections() }

func (t *networkTarget) query(m *message) string {
	if t.url.RawQuery == "" || m.parameters == "" {
		return t.url.RawQuery + m.parameters
	}
	return t.url.RawQuery + "&" + m.parameters
}

func (t *networkTarget) post(ctx context.Context, m *message, answered func(int)) error {
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
			err = outer.Err // drops the URL, which contains the signature
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answered(resp.StatusCode)
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrained)
	return nil
}
