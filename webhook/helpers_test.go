package webhook_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

const (
	testAppKey    = "app-key-7"
	testAppSecret = "Y1W2MeFwwwRxa0" // from the example in RC's documentation, like the nonce
	testNonce     = "14314"
	presenceEvent = `{"userid":"u1","status":"0","os":"iOS","time":1571130409553}`
)

var validCredentials = rcuser.Credentials{AppKey: testAppKey, AppSecret: testAppSecret}

// startTime is when the tests in inBubble begin. The clock of a synctest bubble begins in 2000, when timestamps had
// fewer digits.
var startTime = time.UnixMilli(1_781_790_000_000)

// inBubble runs a test in a synctest bubble whose clock shows startTime.
func inBubble(t *testing.T, run func(*testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(startTime))
		defer func() {
			if t.Failed() { // let all goroutines end: a deadlock panic would hide the failure
				time.Sleep(1000 * time.Hour)
			}
		}()
		run(t)
	})
}

// digest computes RC's signature without the package under test.
func digest(secret, nonce, timestamp string) string {
	sum := sha1.Sum([]byte(secret + nonce + timestamp))
	return hex.EncodeToString(sum[:])
}

func inMillis(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

func inSeconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// signedQuery returns the query that RC would send at the given time.
func signedQuery(nonce string, at time.Time) string {
	return url.Values{
		"appKey": {testAppKey}, "nonce": {nonce}, "timestamp": {inMillis(at)}, "signature": {digest(testAppSecret, nonce, inMillis(at))},
	}.Encode()
}

// newRequest returns a request with the given query, valid or not.
func newRequest(query, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/rc/3f9c81d2b7", strings.NewReader(body))
	r.URL.RawQuery = query
	return r
}

// validRequest returns a request that is signed now. Requests with different nonces have different signatures.
func validRequest(nonce string) *http.Request {
	return newRequest(signedQuery(nonce, time.Now()), presenceEvent)
}

// answer is the response to a request.
type answer struct {
	Status int
	Text   string
}

// answers has every answer of a handler.
var answers = struct {
	ok, method, large, parameters, syntax, credentials, signature, appKey, stale, future, body,
	read, busy, guard, full, shutdown, timeout, function, panicked answer
}{
	ok:          answer{200, "OK"},
	method:      answer{405, "the method is not POST"},
	large:       answer{413, "the body is larger than 1 MiB"},
	parameters:  answer{401, "a signature parameter is missing or ambiguous"},
	syntax:      answer{401, "a signature parameter is malformed"},
	credentials: answer{500, "no credentials to verify with"},
	signature:   answer{401, "the signature doesn't verify"},
	appKey:      answer{401, "the app key doesn't belong to the secret"},
	stale:       answer{401, "the timestamp is too old"},
	future:      answer{401, "the timestamp is in the future"},
	body:        answer{400, "the body can't be decoded"},
	read:        answer{400, "the body couldn't be read"},
	busy:        answer{503, "the same request is being handled"},
	guard:       answer{503, "the replay guard failed"},
	full:        answer{503, "the queue is full"},
	shutdown:    answer{503, "shutting down"},
	timeout:     answer{503, "not handled in time"},
	function:    answer{500, "a callback returned an error"},
	panicked:    answer{500, "the handler panicked"},
}

// receiver is a handler whose callbacks record their events, with its log.
type receiver struct {
	*webhook.Handler
	log syncBuffer

	// onEvent is called by the callbacks after recording an event; may be nil. Set it before the first request.
	onEvent func(context.Context, webhook.Event) error

	mu     sync.Mutex
	events []webhook.Event
}

// syncBuffer is a bytes.Buffer for concurrent use.
type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *syncBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *syncBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

func newReceiver(t *testing.T, changes ...func(*webhook.Config)) *receiver {
	t.Helper()
	r := &receiver{}
	config := webhook.Config{
		Credentials:    returnCredentials(validCredentials),
		OnPresence:     record[webhook.PresenceEvent](r),
		OnDeactivation: record[webhook.DeactivationEvent](r),
		OnProfile:      record[webhook.ProfileEvent](r),
		OnFriendship:   record[webhook.FriendshipEvent](r),
		OnUnknown:      record[webhook.UnknownEvent](r),
		Logger:         slog.New(slog.NewJSONHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})),
	}
	for _, change := range changes {
		change(&config)
	}
	var err error
	r.Handler, err = webhook.NewHandler(config)
	require.NoError(t, err)
	return r
}

func record[E webhook.Event](r *receiver) func(context.Context, E) error {
	return func(ctx context.Context, e E) error {
		r.mu.Lock()
		r.events = append(r.events, e)
		r.mu.Unlock()
		if r.onEvent == nil {
			return nil
		}
		return r.onEvent(ctx, e)
	}
}

