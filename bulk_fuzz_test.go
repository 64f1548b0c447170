package rcuser_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// fuzzedAnswers are the answers that a fuzzed service chooses from, and whether it applies the call.
var fuzzedAnswers = []struct {
	respond roundTripFunc
	applied bool
}{
	{nil, true},
	{reply(400, `{"code":1002}`), false},
	{failWith(connReset()), true},
	{reply(500, `{"code":1000}`), true},
	{reply(429, limited), false},
	{reply(403, html), false},
	{reply(200, html), true},
	{failWith(refusedDial()), false},
	{reply(401, `{"code":1004}`), false},
}

// How a fuzzed stream ends.
const (
	endsItself = iota
	fails
	isCancelled
	ends // their number
)

// FuzzBulkStream has bulk work read any ids, from a stream that ends in any way, while the service answers in any way. The
// report, the failures and the error must agree with the stream and with what the service applied.
func FuzzBulkStream(f *testing.F) {
	f.Add("a\nb\na\n\n\xff", []byte{0, 1, 2, 3}, uint8(0), uint8(fails))
	f.Add(strings.Join(userIDs(100), "\n"), []byte{1, 1, 0, 2}, uint8(3), uint8(endsItself))
	f.Add(strings.Join(userIDs(100), "\n"), []byte{0, 8}, uint8(0), uint8(isCancelled))
	f.Fuzz(func(t *testing.T, text string, answers []byte, stopAfter, end uint8) {
		ids := strings.Split(text, "\n")
		ids = ids[:min(len(ids), 300)]
		client, service := newIDService(t, func(call int, _ []string) (roundTripFunc, bool) {
			if len(answers) == 0 {
				return nil, true
			}
			a := fuzzedAnswers[int(answers[call%len(answers)])%len(fuzzedAnswers)]
			return a.respond, a.applied
		}, once)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream := &fuzzedStream{ids: ids, end: int(end) % ends, cancel: cancel}
		var failures []rcuser.BulkFailure
		report, err := client.Bulk.Ban(ctx, stream.yield, time.Hour, rcuser.BulkOptions{
			StopAfter: int(stopAfter), MaxOutage: -1, OnFailure: func(f rcuser.BulkFailure) { failures = append(failures, f) },
		})
		stream.check(t, report, err)
		requireSum(t, report)
		require.Len(t, failures, report.Total-report.Done)
		service.checkFailures(t, failures, ids)
	})
}

type fuzzedStream struct {
	ids    []string
	end    int
	cancel func()
	taken  int
	whole  bool // it ended by itself
	failed bool
}

var errFuzzedStream = errors.New("the stream failed")

func (s *fuzzedStream) yield(yield func(string, error) bool) {
	for _, id := range s.ids {
		s.taken++
		if !yield(id, nil) {
			return
		}
	}
	switch s.end {
	case fails:
		s.failed = true
		yield("", errFuzzedStream)
	case isCancelled:
		s.cancel()
	default:
		s.whole = true
	}
}

func (s *fuzzedStream) check(t *testing.T, report rcuser.BulkReport, err error) {
	require.Equal(t, s.taken, report.Total)
	require.Equal(t, s.whole && report.Done == len(s.ids), err == nil)
	if s.failed {
		require.ErrorIs(t, err, errFuzzedStream)
	}
}

// checkFailures requires that no id that is given once is said not to be done, or not to be applied, though it is.
func (s *idService) checkFailures(t *testing.T, failures []rcuser.BulkFailure, ids []string) {
	given := map[string]int{}
	for _, id := range ids {
		given[id]++
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range failures {
		if given[f.UserID] > 1 {
			continue
		}
		if f.State != rcuser.BulkUnknown {
			require.Zero(t, s.applied[f.UserID], "%q is %v: %v", f.UserID, f.State, f.Err)
		}
		require.False(t, s.confirmed[f.UserID], "%q isn't done", f.UserID)
	}
}
