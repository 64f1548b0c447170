package rcuser_test

import (
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// idService is a service that knows nothing of users: it counts how often each id of a userId field was applied, and asks
// decide how to answer.
type idService struct {
	latency time.Duration
	// decide returns the answer to a call, from 1, and whether its ids are applied; nil = success.
	decide func(call int, ids []string) (respond roundTripFunc, applied bool)

	mu        sync.Mutex
	calls     int
	at        []time.Time
	applied   map[string]int
	confirmed map[string]bool
	again     int // ids that were sent after they had been confirmed
}

func (s *idService) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	form, _ := url.ParseQuery(string(body))
	time.Sleep(s.latency)
	if respond := s.receive(form["userId"]); respond != nil {
		return respond(req)
	}
	return reply(200, anyAnswer)(req)
}

// receive counts a call, and returns how it is answered; nil is success.
func (s *idService) receive(ids []string) roundTripFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.at = append(s.at, time.Now())
	respond, applied := roundTripFunc(nil), true
	if s.decide != nil {
		respond, applied = s.decide(s.calls, ids)
	}
	for _, id := range ids {
		if s.confirmed[id] {
			s.again++
		}
		if applied {
			s.applied[id]++
		}
		if respond == nil {
			s.confirmed[id] = true
		}
	}
	return respond
}

func (s *idService) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// newIDService returns a client of such a service, without a limiter.
func newIDService(t testing.TB, decide func(call int, ids []string) (roundTripFunc, bool), changes ...func(*rcuser.Config)) (*rcuser.Client, *idService) {
	t.Helper()
	service := &idService{decide: decide, applied: map[string]int{}, confirmed: map[string]bool{}}
	config := rcuser.Config{
		AppKey: testKey, AppSecret: testSecret, DataCenter: rcuser.Beijing, HTTPClient: &http.Client{Transport: service}, Limiter: rcuser.NoLimit,
	}
	for _, change := range changes {
		change(&config)
	}
	client, err := rcuser.NewClient(config)
	require.NoError(t, err)
	return client, service
}

// defaultLimiter selects the client's own limiter.
func defaultLimiter(config *rcuser.Config) { config.Limiter = nil }

// refuseAll refuses every call.
func refuseAll(status int, body string) func(int, []string) (roundTripFunc, bool) {
	return func(int, []string) (roundTripFunc, bool) { return reply(status, body), false }
}

// requireIncomplete requires err to be a *BulkError with this report, and returns its causes.
func requireIncomplete(t *testing.T, report rcuser.BulkReport, err error) []error {
	t.Helper()
	var bulk *rcuser.BulkError
	require.ErrorAs(t, err, &bulk)
	require.Equal(t, report, bulk.Report)
	require.NotEmpty(t, bulk.Causes)
	require.LessOrEqual(t, len(bulk.Causes), 16)
	requireSum(t, report)
	return bulk.Causes
}