// dispatched returns the events that the callbacks got so far.
func (r *receiver) dispatched() []webhook.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// dispatchedUsers returns the users of the dispatched events, all of which must be presence events.
func (r *receiver) dispatchedUsers() []string {
	var ids []string
	for _, e := range r.dispatched() {
		ids = append(ids, e.(webhook.PresenceEvent).UserID)
	}
	return ids
}

// serve returns the answer to a request.
func (r *receiver) serve(request *http.Request) answer {
	recorder := httptest.NewRecorder()
	r.ServeHTTP(recorder, request)
	return answer{recorder.Code, strings.TrimSuffix(recorder.Body.String(), "\n")}
}

// returnCredentials returns a Credentials function.
func returnCredentials(list ...rcuser.Credentials) func(context.Context) ([]rcuser.Credentials, error) {
	return func(context.Context) ([]rcuser.Credentials, error) { return list, nil }
}

// withWindow, withGuard and withQueue change a Config.
func withWindow(w webhook.Window) func(*webhook.Config) {
	return func(config *webhook.Config) { config.Window = w }
}

func withGuard(guard webhook.ReplayGuard) func(*webhook.Config) {
	return func(config *webhook.Config) { config.Replays = guard }
}

func withQueue(limit, workers int) func(*webhook.Config) {
	return func(config *webhook.Config) { config.Queue, config.Workers = limit, workers }
}

// fakeGuard is a ReplayGuard that calls its functions. If they are nil, it accepts every request and remembers none.
type fakeGuard struct {
	claim   func(context.Context, string) (webhook.Claim, error)
	commit  func(context.Context, string, time.Time) error
	release func(context.Context, string) error
}

func (g fakeGuard) Claim(ctx context.Context, key string) (webhook.Claim, error) {
	if g.claim == nil {
		return webhook.Claimed, nil
	}
	return g.claim(ctx, key)
}

func (g fakeGuard) Commit(ctx context.Context, key string, until time.Time) error {
	if g.commit == nil {
		return nil
	}
	return g.commit(ctx, key, until)
}

func (g fakeGuard) Release(ctx context.Context, key string) error {
	if g.release == nil {
		return nil
	}
	return g.release(ctx, key)
}

// requireReason requires that err is an *Error with the given reason, and returns it.
func requireReason(t *testing.T, want webhook.Reason, err error) webhook.Error {
	t.Helper()
	var failure *webhook.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, want, failure.Reason, "%v", err)
	require.ErrorIs(t, err, want)
	return *failure
}

// requireNoSecrets requires that texts contain neither the secret nor the signature, query or path of the request. It
// ignores values under 10 characters, which occur anywhere.
func requireNoSecrets(t *testing.T, request *http.Request, texts ...string) {
	t.Helper()
	query := request.URL.Query()
	nonce := query.Get("nonce") + query.Get("rc-nonce")
	timestamp := query.Get("timestamp") + query.Get("signTimestamp") + query.Get("rc-timestamp")
	secrets := []string{testAppSecret, digest(testAppSecret, nonce, timestamp), request.URL.RawQuery, request.URL.Path}
	secrets = append(append(secrets, query["signature"]...), query["rc-signature"]...)
	for _, secret := range secrets {
		if len(secret) < 10 {
			continue
		}
		for _, text := range texts {
			require.NotContains(t, text, secret)
		}
	}
}

var errApp = errors.New("the database is unavailable")

type contextKey struct{}

// endlessBody is an endless body of spaces that counts the bytes read from it.
type endlessBody struct{ bytesRead atomic.Int64 }

func (c *endlessBody) Read(p []byte) (int, error) {
	c.bytesRead.Add(int64(len(p)))
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// presenceEvents returns a body with one event for each user.
func presenceEvents(users ...string) string {
	var list []string
	for _, user := range users {
		list = append(list, fmt.Sprintf(`{"userid":%q,"status":"0","time":1}`, user))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// sleepFor returns a callback that takes d.
func sleepFor(d time.Duration) func(context.Context, webhook.Event) error {
	return func(context.Context, webhook.Event) error { time.Sleep(d); return nil }
}

// failOnce returns a callback that takes d and fails, and succeeds at once when it is called again.
func failOnce(d time.Duration, err error) func(context.Context, webhook.Event) error {
	var calls atomic.Int32
	return func(context.Context, webhook.Event) error {
		if calls.Add(1) > 1 {
			return nil
		}
		time.Sleep(d)
		return err
	}
}

const (
	vectorQuery     = "appKey=app-key-7&nonce=14314&timestamp=1408710653000&signature=30be0bbca9c9b2e27578701e9fda2358a814c88f"
	vectorSignature = "30be0bbca9c9b2e27578701e9fda2358a814c88f"
)
